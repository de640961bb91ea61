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


def successor(x: Exchange, uri: str, server: Server | None = None) -> Exchange:
    """Return a fresh Exchange of the same client request for another URI: `uri` is a raw path and ?query."""
    new = Exchange(x.request, x.peer, server or x.server, x.body, x.world)
    new.method = x.method
    new.uri, mark, query = without_slashes_before(uri).partition("?")
    new.unparsed_uri = uri
    new.args = query if mark else None
    new.hostname, new.port = x.hostname, x.port
    new.headers_in = x.headers_in
    new.client_ip = x.client_ip
    new.request_time = x.request_time
    new.keep_alive = x.keep_alive
    new.trace = x.trace
    new.log_id = x.log_id
    new.notes = {}
    return new


def redirected(x: Exchange, uri: str, error_document: bool = False) -> Exchange:
    """Return the Exchange that goes on at `uri` instead of `x`; raises HTTPError 500 after too many.

    The old environment lives on with REDIRECT_ before its names. An error document is always fetched by GET
    (what the client asked by HEAD gets no body all the same) and keeps the status of the error.
    """
    limit = x.server[CoreServer].limit_internal_redirects
    if x.redirects >= limit:
        x.server.log(
            Level.ERROR,
            "core",
            f"AH00124: Request exceeded the limit of {limit} internal redirects due to probable configuration error. "
            "Use 'LimitInternalRecursion' to increase the limit if necessary. Use 'LogLevel debug' to get a backtrace.",
            x,
        )
        raise HTTPError(500)
    new = successor(x, uri)
    new.prev, x.next = x, new
    new.redirects = x.redirects + 1
    new.err_headers_out = x.err_headers_out
    new.headers_out = Headers()
    new.status = x.status
    new.no_local_copy = x.no_local_copy
    new.no_cache = x.no_cache
    if error_document:
        new.no_local_copy = True
        x.env["REQUEST_METHOD"] = x.method
        new.method = "GET"
    new.env = {f"REDIRECT_{name}": value for name, value in x.env.items()}
    new.env["REDIRECT_STATUS"] = str(x.status)
    return new
