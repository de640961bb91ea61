"""Whether a connection goes on behind an answer, and how the end of the answer's body is told.

One decision, made once for each head that is sent, in the order of Apache's ap_set_keepalive: that order
is visible, because a body of unknown length is chunked only where nothing had ended the connection before it was
looked at. What the environment may say about it is Apache's "special purpose environment variables":
`nokeepalive`, `downgrade-1.0`, `force-response-1.0` and `force-no-vary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mpmserver.core.body import Response, Stream, Unmeasured
from mpmserver.http.connection import connection_options
from mpmserver.http.status import DROPS_CONNECTION, NO_BODY
from mpmserver.http.syntax import token_pattern
from mpmserver.serve.input import NO_REQUEST_BODY, ConnectionBody

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_CLOSE = token_pattern("close")
_SPECIAL: Final = frozenset({"nokeepalive", "downgrade-1.0", "force-response-1.0", "force-no-vary"})
"""The variables of the environment that have a say."""


class Persistence(NamedTuple):
    """The decision: the version to name in the status line, and the header lines that tell the client the rest."""

    version: str
    keep: bool
    chunked: bool
    lines: tuple[str, ...]


_PLAIN: Final = {
    (keep, chunked): Persistence(
        "HTTP/1.1", keep, chunked,
        (*(() if keep else ("Connection: close",)), *(("Transfer-Encoding: chunked",) if chunked else ())),
    )
    for keep in (True, False) for chunked in (True, False)
}  # fmt: skip
"""The decisions about clients that have not asked for anything."""
_GOING_ON: Final = _PLAIN[True, False]


def persistence(x: Exchange, response: Response, length: int | None, stopping: bool) -> Persistence:
    """Decide for an answer whose body has `length` bytes (None: unknown); `stopping`: its process is to end."""
    request, core, status = x.request, x.server.core, response.status
    if (
        request.keep_alive and not request.keep_alive_asked and length is not None and x.body is NO_REQUEST_BODY
        and x.keep_alive and core.keep_alive and not stopping and not x.env and x.headers_in is request.headers
        and "connection" not in x.headers_out.joined and "connection" not in x.err_headers_out.joined
        and status not in DROPS_CONNECTION and core.keep_alive_timeout > 0 and not request.expect_continue
        and (not core.max_keep_alive_requests or x.peer.keepalives < core.max_keep_alive_requests)
    ):  # fmt: skip
        return _GOING_ON  # as nearly always: what stands below comes to the same
    kept, asked, old, forced = request.keep_alive, request.keep_alive_asked, request.version < (1, 1), False
    if x.headers_in is not request.headers:
        kept, asked = _wishes(x)
    if x.env and not _SPECIAL.isdisjoint(x.env):
        old, forced = _old(x, old)
        kept = kept and ("nokeepalive" not in x.env or "Via" in x.headers_in)
    own = x.err_headers_out.joined.get("connection") or x.headers_out.joined.get("connection")
    closes = own is not None and _CLOSE.search(own) is not None
    ends = length is not None or status in NO_BODY or request.method == "HEAD"
    willing = x.keep_alive and not forced and not _body_may_follow(x, response)
    most = core.max_keep_alive_requests
    agreed = (
        kept
        and (asked or not old)
        and not (closes or stopping)
        and core.keep_alive
        and core.keep_alive_timeout > 0
        and status not in DROPS_CONNECTION
        and (not most or x.peer.keepalives < most)
    )
    chunked = not ends and not old and willing and (agreed or not _to_the_end(response))
    keep = willing and agreed and (ends or chunked)
    if own is None and not forced and not (keep and asked):
        return _PLAIN[keep, chunked]
    lines = _going_on(x, own, asked) if keep else (f"Connection: {_joined(own, None if closes else 'close')}",)
    if chunked:
        lines = (*lines, "Transfer-Encoding: chunked")
    return Persistence("HTTP/1.0" if forced else "HTTP/1.1", keep, chunked, lines)


def _old(x: Exchange, old: bool) -> tuple[bool, bool]:
    """Whether the client counts as one of HTTP/1.0 by the environment, and is to be answered as such."""
    env = x.env
    old = old or "downgrade-1.0" in env or "force-no-vary" in env
    return old, old and ("force-response-1.0" in env or "force-no-vary" in env)


def _body_may_follow(x: Exchange, response: Response) -> bool:
    """Whether what the client sends next may be a body that nobody asked for, or one that is too long to be skipped."""
    if not isinstance(x.body, ConnectionBody):
        return x.request.expect_continue
    return not x.body.can_be_skipped(read_meanwhile=isinstance(response.body, Stream))


def _to_the_end(response: Response) -> bool:
    """Whether the answer was given up once before: Apache then doesn't chunk the second one on a closing connection."""
    return isinstance(response.body, Unmeasured) and response.body.to_the_end


def _wishes(x: Exchange) -> tuple[bool, bool]:
    """Whether the client lets the connection go on, and whether it asked for that, where a module changed its fields.

    It is the changed ones that count (RequestHeader), as in Apache.
    """
    request, fields = x.request, x.headers_in
    if fields.get("Connection") == request.headers.get("Connection"):
        return request.keep_alive, request.keep_alive_asked
    asked, closes = connection_options(fields.get("Connection"))
    return (request.version >= (1, 1) or asked) and not closes and not request.ambiguous_framing, asked


def _going_on(x: Exchange, own: str | None, asked: bool) -> tuple[str, ...]:
    """The lines of a connection that is kept: Keep-Alive only for those who have asked for it."""
    if not asked:
        return (f"Connection: {own}",) if own else ()
    core = x.server.core
    most = core.max_keep_alive_requests
    left = f", max={most - x.peer.keepalives}" if most else ""
    return (f"Keep-Alive: timeout={int(core.keep_alive_timeout)}{left}", f"Connection: {_joined(own, 'Keep-Alive')}")


def _joined(*options: str | None) -> str:
    return ", ".join(filter(None, options))
