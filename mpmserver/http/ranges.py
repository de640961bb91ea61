"""Byte ranges (RFC 9110 14), decided and written as Apache's byterange filter does.

A range that touches or overlaps the one before it is merged with it; that costs an overlap, and a
reversal where it starts before it. Too many of either, or of ranges, or more octets than the whole, and
the whole is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mpmserver.http.conditional import range_allowed
from mpmserver.http.headers import Headers
from mpmserver.http.syntax import decimal
from mpmserver.records import dataclass

Span = tuple[int, int]
"""First and last octet, both included."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """No range lies within the representation: 416."""


UNSATISFIABLE = Unsatisfiable()

_UNIT = re.compile(r"bytes=", re.IGNORECASE)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_MAX = 2**63 - 1


def select_ranges(
    headers_in: Headers,
    size: int,
    etag: str | None,
    last_modified: int | None,
    now: int,
    *,
    max_ranges: int | None = 200,
    max_overlaps: int | None = 20,
    max_reversals: int | None = 20,
    explain: Callable[[str], None] | None = None,
) -> Unsatisfiable | list[Span] | None:
    """What part of ``size`` octets a request wants: None for the whole (200), else ranges for a 206.

    The limits are MaxRanges, MaxRangeOverlaps and MaxRangeReversals; None is ``unlimited``, 0 is
    ``none``. A Range that cannot be parsed is ignored, as RFC 9110 14.2 allows. ``explain`` is told, as Apache's log
    is, what was asked for and what that comes to: "4-,0-1 | 4-9,0-1 (0 : 0 : 10)" with overlaps, reversals and size.
    """
    value = headers_in.get("Range")
    if value is None or max_ranges == 0 or size == 0:
        return None
    specs = _parse(value)
    if specs is None or not range_allowed(headers_in, etag, last_modified, now):
        return None
    spans = [span for spec in specs if (span := _within(spec, size))]
    if not spans:
        return UNSATISFIABLE
    merged, overlaps, reversals = _merge(spans) if len(spans) > 1 else (spans, 0, 0)
    if explain is not None:
        found = ",".join(f"{first}-{last}" for first, last in merged)
        explain(f"{value.partition('=')[2]} | {found} ({overlaps} : {reversals} : {size})")
    if len(merged) == 1 and not overlaps:
        return merged
    if _above(len(merged), max_ranges) or _above(overlaps, max_overlaps) or _above(reversals, max_reversals):
        return None
    return None if sum(last - first + 1 for first, last in merged) > size else merged


def _above(number: int, limit: int | None) -> bool:
    return limit is not None and number > limit


def _parse(value: str) -> list[tuple[int | None, int | None]] | None:
    unit = _UNIT.match(value)
    if unit is None or value[unit.end() : unit.end() + 1] in ("", ","):
        return None
    specs: list[tuple[int | None, int | None]] = []
    for text in value[unit.end() :].split(","):
        if not text:
            continue
        match = _SPEC.fullmatch(text)
        if match is None:
            return None
        begin, end = match.groups()
        first = decimal(begin, _MAX) if begin else None
        last = decimal(end, _MAX) if end else None
        if (begin and first is None) or (end and last is None) or not _is_valid(first, last):
            return None
        specs.append((first, last))
    return specs


def _is_valid(first: int | None, last: int | None) -> bool:
    if first is None:
        return bool(last)
    return last is None or first <= last


def _within(spec: tuple[int | None, int | None], size: int) -> Span | None:
    first, last = spec
    if first is None:
        return max(0, size - (last or 0)), size - 1
    if first >= size:
        return None
    return first, size - 1 if last is None else min(last, size - 1)


def _merge(spans: Sequence[Span]) -> tuple[list[Span], int, int]:
    merged = [spans[0]]
    overlaps = reversals = 0
    for first, last in spans[1:]:
        before, end = merged[-1]
        if first > end + 1 or last < before - 1:
            merged.append((first, last))
            continue
        overlaps += 1
        reversals += first < before
        merged[-1] = (min(first, before), max(last, end))
    return merged, overlaps, reversals


def content_range(span: Span, size: int) -> str:
    """``bytes 0-1/1000``: the value of Content-Range."""
    return f"bytes {span[0]}-{span[1]}/{size}"


def multipart_parts(
    spans: Sequence[Span], size: int, boundary: str, content_type: str | None
) -> tuple[list[bytes], bytes]:
    """The head that goes before each range of a multipart/byteranges body, and the body's end."""
    kind = f"Content-type: {content_type}\r\n" if content_type else ""
    heads = [
        f"\r\n--{boundary}\r\n{kind}Content-range: {content_range(span, size)}\r\n\r\n".encode("latin-1")
        for span in spans
    ]
    return heads, f"\r\n--{boundary}--\r\n".encode("latin-1")


def make_boundary(number: int) -> str:
    """A boundary of sixteen hexadecimal digits; Apache takes one random number per process."""
    return f"{number & (2**64 - 1):016x}"
