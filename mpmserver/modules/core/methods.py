"""What the server answers whatever the resource: TRACE and `OPTIONS *`. Both come before any access check."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from mpmserver.core.body import EMPTY, Response, Unmeasured
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

MOST_ECHOED = 65536


def answer_without_resource(x: Exchange) -> Response | Coroutine[Any, Any, Response] | None:
    """Answer TRACE and `OPTIONS *`."""
    if x.method == "TRACE":
        return _answer_trace(x)
    if x.method == "OPTIONS" and x.uri == "*":  # there is no resource, so the answer has no Allow (http_send_options)
        return Response(200, EMPTY)
    return None


async def _answer_trace(x: Exchange) -> Response:
    """The request as it was received, and its body where TraceEnable is `extended`. (ap_send_http_trace)"""
    if x.memo is not None:
        x.memo.refuse("TRACE")
    first = x.first
    allowed = first.server.core.trace_enable
    if allowed == "off":
        raise HTTPError(405, "TRACE denied by server configuration")
    body = b""
    if first.request.has_body:
        if allowed != "extended":
            raise HTTPError(413, "TRACE with a request body is not allowed")
        body = await _request_body(first)
    lines = [first.request.request_line, *(f"{name}: {value}" for name, value in first.headers_in.items())]
    x.content_type = "message/http"
    return Response(200, Unmeasured(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body))


async def _request_body(x: Exchange) -> bytes:
    if (x.body.length or 0) > MOST_ECHOED:
        raise _too_large()
    pieces: list[bytes] = []
    size = 0
    while piece := await x.body.read(8192):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_ECHOED:
            raise _too_large()
    return b"".join(pieces)


def _too_large() -> HTTPError:
    return HTTPError(413, "Extended TRACE request bodies cannot exceed 64k\n")
