"""Numbers, times and choices as Apache's directives read them: C's `atoi`, units of time, lists of words.

Apache reads many arguments with `atoi`, which takes what digits there are and calls the rest zero; a
configuration that Apache starts with has to start here as well, with the same figures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from mpmserver.config.build import Build

T = TypeVar("T")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_MOST = 2**63 - 1
_UNITS = {"": 0.0, "s": 1.0, "h": 3600.0, "ms": 0.001, "mi": 60.0}


def atol(text: str) -> int:
    """The number that `text` begins with, 0 where there is none, within 64 bits."""
    match = _INTEGER.match(text)
    return max(-_MOST - 1, min(int(match[1]), _MOST)) if match else 0


def atoi(text: str) -> int:
    """As `atol`, cut to the 32 bits of an int."""
    return (atol(text) + 2**31) % 2**32 - 2**31


def whole(text: str) -> int | None:
    """The number that all of `text` is, None where it is none (strtol with a check of its end)."""
    match = _INTEGER.fullmatch(text)
    return int(match[1]) if match else None


def seconds(text: str, unit: str = "s") -> float | None:
    """A time with an optional unit (ms, s, mi(n), h), None where the format is wrong. (ap_timeout_parameter_parse)"""
    match = _INTEGER.match(text)
    if match is None:
        return None
    number, given = int(match[1]), text[match.end() :] or unit
    key = given[:2] if given[0] == "m" else given[0]
    factor = _UNITS.get(key)
    if factor is None or number < 0 or number * factor * 1_000_000 > _MOST:
        return None
    return number * factor


def choice(build: Build, text: str, values: Mapping[str, T], complaint: str) -> T:
    """The value of a word, whatever its case; fails with `complaint` where it is none of them."""
    key = text.lower()
    if key not in values:
        build.fail(complaint)
    return values[key]


def on_off(build: Build, text: str) -> bool:
    """On or Off, for the directives whose own check says so."""
    return choice(build, text, {"on": True, "off": False}, "parameter must be 'on' or 'off'")
