"""File name patterns as APR matches them: ``*``, ``?``, ``[...]`` and backslash, compiled to one regular expression.

Used for ``<Directory>``, ``<Files>``, Include and IndexIgnore: compiled when the configuration is read, so that a
request only runs ``match``. Differences from Python's own ``fnmatch``, all of them apr_fnmatch's: a backslash
takes the next character literally, ``^`` negates a set as ``!`` does, a slash never is a set's member when path
names are matched, ``.`` at the start of a name must be written out when asked for, and a ``[`` that never closes
is a plain character.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Flag, auto


class Match(Flag):
    """How to match, in APR's names."""

    PLAIN = 0
    PATHNAME = auto()
    """No wildcard matches a slash."""
    PERIOD = auto()
    """A leading period (with PATHNAME also one after a slash) is matched by a period only."""
    CASE_BLIND = auto()
    """Letters match whatever their case."""



def has_wildcards(pattern: str) -> bool:
    """Whether ``pattern`` has a wildcard at all, or is just a name. (apr_fnmatch_test)"""
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character in "*?":
            return True
        if character == "[" and "]" in pattern[position + 1 :]:
            return True
        position += 2 if character == "\\" else 1
    return False


def compile_fnmatch(pattern: str, how: Match = Match.PLAIN) -> Callable[[str], bool]:
    """A function that says whether a name matches the whole of ``pattern``."""
    flags = re.DOTALL | (re.IGNORECASE | re.ASCII if Match.CASE_BLIND in how else re.NOFLAG)
    matcher = re.compile(translate(pattern, how), flags).fullmatch
    return lambda name: matcher(name) is not None


def translate(pattern: str, how: Match = Match.PLAIN) -> str:
    """``pattern`` as a regular expression for ``fullmatch`` under re.DOTALL."""
    return _Translation(pattern, how).run()


class _Translation:
    """One pass over one pattern."""

    __slots__ = ("_any", "_how", "_out", "_pattern", "_position")

    def __init__(self, pattern: str, how: Match) -> None:
        self._pattern = pattern
        self._how = how
        self._position = 0
        self._out: list[str] = []
        self._any = "[^/]" if Match.PATHNAME in how else "."

    def run(self) -> str:
        while self._position < len(self._pattern):
            self._step()
        return "".join(self._out)

    def _step(self) -> None:
        character = self._pattern[self._position]
        if character in "*?" or character == "[":
            guard = "(?!\\.)" if self._at_start() and Match.PERIOD in self._how else ""
            set_end = self._set_end() if character == "[" else None
            if character == "[" and set_end is None:
                self._emit("\\[", 1)
            elif set_end is not None:
                self._emit(guard + self._set(set_end), set_end - self._position)
            elif character == "?":
                self._emit(guard + self._any, 1)
            else:
                self._star(guard)
        elif character == "\\" and self._position + 1 < len(self._pattern):
            self._emit(re.escape(self._pattern[self._position + 1]), 2)
        else:
            self._emit(re.escape(character), 1)

    def _emit(self, expression: str, consumed: int) -> None:
        self._out.append(expression)
        self._position += consumed

    def _at_start(self) -> bool:
        if self._position == 0:
            return True
        return Match.PATHNAME in self._how and self._pattern[self._position - 1] == "/"

    def _star(self, guard: str) -> None:
        end = self._position
        while self._pattern[end : end + 1] == "*":
            end += 1
        self._emit(f"{guard}{self._any}*", end - self._position)

    def _set_end(self) -> int | None:
        """Where the set that opens here ends (after its ``]``), or None if it never closes."""
        position = self._position + 1
        if self._pattern[position : position + 1] in ("!", "^"):
            position += 1
        first = position
        while position < len(self._pattern):
            character = self._pattern[position]
            if character == "]" and position > first:
                return position + 1
            if character == "/" and Match.PATHNAME in self._how:
                return None
            position += 2 if character == "\\" else 1
        return None

    def _set(self, end: int) -> str:
        members = self._pattern[self._position + 1 : end - 1]
        negated = members[:1] in ("!", "^")
        if negated:
            members = members[1:]
        ranges = "".join(_ranges(members))
        slash = "(?!/)" if Match.PATHNAME in self._how else ""
        if not ranges:
            return f"{slash}." if negated else "(?!)"
        return f"{slash}[{'^' if negated else ''}{ranges}]"


def _ranges(members: str) -> list[str]:
    """The members of a set as ``re`` writes them; a range from high to low has none."""
    found = []
    characters = [(match[1] or match[0], bool(match[1])) for match in re.finditer(r"\\(.)|.", members, re.DOTALL)]
    position = 0
    while position < len(characters):
        low = characters[position][0]
        if characters[position + 1 : position + 2] == [("-", False)] and position + 2 < len(characters):
            high = characters[position + 2][0]
            position += 3
            if low <= high:
                found.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            position += 1
            found.append(re.escape(low))
    return found
