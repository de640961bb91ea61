"""Conditional requests (RFC 9110 13), decided as Apache's ap_meets_conditions decides them.

Deviations from the RFC are Apache's: If-Unmodified-Since counts beside If-Match and rules out a 304, and
If-Modified-Since may still veto a 304 that If-None-Match would give.
"""

from __future__ import annotations

from typing import Final

from mpmserver.http.dates import parse_http_date
from mpmserver.http.etag import strong_match, weak_match
from mpmserver.http.headers import Headers

_IF_RANGE_AGE = 60
"""A date younger than this many seconds is weak: Apache then does not serve a range by it."""

CONDITIONS: Final = frozenset({"if-match", "if-unmodified-since", "if-none-match", "if-modified-since"})


def check_conditions(
    method: str, headers_in: Headers, etag: str | None, last_modified: int | None, now: int, exists: bool = True
) -> int | None:
    """Whether a request may go on (None), or is answered 304 or 412.

    ``last_modified`` and ``now`` are seconds since the epoch; a resource without ``last_modified`` counts
    as changed now. ``exists`` says whether there is a current representation.
    """
    if not headers_in.has_any(CONDITIONS):
        return None
    modified = now if last_modified is None else last_modified
    if _precondition_failed(headers_in, etag, modified, exists):
        return 412
    safe = method in ("GET", "HEAD")
    unmatched = headers_in.get("If-None-Match")
    if unmatched is not None:
        if not _none_match_found(unmatched, headers_in, etag, safe, exists):
            return None
        if not safe:
            return 412
    since = headers_in.get("If-Modified-Since")
    if "If-Unmodified-Since" in headers_in:
        return None
    if since is None:
        return 304 if unmatched is not None else None
    date = parse_http_date(since)
    return 304 if safe and date is not None and modified <= date <= now else None


def _precondition_failed(headers_in: Headers, etag: str | None, modified: int, exists: bool) -> bool:
    match = headers_in.get("If-Match")
    if match is not None and not (exists if match[:1] == "*" else strong_match(match, etag)):
        return True
    date = headers_in.get("If-Unmodified-Since")
    limit = parse_http_date(date) if date else None
    return limit is not None and modified > limit


def _none_match_found(tags: str, headers_in: Headers, etag: str | None, safe: bool, exists: bool) -> bool:
    if tags[:1] == "*":
        return exists
    # a part of a representation, or a change of it, wants the very same octets
    return weak_match(tags, etag) if safe and "Range" not in headers_in else strong_match(tags, etag)


def range_allowed(headers_in: Headers, etag: str | None, last_modified: int | None, now: int) -> bool:
    """Whether If-Range lets a Range count (RFC 9110 13.1.5): absent, or the strong validator itself."""
    condition = headers_in.get("If-Range")
    if condition is None:
        return True
    if condition[:1] == '"':
        return etag is not None and condition == etag
    date = parse_http_date(condition)
    return date is not None and date == last_modified and now - last_modified >= _IF_RANGE_AGE
