"""Numbers and times as C and Apache read them."""

from __future__ import annotations

import pytest

from mpmserver.config.numbers import atoi, atol, seconds, whole

LONG = "9" * 5000
"""More digits than Python makes a number of without being asked to."""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0), ("x", 0), ("12", 12), (" \t12x", 12), ("-5", -5), ("+5", 5), ("0x10", 0), ("010", 10), ("- 5", 0),
        ("9223372036854775808", 2**63 - 1), ("-99999999999999999999", -(2**63)), ("4294967297", 4294967297),
        (LONG, 2**63 - 1), (f"-{LONG}", -(2**63)), ("0" * 5000 + "7", 7), ("-0", 0),
    ],
)  # fmt: skip
def test_atol(text: str, number: int) -> None:
    assert atol(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("7 apples", 7), ("2147483648", -(2**31)), ("4294967297", 1), ("99999999999", 1215752191), (LONG, -1)],
)
def test_atoi_has_32_bits(text: str, number: int) -> None:
    assert atoi(text) == number


@pytest.mark.parametrize(("text", "number"), [("12", 12), (" -3", -3), ("12x", None), ("", None), ("+", None)])
def test_whole(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_whole_tells_what_has_too_many_bits() -> None:
    assert (whole(LONG) or 0) >= 2**63
    assert (whole(f"-{LONG}") or 0) < -(2**63)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("5", 5.0), ("5s", 5.0), ("250ms", 0.25), ("2mi", 120.0), ("2min", 120.0), ("1h", 3600.0), ("-1", None),
        ("5x", None), ("", None), (LONG, None),
    ],
)  # fmt: skip
def test_seconds(text: str, time: float | None) -> None:
    assert seconds(text) == time
