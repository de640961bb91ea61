"""What the server answers whatever the resource: TRACE and `OPTIONS *`. Both come before any access check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.body import EMPTY, Response, Unmeasured
from mpmserver.core.settings import CoreServer
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

MOST_ECHOED = 65536


async def answer_trace(x: Exchange) -> Response | None:
    """TRACE: the request as it was received, and its body where TraceEnable is `extended`. (ap_send_http_trace)"""
    if x.method != "TRACE":
        return None
    first = x.first
    allowed = first.server[CoreServer].trace_enable
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


def answer_options_star(x: Exchange) -> Response | None:
    """`OPTIONS *`: an answer without Allow, as there is no resource. (http_send_options)"""
    if x.method == "OPTIONS" and x.uri == "*":
        return Response(200, EMPTY)
    return None
