"""mod_rewrite: rules that change what a request is for.

Two places have rules. A server's (`server_context.py`) are applied in TRANSLATE, to the URI-path; those of sections and
.htaccess files (`directory_context.py`) in FIXUP, to the file name below their directory. Both run the same engine
(`engine.py`) on rules that were compiled when the configuration was read (`rule.py`, `conditions.py`,
`substitution.py`). Each hook stands here twice, as a plain function and as a coroutine: the second one is for rules
that have to wait for something, a subrequest, a name from DNS or a program, and of the two only one applies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmserver.core.module import Hook, Module, Order, Phase, always
from mpmserver.modules.rewrite import directory_context, server_context
from mpmserver.modules.rewrite.directives import DIRECTIVES
from mpmserver.modules.rewrite.maps.program import start_programs
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteServer

Ask = Callable[[Any], bool]


def _server_applies(waits: bool) -> Ask:
    return lambda settings: server_context.applies(settings) and _server_waits(settings) is waits


def _server_waits(settings: Any) -> bool:
    server = settings.server[RewriteServer]
    return bool(server.rule_set.waits(server.maps))


def _server_pure(settings: Any) -> bool:
    server = settings.server[RewriteServer]
    return bool(server.rule_set.is_pure(server.maps))


def _section_applies(waits: bool) -> Ask:
    return lambda settings: directory_context.applies(settings) and _section_waits(settings) is waits


def _section_waits(settings: Any) -> bool:
    return bool(settings[RewriteDir].rule_set.waits(settings.server[RewriteServer].maps))


def _section_pure(settings: Any) -> bool:
    return bool(settings[RewriteDir].rule_set.is_pure(settings.server[RewriteServer].maps))


def _forces(settings: Any) -> bool:
    return bool(settings.server[RewriteServer].rule_set.forces or settings[RewriteDir].rule_set.forces)


MODULE = Module(
    "rewrite",
    directives=DIRECTIVES,
    hooks=(
        Hook(
            Phase.TRANSLATE, server_context.translator, Order.FIRST, per_settings=True,
            applies=_server_applies(waits=False), pure=_server_pure,
        ),
        Hook(
            Phase.TRANSLATE, server_context.waiting_translator, Order.FIRST, per_settings=True,
            applies=_server_applies(waits=True),
        ),
        Hook(
            Phase.FIXUP, directory_context.refuse, Order.FIRST,
            applies=directory_context.is_forbidden, pure=always,
        ),
        Hook(
            Phase.FIXUP, directory_context.rewriter, Order.FIRST, per_settings=True,
            applies=_section_applies(waits=False), pure=_section_pure,
        ),
        Hook(
            Phase.FIXUP, directory_context.waiting_rewriter, Order.FIRST, per_settings=True,
            applies=_section_applies(waits=True),
        ),
        Hook(Phase.FIXUP, directory_context.force, Order.LAST, applies=_forces, pure=always),
        Hook(
            Phase.HANDLER, directory_context.follow, handler=directory_context.REDIRECT_HANDLER, pure=always,
        ),
    ),
    server_settings=RewriteServer,
    dir_settings=RewriteDir,
    open_logs=start_programs,
)  # fmt: skip
