"""Whether a connection goes on behind an answer, and how the end of the answer's body is told.

One decision, made once for each head that is sent, in the order of Apache's ap_set_keepalive: that order
is visible, because a body of unknown length is chunked only where nothing had ended the connection before it was
looked at. What the environment may say about it is Apache's "special purpose environment variables":
`nokeepalive`, `downgrade-1.0`, `force-response-1.0` and `force-no-vary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mpmserver.core.body import Response, Stream, Unmeasured
from mpmserver.core.settings import CoreServer
from mpmserver.http.head import connection_options
from mpmserver.http.status import drops_connection, has_no_body
from mpmserver.http.syntax import token_pattern
from mpmserver.serve.input import ConnectionBody

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_CLOSE = token_pattern("close")


@dataclass(frozen=True, slots=True)
class Persistence:
    """The decision: the version to name in the status line, and the header lines that tell the client the rest."""

    version: str
    keep: bool
    chunked: bool
    lines: tuple[str, ...]


def persistence(x: Exchange, response: Response, length: int | None, stopping: bool) -> Persistence:
    """Decide for an answer whose body has `length` bytes (None: unknown); `stopping`: its process is to end."""
    old = x.request.version < (1, 1) or "downgrade-1.0" in x.env or "force-no-vary" in x.env
    forced = old and ("force-response-1.0" in x.env or "force-no-vary" in x.env)
    ends = length is not None or has_no_body(response.status) or x.header_only
    own = x.err_headers_out.get("Connection") or x.headers_out.get("Connection")
    closes = own is not None and _CLOSE.search(own) is not None
    willing = x.keep_alive and not forced and not _body_may_follow(x, response)
    kept, asked = _wishes(x)
    agreed = _client_agrees(x, kept and (asked or not old)) and _server_agrees(x, response.status)
    agreed = agreed and not closes and not stopping
    chunked = willing and not ends and not old and (agreed or not _to_the_end(response))
    keep = willing and agreed and (ends or chunked)
    lines = _going_on(x, own, asked) if keep else (f"Connection: {_joined(own, None if closes else 'close')}",)
    if chunked:
        lines = (*lines, "Transfer-Encoding: chunked")
    return Persistence("HTTP/1.0" if forced else "HTTP/1.1", keep, chunked, lines)


def _body_may_follow(x: Exchange, response: Response) -> bool:
    """Whether what the client sends next may be a body that nobody asked for, or one that is too long to be skipped."""
    if not isinstance(x.body, ConnectionBody):
        return x.request.expect_continue
    return not x.body.can_be_skipped(read_meanwhile=isinstance(response.body, Stream))


def _to_the_end(response: Response) -> bool:
    """Whether the answer was given up once before: Apache then doesn't chunk the second one on a closing connection."""
    return isinstance(response.body, Unmeasured) and response.body.to_the_end


def _wishes(x: Exchange) -> tuple[bool, bool]:
    """Whether the client lets the connection go on, and whether it asked for that.

    Where a module has changed the request's fields (RequestHeader) it is theirs that counts, as in Apache.
    """
    request, fields = x.request, x.headers_in
    if fields is request.headers or fields.get("Connection") == request.headers.get("Connection"):
        return request.keep_alive, request.keep_alive_asked
    asked, closes = connection_options(fields.get("Connection"))
    return (request.version >= (1, 1) or asked) and not closes and not request.ambiguous_framing, asked


def _client_agrees(x: Exchange, wanted: bool) -> bool:
    return wanted and ("nokeepalive" not in x.env or "Via" in x.headers_in)


def _server_agrees(x: Exchange, status: int) -> bool:
    core = x.server[CoreServer]
    most = core.max_keep_alive_requests
    if not core.keep_alive or core.keep_alive_timeout <= 0 or drops_connection(status):
        return False
    return not most or x.peer.keepalives < most


def _going_on(x: Exchange, own: str | None, asked: bool) -> tuple[str, ...]:
    """The lines of a connection that is kept: Keep-Alive only for those who have asked for it."""
    if not asked:
        return (f"Connection: {own}",) if own else ()
    core = x.server[CoreServer]
    most = core.max_keep_alive_requests
    left = f", max={most - x.peer.keepalives}" if most else ""
    return (f"Keep-Alive: timeout={int(core.keep_alive_timeout)}{left}", f"Connection: {_joined(own, 'Keep-Alive')}")


def _joined(*options: str | None) -> str:
    return ", ".join(filter(None, options))
