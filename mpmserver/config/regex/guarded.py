"""An expression that ``re`` alone must not be trusted with: each subject goes to the engine that is fit for it.

Short subjects go to ``re`` where it can express the pattern, longer ones, and those of patterns that may take
exponential time, to PCRE2 with a limit. A match that is given up counts as none, as in Apache, and the policy is told.
Where octets and characters aren't the same to the pattern, text that isn't ASCII is matched octet by octet, as Apache
matches everything. Called on any thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mpmserver.config.regex.engine import Engine, LimitExceeded, Spans, load
from mpmserver.config.regex.policy import RegexPolicy
from mpmserver.config.regex.types import RegexMatch
from mpmserver.records import dataclass

Coding = tuple[str, str]
"""How text stands for octets: encoding and error handler."""

TEXT: Coding = ("utf-8", "surrogateescape")
LATIN_1: Coding = ("latin-1", "strict")
ANY_LENGTH = 1 << 62


@dataclass(frozen=True, slots=True)
class Source:
    """What an expression is compiled from: the pattern, PCRE's options, how subjects stand for octets."""

    pattern: str
    options: frozenset[str]
    coding: Coding
    policy: RegexPolicy | None

    @property
    def octets(self) -> str:
        """The pattern with one character for each octet."""
        return self.pattern if self.pattern.isascii() else self.pattern.encode(*self.coding).decode("latin-1")


class GuardedRegex:
    """One expression; see the module's docstring."""

    __slots__ = ("_alike", "_engine", "_plain", "_short", "_source", "groups", "names", "pattern")

    def __init__(self, source: Source, groups: int, names: Mapping[str, tuple[int, ...]]) -> None:
        self.pattern = source.pattern
        self.groups = groups
        self.names = names
        """The numbers of the groups with a name, of which there may be several."""
        self._source = source
        self._plain: re.Pattern[str] | None = None
        self._engine: Engine | None = None
        self._short = -1
        self._alike = False

    @classmethod
    def plain(cls, source: Source, plain: re.Pattern[str], short: int, alike: bool) -> GuardedRegex:
        """An expression that ``re`` may search in texts of up to `short` octets.

        `alike`: characters and octets are the same to it (`cost.search_cost`).
        """
        regex = cls(source, plain.groups, {name: (number,) for name, number in plain.groupindex.items()})
        regex._plain, regex._short, regex._alike = plain, short, alike
        if short < ANY_LENGTH:
            load()
        return regex

    @classmethod
    def limited(cls, source: Source) -> GuardedRegex:
        """An expression for PCRE2 alone; raises ConfigError where it is refused."""
        engine = Engine(source.octets, source.options)
        regex = cls(source, engine.groups, engine.names)
        regex._engine = engine
        return regex

    def search(self, string: str, /) -> RegexMatch | None:
        """Return where the expression matches first, None where it does not, or not within the budget."""
        if self._plain is not None and len(string) <= self._short and (self._alike or string.isascii()):
            return self._plain.search(string)
        octets = string.encode(*self._source.coding)
        spans = self._spans(octets)
        return None if spans is None else OctetMatch(self, string, octets, spans, self._source.coding)

    def _spans(self, octets: bytes) -> Spans | None:
        if self._plain is not None and len(octets) <= self._short:
            match = self._plain.search(octets.decode("latin-1"))
            return None if match is None else tuple(match.span(group) for group in range(self.groups + 1))
        if self._engine is None:
            self._engine = Engine(self._source.octets, self._source.options)
        try:
            return self._engine.search(octets)
        except LimitExceeded:
            if self._source.policy is not None:
                self._source.policy.given_up(self.pattern, len(octets))
            return None


class OctetMatch:
    """A match in octets, told in text."""

    __slots__ = ("_coding", "_octets", "_spans", "re", "string")

    def __init__(self, regex: GuardedRegex, string: str, octets: bytes, spans: Spans, coding: Coding) -> None:
        self.re = regex
        self.string = string
        self._octets = octets
        self._spans = spans
        self._coding = coding

    def __getitem__(self, group: int | str, /) -> str | Any:
        begin, end = self._spans[self._number(group)]
        return None if begin < 0 else self._octets[begin:end].decode(*self._coding)

    def group(self, group: int | str = 0, /) -> str | Any:
        return self[group]

    def groups(self) -> tuple[str | Any, ...]:
        return tuple(self[group] for group in range(1, self.re.groups + 1))

    def groupdict(self) -> dict[str, str | Any]:
        return {name: self[name] for name in self.re.names}

    def span(self, group: int | str = 0, /) -> tuple[int, int]:
        begin, end = self._spans[self._number(group)]
        if begin < 0 or len(self.string) == len(self._octets):
            return begin, end
        return len(self._octets[:begin].decode(*self._coding)), len(self._octets[:end].decode(*self._coding))

    def start(self, group: int | str = 0, /) -> int:
        return self.span(group)[0]

    def end(self, group: int | str = 0, /) -> int:
        return self.span(group)[1]

    def _number(self, group: int | str) -> int:
        """The number of a group, of several with one name the last that took part; raises IndexError."""
        numbers = self.re.names.get(group, ()) if isinstance(group, str) else (group,)
        for number in reversed(numbers):
            if not 0 <= number < len(self._spans):
                break
            if self._spans[number][0] >= 0 or number == numbers[0]:
                return number
        raise IndexError("no such group")
