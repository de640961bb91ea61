"""HeaderName and ReadmeName: documents that are put before and behind a listing.

Each is looked up as a subrequest, so a script, a negotiated variant or a document elsewhere serves as well. HTML is
whatever its handler answers; other text is shown as it is, in a <pre>; anything else is left out.
"""

from __future__ import annotations

import os
import stat

from markupsafe import Markup

from mpmserver.core.body import Body, Content, OpenFile, Response, Stream
from mpmserver.core.exchange import Exchange
from mpmserver.core.pipeline import handle
from mpmserver.core.steps import waited
from mpmserver.core.subrequest import lookup_uri
from mpmserver.http.errors import HTTPError
from mpmserver.modules.autoindex.entry import is_html
from mpmserver.records import dataclass

_CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")
_PLAIN_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Insert:
    """A document's text as HTML, and whether it was HTML by itself."""

    html: Markup
    is_html: bool


async def insert(x: Exchange, uri: str) -> Insert | None:
    """Return the document at `uri` (relative to the listing's), None where there is none to be shown."""
    sub = await lookup_uri(x, uri)
    if sub.status != 200 or sub.filename is None or sub.finfo is None or not stat.S_ISREG(sub.finfo.st_mode):
        return None
    if is_html(sub.content_type):
        data = await _answer(sub)
        return None if data is None else Insert(Markup(os.fsdecode(data)), True)
    if (sub.content_type or "").lower().startswith("text/"):
        return _plain(sub.filename)
    return None


def _plain(path: str) -> Insert | None:
    try:
        with open(path, "rb") as file:
            text = os.fsdecode(file.read())
    except OSError:
        return None
    return Insert(Markup(f"<pre>\n{text.translate(_PLAIN_ESCAPES)}</pre>\n"), False)


async def _answer(sub: Exchange) -> bytes | None:
    """What the subrequest's handler answers with; None where it fails."""
    headers = sub.own_headers_in()
    for name in _CONDITIONS:
        headers.unset(name)
    try:
        response = await waited(handle(sub))
    except HTTPError:
        return None
    finally:
        sub.finish()
    if not isinstance(response, Response):
        return None
    try:
        return await _read(response.body) if response.status < 300 else None
    finally:
        response.body.close()


async def _read(body: Body) -> bytes:
    if isinstance(body, Content):
        return body.data
    if isinstance(body, OpenFile):
        return b"".join(
            piece if isinstance(piece, bytes) else os.pread(body.fd, piece[1], piece[0]) for piece in body.pieces
        )
    pieces = []
    if isinstance(body, Stream):
        while data := await body.read():
            pieces.append(data)
    return b"".join(pieces)
