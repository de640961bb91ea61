"""Reading the text files that name users, their passwords and their groups, as Apache reads configuration files.

A line that ends with a backslash goes on in the next one; white space around a line doesn't count; lines that begin
with `#` are comments. Files are read anew at each request that asks, so that what htpasswd changes holds at once.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from mpmserver.config.directive import OR_AUTHCFG
from mpmserver.config.sections import Section
from mpmserver.config.settings import Settings, is_set
from mpmserver.core.passwords import prepare
from mpmserver.core.settings import CoreDir, Level

if TYPE_CHECKING:
    from mpmserver.config.build import Configuration
    from mpmserver.core.exchange import Exchange

_SPACE = " \t\n\v\f\r"


def read_lines(x: Exchange, path: str) -> Iterator[str]:
    """Open the file and return its lines; raises OSError at once (EBADF, logged, for what is no regular file)."""
    with open(path, "rb", opener=partial(_regular, x)) as file:
        return _lines(file.read().decode("utf-8", "surrogateescape"))


def _regular(x: Exchange, path: str, flags: int) -> int:
    """Open a regular file and nothing else."""
    fd = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        message = f"AH00554: Access to file {path} denied by server: not a regular file"
        x.server.site.main.log(Level.ERROR, "core", message)
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return fd


def _lines(text: str) -> Iterator[str]:
    begun = ""
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if line.endswith("\\"):
            begun += line[:-1]
            continue
        whole, begun = (begun + line).strip(_SPACE), ""
        if whole and not whole.startswith("#"):
            yield whole
    if last := begun.strip(_SPACE):
        yield last


def prepare_for(kind: type[Settings], directive: str, configuration: Configuration) -> None:
    """Load the library for passwords before the fork wherever a section, or an .htaccess file, may name a file of them.

    `kind` are the settings that `directive` (in lower case) changes; for `Module.post_config`.
    """
    for host in (configuration.main, *configuration.virtual_hosts):
        sections = (host.defaults, *host.directories, *host.files, *host.locations, *host.ifs)
        if any(_may_ask(section, kind, directive) for section in sections):
            prepare()
            return


def _may_ask(section: Section, kind: type[Settings], directive: str) -> bool:
    core = section.settings(CoreDir) if CoreDir in section.tables else CoreDir()
    override = core.override if is_set(core.override) else 0
    listed = directive in (core.override_list or ())
    inner = any(_may_ask(each, kind, directive) for each in (*section.files, *section.ifs))
    return kind in section.tables or bool(override & OR_AUTHCFG) or listed or inner
