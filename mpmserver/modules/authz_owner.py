"""mod_authz_owner: Require file-owner, and for other modules the name of the group that a file belongs to.

The names come from the machine's user database, which may be far away: it is asked by `offload`. Where
mod_authz_groupfile and mod_authz_dbm want to know a file's group they find `file_group` as provider
("file", "group"): it returns the name, or None after having logged why there is none.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from mpmserver.core.accounts import group_name, user_name
from mpmserver.core.auth import Authz, AuthzProvider, no_words
from mpmserver.core.errorlog import os_error
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.net.waits import offload
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Apache's numbers for what can go wrong."""

    no_file_name: str
    no_file: str
    no_name: str


_OWNER = _Numbers("AH01633", "AH01634", "AH01636")
_GROUP = _Numbers("AH01638", "AH01639", "AH01641")


_NO_ENTRY = os_error(FileNotFoundError(errno.ENOENT, ""))


async def _check(x: Exchange, parsed: None) -> Authz:
    """The user has to bear the name of the file's owner."""
    if x.user is None:
        return Authz.DENIED_NO_USER
    status = _stat(x, _OWNER)
    if status is None:
        return Authz.DENIED
    owner = await offload(user_name, status.st_uid)
    if owner is None:
        _failed(x, f"{_NO_ENTRY}: {_OWNER.no_name}: ", "could not get name of file owner")
        return Authz.DENIED
    if owner != x.user:
        _failed(x, "AH01637: ", f"file owner {owner} does not match.")
        return Authz.DENIED
    return Authz.GRANTED


async def file_group(x: Exchange) -> str | None:
    """The name of the group that the file belongs to; None, and a message, where there is none."""
    status = _stat(x, _GROUP)
    if status is None:
        return None
    group = await offload(group_name, status.st_gid)
    if group is None:
        _failed(x, f"{_NO_ENTRY}: {_GROUP.no_name}: ", "could not get name of file group")
    return group


def _stat(x: Exchange, numbers: _Numbers) -> os.stat_result | None:
    if x.filename is None:
        _failed(x, f"{numbers.no_file_name}: ", "no filename available")
        return None
    try:
        return x.files.stat(x.filename)
    except OSError as error:
        _failed(x, f"{os_error(error)}: {numbers.no_file}: ", f"could not stat file {x.filename}")
        return None


def _failed(x: Exchange, prefix: str, reason: str) -> None:
    message = f"{prefix}Authorization of user {x.user} to access {x.uri} failed, reason: {reason}"
    x.server.log(Level.ERROR, "authz_owner", message, x)


MODULE = Module(
    "authz_owner",
    providers={
        ("authz", "file-owner"): AuthzProvider(no_words, _check),
        ("file", "group"): file_group,
    },
)
