"""User and Group: who a child becomes when root started the server.

The parent looks the names up once, before any fork, and stays root; each child gives the rights up for good right
after the fork.
"""

from __future__ import annotations

import ctypes
import os
import pwd

from mpmserver.config.build import Configuration
from mpmserver.core.settings import CoreServer
from mpmserver.modules.unixd import group_id, user_id
from mpmserver.records import dataclass

DEFAULT_ID = "#-1"
"""Apache's default: an account that nobody has."""
NOBODYS = 0xFFFFFFFF
"""The number of it."""
PR_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """A resolved User and Group; `groups` are the supplementary ones."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def resolve(configuration: Configuration) -> Identity | None:
    """Return whom to become, None where there are no rights to give up. Raises ConfigError for unknown names."""
    if os.geteuid() != 0:
        return None
    core = configuration.main.settings(CoreServer).finished()
    uid, gid = user_id(core.user or DEFAULT_ID), group_id(core.group or DEFAULT_ID)
    return Identity(uid, gid, supplementary_groups(uid, gid))


def complain(configuration: Configuration) -> list[str]:
    """What hinders to give up root's rights: a User or Group that the configuration doesn't say.

    Apache logs the first of these lines and goes on to serve as root.
    """
    identity = resolve(configuration)
    if identity is None:
        return []
    lines = []
    if identity.uid & NOBODYS == NOBODYS:
        lines.append(
            f"AH02155: getpwuid: couldn't determine user name from uid {NOBODYS}, "
            "you probably need to modify the User directive"
        )
    if identity.gid & NOBODYS == NOBODYS:
        lines.append(
            f"AH02157: setgid: unable to set group id to Group {NOBODYS}, "
            "you probably need to modify the Group directive"
        )
    return lines


def supplementary_groups(uid: int, gid: int) -> tuple[int, ...]:
    """The groups of a user, as initgroups(3) sets them; only `gid` for a number without a name."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return (gid,)
    return tuple(os.getgrouplist(name, gid))


def become(identity: Identity | None, core_dumps: bool) -> None:
    """Give root up, for good; called in a child. `core_dumps` makes the process dumpable again.

    Raises OSError (OverflowError for numbers that no account can have).
    """
    if identity is not None:
        os.setgroups(identity.groups)
        os.setgid(identity.gid)
        os.setuid(identity.uid)
    if core_dumps:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
