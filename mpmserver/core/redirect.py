"""Internal redirects: a new Exchange that takes over from an old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.exchange import Exchange
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.headers import Headers
from mpmserver.http.uri import without_slashes_before

if TYPE_CHECKING:
    from mpmserver.core.site import Server


class KeptType(str):
    """A media type that a request has from the one before it: it says what the answer is, but names no handler."""

    __slots__ = ()


def successor(x: Exchange, uri: str, server: Server | None = None) -> Exchange:
    """Return a fresh Exchange of the same client request for another URI: `uri` is a raw path and ?query."""
    new = Exchange(x.request, x.peer, server or x.server, x.body, x.world)
    new.method = x.method
    new.uri, mark, query = without_slashes_before(uri).partition("?")
    new.unparsed_uri = uri
    new.args = query if mark else None
    new.hostname, new.port = x.hostname, x.port
    new.headers_in = x.headers_in
    new.client_ip, new.client_port = x.client_ip, x.client_port
    new.request_time = x.request_time
    new.keep_alive = x.keep_alive
    new.trace = x.trace
    new.log_id = x.log_id
    new.notes = {}
    new.files, new.memo, new.way = x.files, x.memo, x.way
    return new


def exceeds_recursion_limit(x: Exchange) -> bool:
    """Whether `x` may neither be redirected nor ask a subrequest (LimitInternalRecursion), which is logged then."""
    settings = x.server[CoreServer]
    redirects = subrequests = 0
    at = x
    while True:
        if at.prev is not None:
            redirects, at = redirects + 1, at.prev
            if redirects >= settings.limit_internal_redirects:
                return _refused(x, f"AH00124: {_EXCEEDED} {settings.limit_internal_redirects} internal redirects")
        elif at.main is not None:
            subrequests, at = subrequests + 1, at.main
            if subrequests >= settings.limit_subrequests:
                return _refused(x, f"AH00125: {_EXCEEDED} {settings.limit_subrequests} subrequest nesting levels")
        else:
            return False


_EXCEEDED = "Request exceeded the limit of"
_ADVICE = (
    "due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary. "
    "Use 'LogLevel debug' to get a backtrace."
)


def _refused(x: Exchange, message: str) -> bool:
    x.server.log(Level.ERROR, "core", f"{message} {_ADVICE}", x)
    if x.server.logs(Level.DEBUG, "core", x):
        _trace_back(x)
    return True


def _trace_back(x: Exchange) -> None:
    """Log which requests led to this one, the last first."""
    x.server.log(Level.DEBUG, "core", f"AH00121: r->uri = {x.uri}", x)
    at = x.prev or x.main
    was_redirected = x.prev is not None
    while at is not None:
        how = "AH00122: redirected" if was_redirected else "AH00123: subrequested"
        x.server.log(Level.DEBUG, "core", f"{how} from r->uri = {at.uri}", x)
        was_redirected, at = at.prev is not None, at.prev or at.main


def redirected(
    x: Exchange, uri: str, error_document: bool = False, content_type: str | None = None
) -> Exchange:
    """Return the Exchange that goes on at `uri` instead of `x`; raises HTTPError 500 after too many.

    The old environment lives on with REDIRECT_ before its names. An error document is always fetched by GET
    (what the client asked by HEAD gets no body all the same) and keeps the status of the error.
    """
    if exceeds_recursion_limit(x):
        raise HTTPError(500)
    new = successor(x, uri)
    new.prev, x.next = x, new
    new.redirects = x.redirects + 1
    new.err_headers_out = x.err_headers_out
    new.headers_out = Headers()
    if "redirect-keeps-vary" in x.notes:
        for value in x.headers_out.get_all("Vary"):
            new.headers_out.add("Vary", value)
    new.status = x.status
    new.content_type = None if content_type is None else KeptType(content_type)
    new.no_local_copy = x.no_local_copy
    new.no_cache = x.no_cache
    if error_document:
        new.no_local_copy = True
        x.env["REQUEST_METHOD"] = x.method
        new.method = "GET"
    new.env = {f"REDIRECT_{name}": value for name, value in x.env.items()}
    new.env["REDIRECT_STATUS"] = str(x.status)
    return new
