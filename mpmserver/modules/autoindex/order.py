"""How a listing is ordered: by column, direction and the client's wishes, names last; version numbers by value.

Names are compared as bytes. `compare_versions` is the "natural order" of APR: digits count as numbers, except
that after a zero they count as fractions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any

from mpmserver.config.fnmatch import Match, compile_fnmatch
from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import escape_uri, unescape_path
from mpmserver.modules.autoindex.entry import Entry
from mpmserver.modules.autoindex.options import Option
from mpmserver.records import dataclass, replace

_COLUMNS = "NMSD"
_DIRECTIONS = "AD"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a listing is to look like, after the client's query was heard."""

    options: int
    column: str
    direction: str
    link_query: str = ""
    """What the column headings' links repeat of the query."""
    shows: Callable[[str], bool] | None = None
    """Which names the client wants to see."""


def hear(wishes: Wishes, query: str | None) -> Wishes:
    """Follow a query of C=, O=, F=, V= and P= arguments; what comes after the first that is none is ignored."""
    kept = {"F": "", "V": "", "P": ""}
    rest = query or ""
    while rest:
        key, value, rest = _argument(rest)
        if key == "P":
            wishes, kept["P"] = _pattern(wishes, value)
        elif key in ("F", "V"):
            wishes = replace(wishes, options=_CHANGES[key, value](wishes.options))
            kept[key] = f";{key}={value}"
        elif key == "C":
            wishes = replace(wishes, column=value)
        elif key == "O":
            wishes = replace(wishes, direction=value)
        else:
            break
    return replace(wishes, link_query="".join(kept.values()))


def _argument(query: str) -> tuple[str, str, str]:
    """The first argument of a query: its letter ("" where it is none that we know), value, and what follows."""
    end = min((i for i in (query.find("&"), query.find(";")) if i >= 0), default=len(query))
    key, equals, value = query[:end].partition("=")
    if not equals or (key != "P" and value not in _VALUES.get(key, ())):
        return "", "", ""
    return key, value, query[end + 1 :]


_VALUES = {"C": tuple(_COLUMNS), "O": tuple(_DIRECTIONS), "F": ("0", "1", "2"), "V": ("0", "1")}
_CHANGES: dict[tuple[str, str], Callable[[int], int]] = {
    ("F", "0"): lambda options: options & ~(Option.FANCY_INDEXING | Option.HTML_TABLE),
    ("F", "1"): lambda options: (options | Option.FANCY_INDEXING) & ~Option.HTML_TABLE,
    ("F", "2"): lambda options: options | Option.FANCY_INDEXING | Option.HTML_TABLE,
    ("V", "0"): lambda options: options & ~Option.VERSION_SORT,
    ("V", "1"): lambda options: options | Option.VERSION_SORT,
}


def _pattern(wishes: Wishes, value: str) -> tuple[Wishes, str]:
    """P=: a shell pattern, escaped; an empty or wrongly escaped one asks for all."""
    try:
        pattern = unescape_path(value)
    except HTTPError:
        pattern = ""
    if not pattern:
        return replace(wishes, shows=None), ""
    return replace(wishes, shows=compile_fnmatch(pattern, Match.PERIOD)), f";P={escape_uri(pattern)}"


def arranged(entries: Iterable[Entry], wishes: Wishes) -> list[Entry]:
    """Return the entries in order: the parent first, then folders where they come first, then by column."""
    folders_first = bool(wishes.options & Option.FOLDERS_FIRST and wishes.options & _FANCY)
    ordered = sorted(entries, key=_key(wishes), reverse=wishes.direction == "D")
    ordered.sort(key=lambda entry: (not entry.is_parent, folders_first and not entry.is_directory))
    return ordered


_FANCY = Option.FANCY_INDEXING | Option.HTML_TABLE


def _key(wishes: Wishes) -> Callable[[Entry], tuple[Any, ...]]:
    """What entries are compared by: the column, the name without its case where that counts less, the name."""
    by_version = bool(wishes.options & Option.VERSION_SORT)
    ignore_case = bool(wishes.options & Option.IGNORE_CASE)
    text: Callable[[bytes], Any] = cmp_to_key(compare_versions) if by_version else bytes
    column: Callable[[Entry], Any] = {
        "M": lambda entry: entry.modified,
        "S": lambda entry: entry.size,
        "D": lambda entry: text(os.fsencode(entry.description or "")),
    }.get(wishes.column, lambda entry: 0)

    def key(entry: Entry) -> tuple[Any, ...]:
        name = os.fsencode(entry.name)
        blind = (text(name.upper() if by_version else name.lower()),) if ignore_case else ()
        return (column(entry), *blind, text(name))

    return key


_DIGITS = b"0123456789"
_SPACE = b" \t\n\v\f\r"


def compare_versions(one: bytes, other: bytes) -> int:
    """Compare in natural order: negative, zero or positive (apr_strnatcmp)."""
    i = j = 0
    while True:
        while one[i : i + 1] and one[i] in _SPACE:
            i += 1
        while other[j : j + 1] and other[j] in _SPACE:
            j += 1
        a, b = _at(one, i), _at(other, j)
        if _is_digit(a) and _is_digit(b):
            run = _compare_left if a == 48 or b == 48 else _compare_right
            found = run(_run(one, i), _run(other, j))
            if found:
                return found
        if not a and not b:
            return 0
        if a != b:
            return -1 if a < b else 1
        i += 1
        j += 1


def _at(text: bytes, index: int) -> int:
    """The octet at `index` as a signed char, 0 at the end."""
    octet = text[index] if index < len(text) else 0
    return octet - 256 if octet > 127 else octet


def _is_digit(octet: int) -> bool:
    return 48 <= octet <= 57


def _run(text: bytes, start: int) -> bytes:
    """The digits from `start` on."""
    end = start
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return text[start:end]


def _compare_right(one: bytes, other: bytes) -> int:
    """Numbers: the longer is the greater."""
    return len(one) - len(other) or _compare_left(one, other)


def _compare_left(one: bytes, other: bytes) -> int:
    """Fractions: the first digit that differs decides."""
    return (one > other) - (one < other)
