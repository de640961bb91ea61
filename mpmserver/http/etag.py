"""Entity tags of files, printed as Apache's FileETag prints them, and the comparison of tags (RFC 9110 8.8.3)."""

from __future__ import annotations

import base64
import re
from functools import lru_cache

_UINT64 = 2**64 - 1
_FRESH_US = 1_000_000
_TAG = re.compile(r'[ \t,]*((?:W/)?"[^"]*")[ \t]*(?:,|\Z)')


@lru_cache(maxsize=1024)
def make_etag(inode: int, size: int, mtime_us: int, fields: tuple[str, ...], weak: bool) -> str | None:
    """A file's tag: the ``fields`` of FileETag (``"INode"``, ``"MTime"``, ``"Size"``) in hexadecimal.

    ``mtime_us`` is in microseconds since the epoch. None where ``fields`` names nothing.
    """
    parts = []
    if "INode" in fields:
        parts.append(f"{inode & _UINT64:x}")
    if "Size" in fields:
        parts.append(f"{size & _UINT64:x}")
    if "MTime" in fields:
        parts.append(f"{mtime_us & _UINT64:x}")
    if not parts:
        return None
    return f'{"W/" if weak else ""}"{"-".join(parts)}"'


def make_digest_etag(sha1: bytes) -> str:
    """A tag of the content's SHA-1 (FileETag Digest); never weak."""
    return f'"{base64.b64encode(sha1).decode("ascii")}"'


def is_weak(mtime_us: int, now_us: int) -> bool:
    """Whether a file is so young that it may change again within its time stamp's grain."""
    return now_us - mtime_us < _FRESH_US


def listed(tags: str) -> list[str]:
    """The entity tags of a field value, up to the first that is none."""
    found = []
    at = 0
    while match := _TAG.match(tags, at):
        found.append(match[1])
        at = match.end()
    return found


def strong_match(tags: str, etag: str | None) -> bool:
    """Whether a list of tags holds ``etag``, both strong (RFC 9110 8.8.3.2)."""
    return etag is not None and etag[:2] != "W/" and etag in listed(tags)


def weak_match(tags: str, etag: str | None) -> bool:
    """Whether a list of tags holds ``etag``, weak or not."""
    return etag is not None and etag.removeprefix("W/") in (tag.removeprefix("W/") for tag in listed(tags))
