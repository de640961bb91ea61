"""Where a message body ends: its length, chunks, or there is none (RFC 9112 6 and 7.1).

``body_framing`` reads it from a request head once. The chunks themselves are ``chunked.py``'s.
"""

from __future__ import annotations

import re

from mpmserver.http.errors import HTTPError
from mpmserver.http.headers import Headers
from mpmserver.http.syntax import decimal
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class NoBody:
    """The request ends with its head."""


@dataclass(frozen=True, slots=True)
class Length:
    """Exactly ``octets`` follow the head."""

    octets: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """Chunks follow, then the trailer section."""


Framing = NoBody | Length | Chunked

NO_BODY = NoBody()
CHUNKED = Chunked()
MAX_LENGTH = 2**63 - 1

_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def body_framing(headers: Headers, path: str = "") -> tuple[Framing, bool]:
    """How the body of a request with these fields is framed, and whether the connection ends after it.

    A Transfer-Encoding overrides a Content-Length, whose presence beside it makes the connection close
    (RFC 9112 6.3; Apache does so too). Raises 400 for a Content-Length that is not one number and for a
    Transfer-Encoding whose last coding is not chunked. ``path`` is only named in the log.
    """
    coding = headers.get("Transfer-Encoding")
    length = headers.get("Content-Length")
    octets = 0 if length is None else _content_length(length, path)
    if coding is not None and coding.rpartition(",")[2].strip(" \t").lower() != "chunked":
        raise HTTPError(
            400, log=f"AH02539: client sent unknown Transfer-Encoding ({coding}): {path}", close=True, level="debug"
        )
    if coding is not None:
        return CHUNKED, length is not None
    return (NO_BODY if length is None else Length(octets)), False


def _content_length(text: str, path: str) -> int:
    octets = decimal(text, MAX_LENGTH) if _DIGITS.fullmatch(text) else None
    if octets is not None:
        return octets
    raise HTTPError(400, log=f"AH10242: client sent invalid Content-Length ({text}): {path}", close=True, level="debug")
