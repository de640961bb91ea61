"""What pure functions of text have said, kept for a while: heads say the same things again and again.

A `Cache` is a dictionary that asks its function for what it does not know, so that a hit costs no Python call. It is
emptied when it is full: that needs no order to be kept, and what is asked for often is back at once. Long texts are not
kept, so a client can't make it large. Threads may share one: each step is one operation of a dictionary, and two that
ask at once come to the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

MOST: Final = 1024
LONGEST: Final = 512

V = TypeVar("V")


class Cache(dict[str, V]):
    """``cache[text]`` is what ``make(text)`` gives; what it raises is raised, and not remembered."""

    __slots__ = ("_longest", "_make", "_most")

    def __init__(self, make: Callable[[str], V], most: int = MOST, longest: int = LONGEST) -> None:
        """Keep at most ``most`` answers, for texts of at most ``longest`` characters."""
        super().__init__()
        self._make = make
        self._most = most
        self._longest = longest

    def __missing__(self, text: str) -> V:
        made = self._make(text)
        if len(text) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[text] = made
        return made
