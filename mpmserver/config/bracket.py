"""PCRE's bracket expressions and coded characters: ``[[:alpha:]\\d-]``, ``\\x41``, ``\\o{101}``, ``\\cA``.

Called by the translator of regular expressions with the pattern and a position; answers with Python's form, the set
of octets, and the position behind what was read. Raises ConfigError where PCRE refuses the pattern.
"""

from __future__ import annotations

import re
from typing import NoReturn

from mpmserver.config.charclass import (
    ALL_OCTETS,
    SIMPLE_ESCAPES,
    Ranges,
    character,
    either_case,
    members,
    octets,
    posix_ranges,
    type_ranges,
)
from mpmserver.config.errors import ConfigError

MAX_CODE = 0xFF
"""PCRE without UTF knows bytes."""

_POSIX = re.compile(r"\[([:.=])(\^?)([^\]\\]*?)\1\]")
_BRACED = re.compile(r"\\(?:x\{([0-9A-Fa-f]+)\}|o\{([0-7]+)\})")
_SHORT = re.compile(r"\\(?:x([0-9A-Fa-f]{0,2})|([0-7]{1,3}))")
_WORD_BOUNDARIES = {"[[:<:]]": r"\b(?=\w)", "[[:>:]]": r"\b(?<=\w)"}


def read_code(pattern: str, position: int) -> tuple[int, int]:
    """The character that an escape at ``position`` names: its code, and the position behind it."""
    braced = _BRACED.match(pattern, position)
    if braced is not None:
        code = int(braced[1], 16) if braced[1] else int(braced[2], 8)
        return _checked(code, pattern, position), braced.end()
    letter = pattern[position + 1 : position + 2]
    if pattern.startswith(("\\x{", "\\o"), position):
        _fail(f"\\{letter} is not followed by digits in braces", pattern, position)
    short = _SHORT.match(pattern, position)
    if short is not None:
        code = int(short[2], 8) if short[2] else int(short[1] or "0", 16)
        return _checked(code, pattern, position), short.end()
    if letter == "c":
        return _control(pattern, position)
    if letter in SIMPLE_ESCAPES:
        return SIMPLE_ESCAPES[letter], position + 2
    if not letter or (letter.isascii() and letter.isalnum()):
        _fail("unrecognized character follows \\", pattern, position)
    return ord(letter), position + 2


def _control(pattern: str, position: int) -> tuple[int, int]:
    controlled = pattern[position + 2 : position + 3]
    if not controlled or not " " <= controlled <= "~":
        _fail("\\c must be followed by a printable ASCII character", pattern, position)
    return ord(controlled.upper()) ^ 0x40, position + 3


def _checked(code: int, pattern: str, position: int) -> int:
    if code > MAX_CODE:
        _fail("character code point value in \\x{} or \\o{} is too large", pattern, position)
    return code


def _fail(message: str, pattern: str, position: int) -> NoReturn:
    raise ConfigError(f"{message} (at offset {position} of the regular expression '{pattern}')")


def read_bracket(pattern: str, position: int, *, caseless: bool, extended: bool) -> tuple[str, int | None, int]:
    """The bracket expression at ``position``: Python's set, its octets (None for a word boundary), and the position
    behind it.

    ``extended`` ignores spaces and tabs inside (``xx``); ``caseless`` matters to ``[:upper:]``.
    """
    for boundary, translated in _WORD_BOUNDARIES.items():
        if pattern.startswith(boundary, position):
            return translated, None, position + len(boundary)
    if _POSIX.match(pattern, position):
        _fail("POSIX named classes are supported only within a class", pattern, position)
    return _Bracket(pattern, position, caseless, extended).read()


class _Bracket:
    """One bracket expression."""

    __slots__ = ("_caseless", "_extended", "_octets", "_parts", "_pattern", "_position", "_quoting", "_start")

    def __init__(self, pattern: str, position: int, caseless: bool, extended: bool) -> None:
        self._pattern = pattern
        self._start = position
        self._position = position + 1
        self._caseless = caseless
        self._extended = extended
        self._quoting = False
        self._parts: list[str] = []
        self._octets = 0

    def read(self) -> tuple[str, int, int]:
        self._skip()
        negation = ""
        if self._at("^") and not self._quoting:
            negation = "^"
            self._position += 1
        self._skip()
        first = True
        while first or not self._closes():
            self._element()
            first = False
            self._skip()
        found = either_case(self._octets) if self._caseless else self._octets
        found = ALL_OCTETS & ~found if negation else found
        return f"[{negation}{''.join(self._parts)}]", found, self._position + 1

    def _element(self) -> None:
        """A character, a class, or a range."""
        low = self._one()
        self._add(((low, low),) if isinstance(low, int) else low)
        self._skip()
        if self._quoting or not self._at("-"):
            return
        self._position += 1
        self._skip()
        if self._closes():
            self._add(((ord("-"), ord("-")),))
            return
        high = self._one()
        if not isinstance(low, int) or not isinstance(high, int):
            self._fail("invalid range in character class")
        if low > high:
            self._fail("range out of order in character class")
        self._parts.append(f"-{character(high)}")
        self._octets |= octets(((low, high),))

    def _add(self, ranges: Ranges) -> None:
        self._parts.append(members(ranges))
        self._octets |= octets(ranges)

    def _one(self) -> int | Ranges:
        """One member: a character's code, or a class."""
        if self._position >= len(self._pattern):
            self._fail("missing terminating ] for character class")
        here = self._pattern[self._position]
        posix = None if self._quoting else _POSIX.match(self._pattern, self._position)
        if posix is not None:
            return self._posix(posix)
        if self._quoting or here != "\\":
            self._position += 1
            return ord(here)
        letter = self._pattern[self._position + 1 : self._position + 2]
        if (inside := type_ranges(letter)) is not None:
            self._position += 2
            return inside
        if letter in ("b", "8", "9"):
            self._position += 2
            return 0x08 if letter == "b" else ord(letter)
        if letter in ("B", "N", "R", "X"):
            self._fail(f"escape sequence \\{letter} is invalid in character class")
        code, self._position = read_code(self._pattern, self._position)
        return code

    def _posix(self, match: re.Match[str]) -> Ranges:
        if match[1] != ":":
            self._fail("POSIX collating elements are not supported")
        inside = posix_ranges(match[3], bool(match[2]), self._caseless)
        if inside is None:
            self._fail("unknown POSIX class name")
        self._position = match.end()
        return inside

    def _skip(self) -> None:
        """Passes over \\Q, \\E and, extended, blanks. The end of the pattern is an error here."""
        while self._position < len(self._pattern):
            if self._at("\\E") or (self._at("\\Q") and not self._quoting):
                self._quoting = self._at("\\Q")
                self._position += 2
            elif self._extended and not self._quoting and self._pattern[self._position] in " \t":
                self._position += 1
            else:
                return
        self._fail("missing terminating ] for character class")

    def _closes(self) -> bool:
        return not self._quoting and self._at("]")

    def _at(self, text: str) -> bool:
        return self._pattern.startswith(text, self._position)

    def _fail(self, message: str) -> NoReturn:
        _fail(message, self._pattern, self._start)
