"""From a parsed head to an Exchange: its body, its virtual host, and what the parser found wrong."""

from __future__ import annotations

import contextlib
import re
from threading import get_ident
from typing import TYPE_CHECKING

from mpmserver.core.exchange import Exchange
from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import NO_BODY
from mpmserver.http.headers import Headers
from mpmserver.http.request import Request
from mpmserver.http.text import path_text
from mpmserver.http.uri import Target, parse_target
from mpmserver.serve.input import NO_REQUEST_BODY, ConnectionBody, request_body

if TYPE_CHECKING:
    from mpmserver.core.world import World
    from mpmserver.serve.connection import Connection

_PROTOCOL = re.compile(r"HTTP/([0-9])\.([0-9])")


def open_exchange(connection: Connection, request: Request) -> Exchange:
    """Return the Exchange of a request; raises HTTPError 400 where its Host fits no virtual host strictly."""
    uri = request.uri
    try:
        server = connection.hosts.choose(request.host, uri.path_raw)
    except HTTPError as error:
        error.request_line, error.method, error.target = request.request_line, request.method, request.target
        error.protocol, error.headers_in, error.uri = request.protocol, request.headers, request.uri
        raise
    if request.framing is NO_BODY:
        x = Exchange(request, connection.peer, server, NO_REQUEST_BODY, connection.world)
    else:
        body = request_body(connection, request)
        x = Exchange(request, connection.peer, server, body, connection.world)
        if isinstance(body, ConnectionBody):
            body.exchange = x
    x.uri = uri.path_raw
    x.args = uri.query
    x.hostname = request.host
    x.port = request.port
    return x


def hear_of_changes(world: World) -> None:
    """Hear of changed files anew: a request that has come behind another's bytes may have been sent behind a change.

    A loop has heard of all that came before the first of them; other threads than the loop's look for themselves.
    """
    recall = world.recall
    if recall is not None and recall.watches is not None and get_ident() == recall.owner:
        recall.watches.read()


def failed_exchange(connection: Connection, error: HTTPError) -> Exchange:
    """Return an Exchange for a head that was refused: what is known of it, for the page and the log line."""
    method = error.method or "GET"
    uri = error.uri or parse_target(error.target or "", method) or Target(error.target or "")
    server = connection.hosts.default
    if error.host is not None:
        with contextlib.suppress(HTTPError):
            server = connection.hosts.choose(error.host, uri.path_raw)
    error.log = path_text(error.log)
    headers = error.headers_in or Headers()
    request = Request(
        method=method,
        target=error.target or "/",
        protocol=error.protocol or "HTTP/1.0",
        version=_version(error.protocol),
        headers=headers,
        request_line="-" if error.request_line is None else error.request_line,
        head_bytes=connection.received,
        uri=Target("/"),
        host=None,
        port=None,
        keep_alive=False,
        keep_alive_asked=False,
        expect_continue=False,
        framing=NO_BODY,
    )
    x = Exchange(request, connection.peer, server, NO_REQUEST_BODY, connection.world)
    x.uri, x.args, x.hostname = uri.path_raw, uri.query, error.host
    x.method = error.method or ""
    x.status = error.status
    return x


def _version(protocol: str | None) -> tuple[int, int]:
    """The version of a protocol as written; HTTP/1.0 where nothing readable was."""
    match = _PROTOCOL.fullmatch(protocol or "")
    return (int(match[1]), int(match[2])) if match else (1, 0)
