"""Names of users and groups by number."""

from __future__ import annotations

from mpmserver.core.accounts import group_name, user_name

NOBODY = 4_000_000_123
"""A number that no machine has given to anybody."""


def test_names() -> None:
    assert (user_name(0), group_name(0)) == ("root", "root")
    assert (user_name(NOBODY), group_name(NOBODY)) == (None, None)
