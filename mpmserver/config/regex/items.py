"""The items that a pattern is made of, with Python's text for them: those that are always the same."""

from __future__ import annotations

from typing import NamedTuple

from mpmserver.config.charclass import ALL_OCTETS, either_case, octets, type_ranges
from mpmserver.config.regex.cost import Assertion, Chain, Group, Octet, Repeat, Tree


class Item(NamedTuple):
    """One item: Python's text, its tree (None: it stands for nothing), whether it may be repeated."""

    text: str
    tree: Tree | None
    repeatable: bool = True


MASKS = tuple(1 << code for code in range(256))
"""Each octet as a set of octets."""
CASELESS_MASKS = tuple(either_case(mask) for mask in MASKS)

WORD_BOUNDARY = Assertion()
NO_BOUNDARY = Assertion(octets_only=False)
START = Assertion(start=True)
AT_END = Assertion(0)
BEFORE_LINE_END = Assertion(1 << 10)
NOTHING = Chain(())
ANY = Octet(ALL_OCTETS)
NO_NEWLINE = Octet(ALL_OCTETS & ~(1 << 10))
NEWLINE = Octet(octets(((0x0A, 0x0D), (0x85, 0x85))))


def _kind(letter: str) -> Octet:
    return Octet(octets(type_ranges(letter) or ()))


ESCAPES = {
    "A": Item(r"\A", START, False),
    "B": Item(r"(?!\b)", NO_BOUNDARY, False),
    "C": Item(".", ANY),
    "D": Item(r"\D", _kind("D")),
    "N": Item(r"[^\n]", NO_NEWLINE),
    "R": Item(r"(?>\r\n|[\n-\r\x85])", Group(Repeat(NEWLINE, 1, 2), looks=False)),
    "S": Item(r"\S", _kind("S")),
    "W": Item(r"\W", _kind("W")),
    "Z": Item(r"(?=\n?\Z)", BEFORE_LINE_END, False),
    "b": Item(r"\b", WORD_BOUNDARY, False),
    "d": Item(r"\d", _kind("d")),
    "s": Item(r"\s", _kind("s")),
    "w": Item(r"\w", _kind("w")),
    "z": Item(r"\Z", AT_END, False),
}
