"""Conditional requests and byte ranges, applied to whatever a handler answers with.

`meets_conditions` is asked by handlers that know their resource's validators; `apply_ranges` is called once
for each response that is about to be sent with status 200. Both take the validators from the response fields
(ETag, Last-Modified), as Apache's byterange filter does, so that a script's answer is treated like a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mpmserver.core.body import Body, Content, OpenFile, Piece, Response
from mpmserver.core.names import full_content_type
from mpmserver.core.settings import Level
from mpmserver.http.conditional import CONDITIONS, check_conditions
from mpmserver.http.dates import parse_http_date
from mpmserver.http.errors import HTTPError
from mpmserver.http.ranges import (
    Span,
    Unsatisfiable,
    content_range,
    make_boundary,
    multipart_parts,
    select_ranges,
)

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_BOUNDARY = make_boundary(int.from_bytes(os.urandom(8), "big"))


def meets_conditions(x: Exchange) -> int | None:
    """The status (304, 412) that the request's conditions ask for in place of the answer, None to go on."""
    if x.no_local_copy or x.status >= 300 or not x.headers_in.has_any(CONDITIONS):
        return None
    etag, modified = _validators(x)
    now = int(x.request_time)
    if x.memo is not None:
        date = parse_http_date(x.headers_in.get("If-Modified-Since") or "")
        if modified is None or (date is not None and date > now):
            x.memo.refuse("condition by the time")
    return check_conditions(x.method, x.headers_in, etag, modified, now)


def apply_ranges(x: Exchange, response: Response) -> Response:
    """Cut a 200 response of known length down to what Range (which is there) asks for: the same response, a 206, a 416.

    Raises HTTPError 416 where no range lies within it; the response is closed then.
    """
    length = response.body.length
    if length is None or "content-range" in x.headers_out.joined or not isinstance(response.body, Content | OpenFile):
        return response
    core = x.settings.core
    etag, modified = _validators(x) if "If-Range" in x.headers_in else (None, None)
    if x.memo is not None and (x.headers_in.get("If-Range") or '"')[0] != '"':
        x.memo.refuse("If-Range by a date")  # which counts only when it is old enough
    wanted = select_ranges(
        x.headers_in,
        length,
        etag,
        modified,
        int(x.request_time),
        max_ranges=_limit(core.max_ranges),
        max_overlaps=_limit(core.max_range_overlaps),
        max_reversals=_limit(core.max_range_reversals),
        explain=_explained(x),
    )
    if wanted is None:
        return response
    if isinstance(wanted, Unsatisfiable):
        response.body.close()
        raise HTTPError(416)
    return _partial(x, response, wanted, length)


def _explained(x: Exchange) -> Callable[[str], None] | None:
    """Who is told how a Range was understood; None where nobody listens."""
    if not x.server.logs(Level.DEBUG, "http", x):
        return None
    return lambda text: x.server.log(Level.DEBUG, "http", f"AH01583: Range: {text}", x)


def _limit(value: int) -> int | None:
    return None if value < 0 else value


def _validators(x: Exchange) -> tuple[str | None, int | None]:
    """ETag, and Last-Modified in seconds, of the answer as prepared so far."""
    modified = x.headers_out.get("Last-Modified")
    return x.headers_out.get("ETag"), None if modified is None else parse_http_date(modified)


def _partial(x: Exchange, response: Response, spans: list[Span], length: int) -> Response:
    body = response.body
    if len(spans) == 1:
        x.headers_out.set("Content-Range", content_range(spans[0], length))
        return Response(206, _cut(body, [_piece(spans[0])]))
    heads, end = multipart_parts(spans, length, _BOUNDARY, full_content_type(x))
    pieces: list[Piece] = []
    for head, span in zip(heads, spans, strict=True):
        pieces += [head, _piece(span)]
    x.content_type = f"multipart/byteranges; boundary={_BOUNDARY}"
    return Response(206, _cut(body, [*pieces, end]))


def _piece(span: Span) -> tuple[int, int]:
    """A span as offset and count."""
    return span[0], span[1] - span[0] + 1


def _cut(body: Body, pieces: list[Piece]) -> Body:
    """The body that has these pieces: bytes as they are, (offset, count) of the original."""
    if isinstance(body, OpenFile):
        whole = body.pieces[0]
        begin = 0 if isinstance(whole, bytes) else whole[0]  # a handler may send a file from somewhere behind its head
        if begin:
            pieces = [piece if isinstance(piece, bytes) else (piece[0] + begin, piece[1]) for piece in pieces]
        cut = OpenFile(body.fd, body.size, tuple(pieces))
        body.fd = -1
        return cut
    assert isinstance(body, Content)
    data = body.data
    parts = [piece if isinstance(piece, bytes) else data[piece[0] : piece[0] + piece[1]] for piece in pieces]
    return Content(b"".join(parts))
