"""RewriteMap prg: a program, started once with the server, that answers each key with a line; NULL is no answer.

Only servers where RewriteEngine is on have their programs started; the third argument of the directive says whom they
run as, else it is who started the server. A program that ends is not started again before the server is, and answers
nothing from then on. Asking one may take long: it is done where blocking is allowed, and one at a time.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex

from mpmserver.core.coprogram import Account, CoProgram, ProgramFailed
from mpmserver.core.errorlog import os_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.logs import Opener
from mpmserver.core.settings import Level
from mpmserver.core.site import Server, Site
from mpmserver.modules.rewrite.maps.base import RewriteMap
from mpmserver.modules.rewrite.settings import RewriteServer
from mpmserver.modules.rewrite.trace import trace
from mpmserver.net.waits import offload


class ProgramMap(RewriteMap):
    """One program."""

    __slots__ = ("_program", "arguments", "user")

    is_async = True

    def __init__(self, name: str, arguments: list[str], user: str) -> None:
        """`user` is NAME, NAME:GROUP, or empty."""
        super().__init__(name)
        self.arguments = arguments
        self.user = user
        self._program: CoProgram | None = None

    def start(self) -> CoProgram | None:
        """In the parent, as root: start the program if it doesn't run yet. Raises OSError."""
        if self._program is not None:
            return None
        self._program = CoProgram(self.arguments, _account(self.user) if self.user else None)
        return self._program

    def lookup(self, x: Exchange, key: str) -> str | None:
        raise RuntimeError("a program has to be waited for")

    async def lookup_async(self, x: Exchange, key: str) -> str | None:
        value = await self._asked(key)
        if value is None:
            trace(x, 5, f"map lookup FAILED: map={self.name} key={key}")
        else:
            trace(x, 5, f"map lookup OK: map={self.name} key={key} -> val={value}")
        return value

    async def _asked(self, key: str) -> str | None:
        if self._program is None or "\n" in key:
            return None
        answer = await offload(self._program.ask, os.fsencode(key))
        text = answer.partition(b"\0")[0]
        return None if text.upper() == b"NULL" else os.fsdecode(text)


def _account(user: str) -> Account:
    """Whom NAME or NAME:GROUP stands for; raises OSError as Apache reports names that don't exist."""
    name, _colon, group = user.partition(":")
    try:
        found = pwd.getpwnam(name)
        gid = grp.getgrnam(group).gr_gid if group else found.pw_gid
    except KeyError:
        raise FileNotFoundError(2, os.strerror(2), user) from None
    return Account(found.pw_uid, gid, tuple(os.getgrouplist(name, gid)))


def arguments_of(source: str) -> list[str]:
    """Split a command as Apache does: at white space, with quotes and backslashes."""
    lexer = shlex.shlex(source, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def start_programs(site: Site, opener: Opener) -> None:
    """Start the programs of all servers that rewrite, and leave them to the parent; raises ProgramFailed."""
    for server in site.servers:
        settings = server[RewriteServer]
        for found in settings.maps.values() if settings.enabled else ():
            if isinstance(found, ProgramMap):
                _start(server, found, opener)


def _start(server: Server, found: ProgramMap, opener: Opener) -> None:
    try:
        program = found.start()
    except OSError as error:
        message = f"AH00654: mod_rewrite: could not start RewriteMap program {found.arguments[0]}"
        server.log(Level.ERROR, "rewrite", f"{os_error(error)}: {message}")
        raise ProgramFailed(message) from error
    if program is not None:
        opener.programs.append(program)
