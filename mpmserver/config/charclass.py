"""The characters that PCRE's escapes and bracket expressions stand for, written for Python's ``re``.

PCRE as Apache uses it knows bytes and the C locale: letters are ASCII letters, ``\\h`` and ``\\v`` know the spaces
and line ends of Latin-1. Everything here is text for the inside of a Python set, with each character that could
mean something there escaped, so that ``re`` has nothing to warn about.
"""

from __future__ import annotations

LAST = 0x10FFFF
LAST_OCTET = 0xFF
BEYOND = 1 << 257
"""In a set of octets: characters that are no octet are in Python's form of it, too."""
ALL_OCTETS = (1 << 256) - 1 | BEYOND
_LETTERS = (1 << 26) - 1

Ranges = tuple[tuple[int, int], ...]

_DIGIT: Ranges = ((0x30, 0x39),)
_UPPER: Ranges = ((0x41, 0x5A),)
_LOWER: Ranges = ((0x61, 0x7A),)
_ALPHA: Ranges = _UPPER + _LOWER
_SPACE: Ranges = ((0x09, 0x0D), (0x20, 0x20))

POSIX: dict[str, Ranges] = {
    "alnum": _DIGIT + _ALPHA,
    "alpha": _ALPHA,
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": _SPACE,
    "upper": _UPPER,
    "word": _DIGIT + _UPPER + ((0x5F, 0x5F),) + _LOWER,
    "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}
"""``[:name:]``; ranges are in ascending order."""

TYPES: dict[str, Ranges] = {
    "d": _DIGIT,
    "s": _SPACE,
    "w": POSIX["word"],
    "h": ((0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0)),
    "v": ((0x0A, 0x0D), (0x85, 0x85)),
}
"""``\\d`` and its like; the capital letter stands for all other characters."""

SIMPLE_ESCAPES = {"a": 0x07, "e": 0x1B, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09}
"""Escapes that are one character."""


def members(ranges: Ranges) -> str:
    """``ranges`` for the inside of a Python set."""
    return "".join(character(low) if low == high else f"{character(low)}-{character(high)}" for low, high in ranges)


def complement(ranges: Ranges) -> Ranges:
    """All other characters."""
    found = []
    start = 0
    for low, high in sorted(ranges):
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


def type_ranges(letter: str) -> Ranges | None:
    """What ``\\d``, ``\\H`` and their like stand for; None for a letter that is no character type."""
    ranges = TYPES.get(letter.lower())
    if ranges is None:
        return None
    return complement(ranges) if letter.isupper() else ranges


def posix_ranges(name: str, negated: bool, caseless: bool) -> Ranges | None:
    """What ``[:name:]`` stands for; None where there is no such class."""
    if caseless and name in ("upper", "lower"):
        name = "alpha"
    ranges = POSIX.get(name)
    if ranges is None:
        return None
    return complement(ranges) if negated else ranges


def octets(ranges: Ranges) -> int:
    """``ranges`` as a set of octets: a number with bit n set for octet n, and BEYOND."""
    found = 0
    for low, high in ranges:
        if high > LAST_OCTET:
            found |= BEYOND
        if low <= LAST_OCTET:
            found |= (2 << min(high, LAST_OCTET)) - (1 << low)
    return found


def either_case(mask: int) -> int:
    """A set of octets with the other case of each letter added."""
    letters = (mask >> 0x41 | mask >> 0x61) & _LETTERS
    return mask | letters << 0x41 | letters << 0x61


def character(code: int) -> str:
    """One character, for inside or outside of a set, so that it means only itself."""
    if chr(code).isascii() and chr(code).isalnum():
        return chr(code)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
