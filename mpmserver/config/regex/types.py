"""What the rest of the server sees of a compiled expression and of a match, whichever engine made them.

``re.Pattern[str]`` and ``re.Match[str]`` are such objects themselves, so the common case costs nothing.
Subjects are text as paths have it: UTF-8, with other octets as surrogate escapes.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, overload


class Regex(Protocol):
    """A compiled expression; it never changes."""

    def __hash__(self) -> int: ...

    @property
    def pattern(self) -> str:
        """The expression, in the engine's form."""

    @property
    def groups(self) -> int:
        """How many capturing groups it has."""

    def search(self, string: str, /) -> RegexMatch | None:
        """Return where it matches first, None where it does not, or not within the budget."""


class RegexMatch(Protocol):
    """A match; groups are numbered or named, 0 is the whole match."""

    @property
    def re(self) -> Regex: ...

    @property
    def string(self) -> str: ...

    def __getitem__(self, group: int | str, /) -> str | Any:
        """Return a group's text, None where it took no part."""

    @overload
    def group(self, group: Literal[0] = 0, /) -> str | Any: ...
    @overload
    def group(self, group: int | str, /) -> str | Any: ...

    def groupdict(self) -> dict[str, str | Any]:
        """Return the text of each named group, None where it took no part."""

    def groups(self) -> tuple[str | Any, ...]:
        """Return all groups from 1 on."""

    def span(self, group: int | str = 0, /) -> tuple[int, int]:
        """Return where a group begins and ends in the subject, (-1, -1) where it took no part."""

    def start(self, group: int | str = 0, /) -> int: ...

    def end(self, group: int | str = 0, /) -> int: ...
