"""Freshness: how a process comes to know that a remembered answer's files are no longer as they were.

Two ways with one surface, `Freshness`: `StatFreshness` leaves it to a look at each hit; by `Watches` (`watches.py`)
the kernel tells. A *token* stands for a remembered answer; who finds it stale sets that attribute. Nothing here is for
more than one thread at a time: who calls it sees to that.
"""

from __future__ import annotations

from typing import Final, Protocol

from mpmserver.core.recall.looks import Checks, Looks

CHANGED: Final = "a file has just changed"


class Token(Protocol):
    """A remembered answer."""

    stale: bool

    def __hash__(self) -> int: ...


class Freshness(Protocol):
    """What memory asks for."""

    looks_each_time: bool
    """Whether nobody tells of changes: `unchanged` is to be asked at each hit."""
    reason: str
    """Why `guard` said no last, for the status page."""

    def guard(self, token: Token, looks: Looks) -> Checks | None:
        """Keep a token fresh. Returns what `unchanged` may be asked with; None where it can't be kept so (`reason`)."""

    def release(self, token: Token) -> None:
        """The token's answer is forgotten. Does nothing for one that is not guarded (any more)."""


class StatFreshness:
    """By looking at each hit."""

    __slots__ = ("reason",)
    looks_each_time = True

    def __init__(self) -> None:
        self.reason = ""

    def guard(self, token: Token, looks: Looks) -> Checks | None:
        checks = looks.checks()
        if checks is None:
            self.reason = CHANGED
        return checks

    def release(self, token: Token) -> None:
        """Nothing is kept."""
