"""Dates as HTTP and the logs write them, and as clients send them (RFC 9110 5.6.7).

Formatting one second twice is wasted: the last ones are kept, of the present and of the files that are asked for.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}

# The masks of apr_date_parse_http: the weekday is skipped, whatever it is; what follows the time too.
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMATS = tuple(
    re.compile(form, re.ASCII | re.DOTALL)
    for form in (
        rf" *[^ ]+ (?P<day>\d\d?) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} .*",
        rf" *[^ ]+ (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} .*",
        rf" *[^ ]+ (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}}).*",
    )
)
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=1024)
def http_date(seconds: int) -> str:
    """``Fri, 02 Jan 2026 03:04:05 GMT`` (IMF-fixdate) of seconds since the epoch."""
    t = time.gmtime(seconds)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
    )


def parse_http_date(text: str) -> int | None:
    """Seconds since the epoch of a date in one of the three formats of HTTP.

    None for anything else, and for the epoch itself and before, which Apache takes for no date. Two
    digits of a year are of this century up to 69. The weekday is not checked.
    """
    return _parse_usual(text) if len(text) == _USUAL else _parse(text)


def _parse(text: str) -> int | None:
    for form in _FORMATS:
        if match := form.fullmatch(text):
            return _seconds(match)
    return None


_parse_usual = lru_cache(maxsize=1024)(_parse)
_USUAL = len("Fri, 02 Jan 2026 03:04:05 GMT")
"""The length of the dates that servers write: those of files come back again and again."""


def _seconds(match: re.Match[str]) -> int | None:
    month = _MONTH_NUMBERS.get(match["month"])
    day, year = int(match["day"]), int(match["year"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if month is None or hour > 23 or minute > 59 or second > 61 or not 0 < day <= _DAYS_IN_MONTH[month - 1]:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 2 and day == 29 and not leap:
        return None
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return seconds if seconds > 0 else None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970, counted from March on, so that the leap day is a year's last.

    `calendar.timegm` would tell as well, but it brings datetime and locale along.
    """
    if month < 3:
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719_469


@lru_cache(maxsize=64)
def clf_time(seconds: int) -> str:
    """``[02/Jan/2026:03:04:05 +0100]``: local time as the Common Log Format has it (``%t``)."""
    t = time.localtime(seconds)
    offset = t.tm_gmtoff // 60
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return (
        f"[{t.tm_mday:02d}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:"
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} {sign}{hours:02d}{minutes:02d}]"
    )


def log_time(microseconds: int | None, seconds: int) -> str:
    """``Fri Jan 02 03:04:05.678901 2026``: local time as the error log has it; no fraction for None."""
    t = time.localtime(seconds)
    fraction = "" if microseconds is None else f".{microseconds:06d}"
    return (
        f"{_DAYS[t.tm_wday]} {_MONTHS[t.tm_mon - 1]} {t.tm_mday:02d} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}{fraction} {t.tm_year}"
    )
