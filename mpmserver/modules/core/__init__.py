"""core: the sections, the directives that every server has, and the default handler.

The tables are in the files of this package, by theme; here they become one module. The directives that act
while the configuration is read are the reader's (`config/read_directives.py`) and only registered here.
"""

from __future__ import annotations

from mpmserver.config.read_directives import CORE as READ_DIRECTIVES
from mpmserver.core.errorlog import check_error_logs
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.modules.core import (
    directory,
    errordocument,
    files,
    ifsections,
    insert,
    limits,
    overrides,
    process,
    recall,
    sections,
    server,
)


def _pure(_settings: object) -> bool:
    return True


MODULE = Module(
    "core",
    file="core.c",
    directives=(
        *sections.DIRECTIVES,
        *ifsections.DIRECTIVES,
        *READ_DIRECTIVES,
        *server.DIRECTIVES,
        *directory.DIRECTIVES,
        *overrides.DIRECTIVES,
        *errordocument.DIRECTIVES,
        *limits.DIRECTIVES,
        *process.DIRECTIVES,
        *recall.DIRECTIVES,
    ),
    hooks=(
        Hook(Phase.TRANSLATE, files.translate, Order.REALLY_LAST, pure=_pure),
        Hook(
            Phase.FIXUP, files.override_type, Order.REALLY_FIRST,
            applies=files.overrides_anything, pure=files.overrides_purely,
        ),
        Hook(Phase.POST_READ, insert.look_up_local_name, applies=insert.wants_local_name),
        Hook(Phase.HEADER_PARSER, insert.look_up_local_name, applies=insert.wants_local_name),
        Hook(Phase.INSERT_FILTERS, insert.insert_filters, applies=insert.has_filters),
        Hook(Phase.HANDLER, files.discard_body, Order.REALLY_LAST, pure=_pure),
        Hook(Phase.HANDLER, files.file_server, Order.REALLY_LAST, per_settings=True, pure=_pure),
    ),
    server_settings=CoreServer,
    dir_settings=CoreDir,
    post_config=check_error_logs,
)  # fmt: skip
