"""User and Group: who a child becomes when root started the server.

The parent resolves the names once, before any fork, and stays root; each child gives the rights up for good right
after the fork. A server that would serve as root is refused, in Apache's words.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
from dataclasses import dataclass

from mpmserver.config.build import Configuration
from mpmserver.core.settings import CoreServer

DEFAULT_ID = "#-1"
PR_SET_DUMPABLE = 4


class IdentityError(Exception):
    """User or Group can't be had; the text is Apache's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A resolved User and Group; `groups` are the supplementary ones, `name` None for a number without a name."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str | None


def resolve(configuration: Configuration) -> Identity | None:
    """Return whom to become, None where root is not to be given up because nobody has it.

    Raises IdentityError for unknown names and for uid 0.
    """
    if os.geteuid() != 0:
        return None
    core = configuration.main.settings(CoreServer).finished()
    uid, name = user_id(core.user or DEFAULT_ID)
    gid = group_id(core.group or DEFAULT_ID)
    if uid == 0:
        raise IdentityError(
            "Error:\tmpmserver has not been designed to serve pages while\n\trunning as root.  There are known "
            "race conditions that\n\twill allow any local user to read any file on the system.\n\tIf you still desire "
            "to serve pages as root then\n\tadd -DBIG_SECURITY_HOLE to the CFLAGS env variable\n\tand then rebuild "
            "the server.\n\tIt is strongly suggested that you instead modify the User\n\tdirective in your httpd.conf "
            "file to list a non-root\n\tuser.\n"
        )
    groups = tuple(os.getgrouplist(name, gid)) if name is not None else (gid,)
    return Identity(uid, gid, groups, name)


def user_id(text: str) -> tuple[int, str | None]:
    """Return the number and name of a User argument, a name or "#number"."""
    if text.startswith("#"):
        number = _number(text)
        try:
            return number, pwd.getpwuid(number).pw_name
        except (KeyError, OverflowError):
            return number, None
    try:
        return pwd.getpwnam(text).pw_uid, text
    except KeyError:
        raise IdentityError(f"mpmserver: bad user name {text}") from None


def group_id(text: str) -> int:
    """Return the number of a Group argument, a name or "#number"."""
    if text.startswith("#"):
        return _number(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise IdentityError(f"mpmserver: bad group name {text}") from None


def _number(text: str) -> int:
    """atoi(), as Apache: what is no number is 0. A negative one wraps as the kernel's unsigned type does."""
    digits = text[1:]
    try:
        return int(digits) & 0xFFFFFFFF
    except ValueError:
        return 0


def become(identity: Identity | None, core_dumps: bool) -> None:
    """Give root up, for good; called in a child. `core_dumps` makes the process dumpable again. Raises OSError."""
    if identity is not None:
        os.setgroups(identity.groups)
        os.setgid(identity.gid)
        os.setuid(identity.uid)
    if core_dumps:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
