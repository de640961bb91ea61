"""The names of users and groups that files belong to, by the machine's user database, which may be far away."""

from __future__ import annotations

import grp
import pwd


def user_name(number: int) -> str | None:
    """A user's name, None where nobody has this number."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


def group_name(number: int) -> str | None:
    """A group's name, None where none has this number."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return None
