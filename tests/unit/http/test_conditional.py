"""Conditions: each row is what Apache answered to GET, HEAD and POST of the same file."""

from __future__ import annotations

import pytest

from mpmserver.http.conditional import check_conditions, range_allowed
from mpmserver.http.dates import http_date
from mpmserver.http.headers import Headers

MODIFIED = 1767323045
NOW = MODIFIED + 1_000_000
TAG = '"3e8-6475ef6574f35"'
SAME, LATER, EARLIER, FUTURE = (http_date(MODIFIED + offset) for offset in (0, 1, -1, 340_000_000))
UNCHANGED = (304, 304, None)
"""Not modified for GET and HEAD; nothing to say about it for POST."""
MATCHED = (304, 304, 412)
FAILED = (412, 412, 412)
GO_ON = (None, None, None)

Row = tuple[dict[str, str], tuple[int | None, int | None, int | None]]

NONE_MATCH: list[Row] = [
    ({"If-None-Match": value}, outcome)
    for outcome, values in {
        MATCHED: (TAG, "*", f'"x", {TAG}', f'"x",{TAG}', f", {TAG}", f'"a,b", {TAG}', '*, "x"'),
        UNCHANGED: (f"W/{TAG}", f'"x", W/{TAG}'),
        GO_ON: ('"x"', f'"x" {TAG}', TAG.strip('"'), "", f"x, {TAG}", f"{TAG}x", f"w/{TAG}", f"W/ {TAG}", '"x", *'),
    }.items()
    for value in values
]
MATCH: list[Row] = [
    ({"If-Match": value}, outcome)
    for outcome, values in {
        GO_ON: (TAG, "*", f'"x", {TAG}'),
        FAILED: (f"W/{TAG}", '"x"', "", '"x", *'),
    }.items()
    for value in values
]
DATES: list[Row] = [
    ({"If-Modified-Since": SAME}, UNCHANGED),
    ({"If-Modified-Since": LATER}, UNCHANGED),
    ({"If-Modified-Since": EARLIER}, GO_ON),
    ({"If-Modified-Since": FUTURE}, GO_ON),
    ({"If-Modified-Since": "garbage"}, GO_ON),
    ({"If-Modified-Since": f"{SAME}; length=1000"}, UNCHANGED),
    ({"If-Unmodified-Since": SAME}, GO_ON),
    ({"If-Unmodified-Since": FUTURE}, GO_ON),
    ({"If-Unmodified-Since": EARLIER}, FAILED),
    ({"If-Unmodified-Since": "garbage"}, GO_ON),
]
TOGETHER: list[Row] = [
    ({"If-None-Match": '"x"', "If-Modified-Since": SAME}, GO_ON),
    ({"If-None-Match": TAG, "If-Modified-Since": SAME}, MATCHED),
    ({"If-None-Match": TAG, "If-Modified-Since": EARLIER}, (None, None, 412)),
    ({"If-None-Match": TAG, "If-Modified-Since": "garbage"}, (None, None, 412)),
    ({"If-Match": '"x"', "If-None-Match": TAG}, FAILED),
    ({"If-Match": TAG, "If-None-Match": TAG}, MATCHED),
    ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, FAILED),
    ({"If-Match": "*", "If-Modified-Since": SAME}, UNCHANGED),
    ({"If-Unmodified-Since": EARLIER, "If-None-Match": TAG}, FAILED),
    ({"If-Unmodified-Since": SAME, "If-None-Match": TAG}, (None, None, 412)),
    ({"If-Unmodified-Since": "garbage", "If-Modified-Since": SAME}, GO_ON),
    ({"If-None-Match": TAG, "Range": "bytes=0-1"}, MATCHED),
    ({"If-None-Match": f"W/{TAG}", "Range": "bytes=0-1"}, GO_ON),
    ({}, GO_ON),
]


@pytest.mark.parametrize(("fields", "expected"), NONE_MATCH + MATCH + DATES + TOGETHER)
def test_conditions(fields: dict[str, str], expected: tuple[int | None, ...]) -> None:
    headers = Headers(fields.items())
    outcomes = tuple(check_conditions(method, headers, TAG, MODIFIED, NOW) for method in ("GET", "HEAD", "POST"))
    assert outcomes == expected


def test_several_fields_are_one_list() -> None:
    headers = Headers([("If-None-Match", '"x"'), ("If-None-Match", TAG)])
    assert check_conditions("GET", headers, TAG, MODIFIED, NOW) == 304


def test_a_weak_tag_of_a_young_file() -> None:
    weak = f"W/{TAG}"
    assert check_conditions("GET", Headers([("If-None-Match", weak)]), weak, MODIFIED, NOW) == 304
    assert check_conditions("GET", Headers([("If-Match", weak)]), weak, MODIFIED, NOW) == 412
    ranged = Headers([("If-None-Match", weak), ("Range", "bytes=0-0")])
    assert check_conditions("GET", ranged, weak, MODIFIED, NOW) is None


def test_without_validators() -> None:
    """No tag, no date: only ``*`` matches, and the resource counts as changed now."""
    for value, expected in (("*", 304), (TAG, None)):
        assert check_conditions("GET", Headers([("If-None-Match", value)]), None, None, NOW) == expected
    assert check_conditions("GET", Headers([("If-Match", TAG)]), None, None, NOW) == 412
    assert check_conditions("GET", Headers([("If-Match", "*")]), None, None, NOW) is None
    assert check_conditions("GET", Headers([("If-Modified-Since", SAME)]), None, None, NOW) is None
    assert check_conditions("GET", Headers([("If-Unmodified-Since", SAME)]), None, None, NOW) == 412


def test_what_does_not_exist() -> None:
    assert check_conditions("PUT", Headers([("If-Match", "*")]), None, None, NOW, exists=False) == 412
    assert check_conditions("PUT", Headers([("If-None-Match", "*")]), None, None, NOW, exists=False) is None


@pytest.mark.parametrize(
    ("condition", "age", "allowed"),
    [
        (None, 0, True),
        (TAG, 2, True),
        (f"W/{TAG}", 2, False),
        ('"x"', 2, False),
        (TAG.strip('"'), 2, False),
        (f'{TAG}, "x"', 2, False),
        ("*", 2, False),
        ("", 2, False),
        (SAME, 60, True),
        (SAME, 59, False),
        (EARLIER, 1000, False),
        (LATER, 1000, False),
        ("garbage", 1000, False),
    ],
)
def test_if_range(condition: str | None, age: int, allowed: bool) -> None:
    headers = Headers([] if condition is None else [("If-Range", condition)])
    assert range_allowed(headers, TAG, MODIFIED, MODIFIED + age) is allowed
