"""Numbers, times and choices as Apache reads them: C's `atoi`, units of time, lists of words.

Apache reads many arguments with `atoi`, which takes what digits there are and calls the rest zero; a
configuration that Apache starts with has to start here as well, with the same figures. Requests ask `atol` and
`atoi`, too, about texts of any length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from mpmserver.config.build import Build

T = TypeVar("T")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?=[0-9])0*([0-9]*)")
_ENOUGH = 20
"""Digits that say whether a number has more than 64 bits; a client's text may have any number of them."""
_MOST = 2**63 - 1
_UNITS = {"": 0.0, "s": 1.0, "h": 3600.0, "ms": 0.001, "mi": 60.0}


def atol(text: str) -> int:
    """The number that `text` begins with, 0 where there is none, within 64 bits."""
    match = _INTEGER.match(text)
    return max(-_MOST - 1, min(_value(match), _MOST)) if match else 0


def atoi(text: str) -> int:
    """As `atol`, cut to the 32 bits of an int."""
    return (atol(text) + 2**31) % 2**32 - 2**31


def whole(text: str) -> int | None:
    """The number that all of `text` is, None where it is none (strtol with a check of its end).

    Of one with more than 64 bits it can only be told that it is one.
    """
    match = _INTEGER.fullmatch(text)
    return _value(match) if match else None


def _value(match: re.Match[str]) -> int:
    return int(match[1] + (match[2][:_ENOUGH] or "0"))


def seconds(text: str) -> float | None:
    """A time with its unit (ms, s, mi(n), h; none: s), None where it is no such. (ap_timeout_parameter_parse)"""
    match = _INTEGER.match(text)
    if match is None:
        return None
    number, given = _value(match), text[match.end() :] or "s"
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
