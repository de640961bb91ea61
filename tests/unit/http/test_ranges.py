"""Ranges: each row is what Apache sent of a file of 1000 octets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.headers import Headers
from mpmserver.http.ranges import (
    UNSATISFIABLE,
    Span,
    Unsatisfiable,
    content_range,
    make_boundary,
    multipart_parts,
    select_ranges,
)

SIZE = 1000
TAG = '"t"'
Outcome = Unsatisfiable | list[Span] | None


def select(value: str, **limits: Any) -> Outcome:
    return select_ranges(Headers([("Range", value)]), SIZE, TAG, 0, 1000, **limits)


WHOLE = (
    "bytes=-0", "bytes=-", "bytes=", "bytes=5-4", "bytes=a-b", "bytes=0-1, 5-6", "bytes=,0-1", "bytes= 0-1",
    "bytes=0 -1", "bytes=0- 1", "bytes =0-1", "bytes:0-1", "foo=0-1", "bytes=5-4,0-1", "bytes=0-1,a", "bytes=+1-2",
    "bytes=0x1-2", "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=-99999999999999999999", "0-1",
    "bytes=0-1;x", "bytes=0-1 ,5-6", "bytes=0--1", "bytes=--1", "bytes=1", "bytes=-0,0-1", "bytes=0-1-2",
    "bytes=0-9 10-12", "bytes=0-500,600-999,0-500", "bytes=600-999,0-500,600-999", "bytes=0-399,600-800,0-399",
)  # fmt: skip

PARTS: dict[str, list[Span]] = {
    "bytes=0-0": [(0, 0)], "bytes=0-": [(0, 999)], "bytes=-1": [(999, 999)], "bytes=0-1000": [(0, 999)],
    "bytes=999-": [(999, 999)], "bytes=0-1,": [(0, 1)], "bytes=0-1,,5-6": [(0, 1), (5, 6)], "BYTES=0-1": [(0, 1)],
    "bytes=0-1,1000-": [(0, 1)], "bytes=1000-,0-1": [(0, 1)], "bytes=-2000": [(0, 999)], "bytes=-999": [(1, 999)],
    "bytes=0-1,2-3": [(0, 3)], "bytes=0-5,3-8": [(0, 8)], "bytes=3-8,0-5": [(0, 8)], "bytes=0-999,0-0": [(0, 999)],
    "bytes=5-6,0-1": [(5, 6), (0, 1)], "bytes=0-1,0-1": [(0, 1)], "bytes=-1,-2": [(998, 999)], "bytes=00-01": [(0, 1)],
    "bytes=0-0,-1": [(0, 0), (999, 999)], "bytes=500-600,0-1,2-3": [(500, 600), (0, 3)],
    "bytes=5-6,0-1,5-6": [(5, 6), (0, 1), (5, 6)], "bytes=10-11,8-9": [(8, 11)], "bytes=10-11,8-8": [(10, 11), (8, 8)],
    "bytes=0-18,-1,19-998": [(0, 18), (19, 999)], "bytes=0-5,10-15,3-12": [(0, 5), (3, 15)],
    "bytes=0-399,600-799,0-399": [(0, 399), (600, 799), (0, 399)],
}  # fmt: skip


@pytest.mark.parametrize("value", WHOLE)
def test_the_whole_is_sent(value: str) -> None:
    assert select(value) is None


@pytest.mark.parametrize("value", PARTS)
def test_parts(value: str) -> None:
    assert select(value) == PARTS[value]


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-1001", "bytes=1000-,1001-"])
def test_unsatisfiable(value: str) -> None:
    assert select(value) is UNSATISFIABLE


@pytest.mark.parametrize(
    ("value", "limits", "whole"),
    [
        ("0-1,4-5,8-9", {"max_ranges": 2}, True),
        ("0-1,2-3,4-5", {"max_ranges": 1}, False),
        ("0-1", {"max_ranges": 0}, True),
        ("0-10,5-15,14-20", {"max_overlaps": 1}, True),
        ("0-10,5-15", {"max_overlaps": 1}, False),
        ("0-1,2-3", {"max_overlaps": 0}, True),
        ("10-20,5-12,0-6", {"max_reversals": 1}, True),
        ("10-20,5-12", {"max_reversals": 1}, False),
        ("10-20,5-12", {"max_reversals": 0}, True),
        ("900-901,800-801", {"max_reversals": 0}, False),
        ("10-15,0-5,6-9", {"max_reversals": 0}, False),
    ],
)
def test_limits(value: str, limits: dict[str, int], whole: bool) -> None:
    assert (select(f"bytes={value}", **limits) is None) is whole


def test_default_limits() -> None:
    def many(count: int) -> str:
        return "bytes=" + ",".join(f"{at * 4}-{at * 4 + 1}" for at in range(count))

    assert len(select(many(200)) or []) == 200  # type: ignore[arg-type]
    assert select(many(201)) is None
    assert len(select(many(201), max_ranges=None) or []) == 201  # type: ignore[arg-type]
    assert select("bytes=" + ",".join(["0-1"] * 21)) == [(0, 1)]
    assert select("bytes=" + ",".join(["0-1"] * 22)) is None


def test_conditions_and_nothing() -> None:
    assert select_ranges(Headers(), SIZE, TAG, 0, 0) is None
    assert select_ranges(Headers([("Range", "bytes=0-0")]), 0, TAG, 0, 0) is None
    ranged = Headers([("Range", "bytes=5000-"), ("If-Range", '"x"')])
    assert select_ranges(ranged, SIZE, TAG, 0, 0) is None
    assert select_ranges(Headers([("Range", "bytes=0-1"), ("Range", "bytes=5-6")]), SIZE, TAG, 0, 0) is None
    assert select_ranges(Headers([("Request-Range", "bytes=0-1")]), SIZE, TAG, 0, 0) is None


def test_multipart() -> None:
    spans = [(0, 1), (5, 6)]
    heads, end = multipart_parts(spans, SIZE, "84f69e0f11365ab1", "text/plain")
    body = b"".join(head + b"00" for head in heads) + end
    assert body == (
        b"\r\n--84f69e0f11365ab1\r\nContent-type: text/plain\r\nContent-range: bytes 0-1/1000\r\n\r\n00"
        b"\r\n--84f69e0f11365ab1\r\nContent-type: text/plain\r\nContent-range: bytes 5-6/1000\r\n\r\n00"
        b"\r\n--84f69e0f11365ab1--\r\n"
    )
    assert len(body) == 190
    heads, _ = multipart_parts([(0, 0)], 5, "b", None)
    assert heads == [b"\r\n--b\r\nContent-range: bytes 0-0/5\r\n\r\n"]


def test_numbers_of_any_size() -> None:
    assert select(f"bytes={'0' * 5000}-{'0' * 5000}1") == [(0, 1)]
    assert select(f"bytes={'9' * 5000}-") is None
    assert select(f"bytes=0-{2**63}") is None
    assert select(f"bytes=0-{2**63 - 1}") == [(0, 999)]


def test_words() -> None:
    assert content_range((0, 1), 1000) == "bytes 0-1/1000"
    assert make_boundary(0xAB) == "00000000000000ab"
    assert len(make_boundary(2**70 + 1)) == 16


SPECS = st.one_of(
    st.tuples(st.integers(0, 1200), st.integers(0, 1200)).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    st.integers(0, 1200).map(lambda first: f"{first}-"),
    st.integers(1, 1200).map(lambda last: f"-{last}"),
)


def octets(spec: str) -> set[int]:
    """The octets of the representation that one valid spec names."""
    first, _, last = spec.partition("-")
    if not first:
        return set(range(max(0, SIZE - int(last)), SIZE))
    return set(range(int(first), min(int(last) if last else SIZE, SIZE - 1) + 1))


@given(st.lists(SPECS, min_size=1, max_size=8))
def test_ranges_are_what_was_asked_and_never_exceed_the_whole(specs: list[str]) -> None:
    asked = set().union(*map(octets, specs))
    outcome = select("bytes=" + ",".join(specs))
    if isinstance(outcome, list):
        assert {octet for first, last in outcome for octet in range(first, last + 1)} == asked
        assert sum(last - first + 1 for first, last in outcome) <= SIZE
    else:
        assert (outcome is UNSATISFIABLE) is (not asked)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("0-3,2-8", "0-3,2-8 | 0-8 (1 : 0 : 13)"),
        ("-4", "-4 | 9-12 (0 : 0 : 13)"),
        ("50-,0-1", "50-,0-1 | 0-1 (0 : 0 : 13)"),
        ("5-6,3-4,1-2", "5-6,3-4,1-2 | 1-6 (2 : 2 : 13)"),
        ("0-0,-1,5-", "0-0,-1,5- | 0-0,5-12 (1 : 1 : 13)"),
    ],
)
def test_explained(asked: str, told: str) -> None:
    heard: list[str] = []
    select_ranges(Headers([("Range", f"bytes={asked}")]), 13, None, None, 0, explain=heard.append)
    assert heard == [told]
