"""The tokens of log formats: each is made once for its argument and then called for each request.

Functions get the Exchange that the token is about (the first or the last of a chain) and return text that is
already escaped.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from mpmserver.core.exchange import Exchange
from mpmserver.core.hostnames import NAME_NOTE, remote_host
from mpmserver.core.names import DEFAULT_PORTS, scheme, server_name
from mpmserver.core.settings import CoreServer
from mpmserver.http.text import escape_logitem, path_octets

ItemFunction = Callable[[Exchange], str]
Maker = Callable[[str], ItemFunction]

ORIGINAL_BY_DEFAULT: Final = frozenset("sUTDrR")
"""Tokens that are about the first request of a chain unless they say otherwise."""


def _plain(function: ItemFunction) -> Maker:
    return lambda argument: function


def _text(value: str | None) -> str:
    return escape_logitem(value) if value else "-"


def _given(value: str | None) -> str:
    """What a client or the configuration gave: an empty value is one."""
    return "-" if value is None else escape_logitem(value)


def _path_text(value: str | None) -> str:
    return escape_logitem(path_octets(value)) if value else "-"


def _remote_host(argument: str) -> ItemFunction:
    if argument == "c":
        return lambda x: _text(x.peer.notes.get(NAME_NOTE) or x.peer.remote[0])
    return lambda x: escape_logitem(remote_host(x)) if x.peer.notes else x.client_ip


def _address(argument: str) -> ItemFunction:
    return (lambda x: x.peer.remote[0]) if argument == "c" else (lambda x: x.client_ip)


def _header_in(name: str) -> ItemFunction:
    return lambda x: _given(x.headers_in.get(name))


def _header_out(name: str) -> ItemFunction:
    key = name.lower()
    if key == "content-type":
        return lambda x: _given(_media_type(x))
    if key in ("date", "server"):
        return lambda x: "-"  # not the request's: Apache writes them before it looks at its headers
    return lambda x: _given(_sent(x, key))


def _sent(x: Exchange, key: str) -> str | None:
    """A field of the head as it was sent; where none was (HTTP/0.9, nph- scripts), as it would have been."""
    lines = x.notes.get("sent-head")
    if lines is None:
        return x.err_headers_out.first(key) or x.headers_out.first(key)
    fields = [line.partition(": ") for line in lines]
    values = [value for name, mark, value in fields if mark and name.lower() == key]
    return (", ".join(values) if key == "set-cookie" else values[0]) if values else None


def _media_type(x: Exchange) -> str | None:
    """Content-Type without parameters; as it was sent where it was not the resource's own."""
    return _sent(x, "content-type") if x.content_type is None else x.content_type.partition(";")[0].rstrip()


def _cookie(name: str) -> ItemFunction:
    wanted = name.lower()

    def value(x: Exchange) -> str:
        for pair in (x.headers_in.get("Cookie") or "").split(";"):
            key, mark, text = pair.partition("=")
            if mark and key.strip().lower() == wanted:
                return _text(text.strip())
        return "-"

    return value


def _note(name: str) -> ItemFunction:
    return lambda x: _given(str(x.notes[name])) if name in x.notes else "-"


def _variable(name: str) -> ItemFunction:
    return lambda x: escape_logitem(path_octets(x.env[name])) if name in x.env else "-"


def _body_bytes(x: Exchange) -> str:
    return str(x.sent_body)


def _clf_bytes(x: Exchange) -> str:
    return str(x.sent_body) if x.sent_body else "-"


def _user(x: Exchange) -> str:
    if x.user is None:
        return "-"
    return _path_text(x.user) if x.user else '""'


def _query(x: Exchange) -> str:
    return "?" + escape_logitem(x.args) if x.args is not None else ""


def _path(x: Exchange) -> str:
    return _path_text(x.uri)


def _server_name(x: Exchange) -> str:
    return _text(x.server[CoreServer].server_name)


def _connection_status(x: Exchange) -> str:
    if "send-error" in x.notes:
        return "X"
    most = x.server[CoreServer].max_keep_alive_requests
    return "+" if x.keep_alive and (not most or x.peer.keepalives + 1 < most) else "-"


def _keep_alives(x: Exchange) -> str:
    """Requests on this connection before the one that last asked to keep it (log_requests_on_connection)."""
    return str(max(0, x.peer.keepalives + (1 if x.keep_alive else 0) - 1))


def _canonical_port(x: Exchange) -> str:
    """ServerName's port; a virtual host without a ServerName has that of its address."""
    core = x.server[CoreServer]
    if core.server_port:
        return str(core.server_port)
    own = x.server.config.tables.get(CoreServer)
    if x.server.is_virtual and isinstance(own, CoreServer) and not own.server_name and core.addresses:
        return str(core.addresses[0].port or DEFAULT_PORTS[scheme(x)])
    return str(DEFAULT_PORTS[scheme(x)])


