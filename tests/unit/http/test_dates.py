"""Dates: formats of RFC 9110 5.6.7, and which texts Apache takes for one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.dates import clf_time, http_date, log_time, parse_http_date

WHEN = 1767323045


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local time zone of one test."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    clf_time.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    clf_time.cache_clear()


def test_http_date() -> None:
    assert http_date(WHEN) == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 02 Jan 2026 03:04:05 GMT",
        "Fri, 2 Jan 2026 03:04:05 GMT",
        "Mon, 02 Jan 2026 03:04:05 GMT",
        "Fri, 02 Jan 2026 03:04:05 +0000",
        "Fri, 02 Jan 2026 03:04:05 EST",
        "Fri, 02 Jan 2026 03:04:05 GMT; length=1000",
        "Friday, 02-Jan-26 03:04:05 GMT",
        "Fri Jan  2 03:04:05 2026",
    ],
)
def test_accepted(text: str) -> None:
    assert parse_http_date(text) == WHEN


@pytest.mark.parametrize(
    "text",
    ["", "0", "garbage", "Fri, 02 Jan 2026 03:04:05", "fri, 02 jan 2026 03:04:05 GMT", "Fri, 02 JAN 2026 03:04:05 GMT",
     "Fri,02 Jan 2026 03:04:05 GMT", "02 Jan 2026 03:04:05 GMT", "Fri, 31 Feb 2026 03:04:05 GMT",
     "Sun, 29 Feb 2026 03:04:05 GMT", "Fri, 00 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 25:04:05 GMT",
     "Fri, 02 Jan 2026 03:60:05 GMT", "Fri, 02 Jan 2026 03:04:62 GMT", "Fri, 02 Jan 1926 03:04:05 GMT",
     "Fri, 02 Foo 2026 03:04:05 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-01-02T03:04:05Z",
     "Fri, \u0662 Jan 2026 03:04:05 GMT", "Sat, 01 Jan 0000 00:00:00 GMT"],
)  # fmt: skip
def test_no_date(text: str) -> None:
    assert parse_http_date(text) is None


def test_two_digits_of_a_year() -> None:
    assert parse_http_date("Friday, 01-Jan-99 00:00:00 GMT") == 915148800
    assert parse_http_date("Friday, 01-Jan-69 00:00:00 GMT") == 3124224000
    assert parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT") == 1709164800


@given(st.integers(1, 4102444800))
def test_round_trip(seconds: int) -> None:
    assert parse_http_date(http_date(seconds)) == seconds


@pytest.mark.parametrize(
    ("zone", "clf"),
    [
        ("UTC", "[02/Jan/2026:03:04:05 +0000]"),
        ("Asia/Kolkata", "[02/Jan/2026:08:34:05 +0530]"),
        ("America/St_Johns", "[01/Jan/2026:23:34:05 -0330]"),
    ],
    indirect=["zone"],
)
@pytest.mark.usefixtures("zone")
def test_clf_time(clf: str) -> None:
    assert clf_time(WHEN) == clf


@pytest.mark.parametrize("zone", ["UTC"], indirect=True)
@pytest.mark.usefixtures("zone")
def test_log_time() -> None:
    assert log_time(678901, WHEN) == "Fri Jan 02 03:04:05.678901 2026"
    assert log_time(None, WHEN) == "Fri Jan 02 03:04:05 2026"




@given(st.dates())
def test_any_day(day: date) -> None:
    seconds = (day - date(1970, 1, 1)).days * 86400
    text = f"Mon, {day.day:02} {day:%b} {day.year:04} 00:00:00 GMT"
    assert parse_http_date(text) == (seconds if seconds > 0 else None)