_PORTS: Final[Mapping[str, ItemFunction]] = {
    "": _canonical_port,
    "canonical": _canonical_port,
    "remote": lambda x: str(x.client_port),
    "local": lambda x: str(x.peer.local[1]),
}
_PROCESS: Final[Mapping[str, ItemFunction]] = {
    "": lambda x: str(os.getpid()),
    "pid": lambda x: str(os.getpid()),
    "tid": lambda x: str(threading.get_ident()),
    "hextid": lambda x: f"{threading.get_ident():x}",
}


def _one_of(functions: Mapping[str, ItemFunction], ignore_case: bool = False) -> Maker:
    """A token whose argument chooses; one that it doesn't know is written as it is."""

    def make(argument: str) -> ItemFunction:
        found = functions.get(argument.lower() if ignore_case else argument)
        return found if found is not None else lambda x: argument

    return make


def _elapsed(x: Exchange) -> int:
    """Microseconds from the request's first bytes to the last of its answer."""
    duration: int = x.first.notes.get("duration", 0)
    return duration


_DURATIONS: Final[Mapping[str, ItemFunction]] = {
    "": lambda x: str(_elapsed(x) // 1_000_000),
    "s": lambda x: str(_elapsed(x) // 1_000_000),
    "ms": lambda x: str(_elapsed(x) // 1000),
    "us": lambda x: str(_elapsed(x)),
}


def _begin(x: Exchange) -> int:
    return int(x.first.request_time * 1_000_000)


def _end(x: Exchange) -> int:
    return _begin(x) + _elapsed(x)


def _time(argument: str) -> ItemFunction:
    """%t: the Common Log Format, a strftime format, or a figure; of the request's begin or its end."""
    at_end = argument.startswith("end:")
    form = argument.removeprefix("end:" if at_end else "begin:")
    micros = _end if at_end else _begin
    if not form:
        return lambda x: x.world.dates.clf_time(micros(x) // 1_000_000)
    figures: dict[str, ItemFunction] = {
        "sec": lambda x: str(micros(x) // 1_000_000),
        "msec": lambda x: str(micros(x) // 1000),
        "usec": lambda x: str(micros(x)),
        "msec_frac": lambda x: f"{micros(x) // 1000 % 1000:03d}",
        "usec_frac": lambda x: f"{micros(x) % 1_000_000:06d}",
    }
    return figures.get(form, lambda x: time.strftime(form, time.localtime(micros(x) // 1_000_000)))


def _handler(x: Exchange) -> str:
    return "-" if x.handler is None else escape_logitem(x.handler)


def _request_line(x: Exchange) -> str:
    return escape_logitem(x.request.request_line)


ITEMS: Final[Mapping[str, Maker]] = {
    "a": _address,
    "A": _plain(lambda x: x.peer.local[0]),
    "b": _plain(_clf_bytes),
    "B": _plain(_body_bytes),
    "C": _cookie,
    "D": _plain(_DURATIONS["us"]),
    "e": _variable,
    "f": _plain(lambda x: _path_text(x.filename)),
    "h": _remote_host,
    "H": _plain(lambda x: _text(x.protocol)),
    "i": _header_in,
    "I": _plain(lambda x: str(x.first.bytes_in)),
    "k": _plain(_keep_alives),
    "l": _plain(lambda x: "-"),
    "L": _plain(lambda x: _text(x.first.log_id)),
    "m": _plain(lambda x: _text(x.method)),
    "n": _note,
    "o": _header_out,
    "O": _plain(lambda x: str(x.last.bytes_out)),
    "p": _one_of(_PORTS, ignore_case=True),
    "P": _one_of(_PROCESS),
    "q": _plain(_query),
    "r": _plain(_request_line),
    "R": _plain(_handler),
    "s": _plain(lambda x: str(x.status or "-")),
    "S": _plain(lambda x: str(x.first.bytes_in + x.last.bytes_out)),
    "t": _time,
    "T": _one_of(_DURATIONS),
    "u": _plain(_user),
    "U": _plain(_path),
    "v": _plain(_server_name),
    "V": _plain(lambda x: _text(server_name(x))),
    "X": _plain(_connection_status),
}

LONG_ITEMS: Final[Mapping[str, Maker]] = {
    "FB": _plain(lambda x: str(x.first.notes["first-byte"]) if "first-byte" in x.first.notes else "-"),
    "ti": lambda argument: _trailer_value("trailers-in", argument),
    "to": lambda argument: _trailer_value("trailers-out", argument),
}


def _trailer_value(table: str, name: str) -> ItemFunction:
    def value(x: Exchange) -> str:
        trailers = x.first.notes.get(table)
        return _given(trailers.get(name)) if trailers is not None else "-"

    return value

