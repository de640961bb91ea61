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
from mpmserver.core.names import server_name, server_port
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.http.text import escape_logitem

ItemFunction = Callable[[Exchange], str]
Maker = Callable[[str], ItemFunction]

ORIGINAL_BY_DEFAULT: Final = frozenset("sUTDr")
"""Tokens that are about the first request of a chain unless they say otherwise."""


def _plain(function: ItemFunction) -> Maker:
    return lambda argument: function


def _text(value: str | None) -> str:
    return escape_logitem(value) if value else "-"


def _remote_host(argument: str) -> ItemFunction:
    if argument == "c":
        return lambda x: x.peer.remote[0]
    return lambda x: _text(x.notes.get("remote-host")) if x.settings[CoreDir].hostname_lookups != "off" else x.client_ip


def _address(argument: str) -> ItemFunction:
    return (lambda x: x.peer.remote[0]) if argument == "c" else (lambda x: x.client_ip)


def _header_in(name: str) -> ItemFunction:
    return lambda x: _text(x.headers_in.get(name))


def _header_out(name: str) -> ItemFunction:
    key = name.lower()

    def value(x: Exchange) -> str:
        if key == "content-type" and x.content_type:
            return _text(f"{x.content_type};charset={x.charset}" if x.charset else x.content_type)
        return _text(x.err_headers_out.get(name) or x.headers_out.get(name))

    return value


def _cookie(name: str) -> ItemFunction:
    def value(x: Exchange) -> str:
        for pair in (x.headers_in.get("Cookie") or "").split(";"):
            key, mark, text = pair.partition("=")
            if mark and key.strip().lower() == name.lower():
                return _text(text.strip())
        return "-"

    return value


def _note(name: str) -> ItemFunction:
    return lambda x: _text(str(x.notes[name])) if name in x.notes else "-"


def _variable(name: str) -> ItemFunction:
    return lambda x: _text(x.env.get(name))


def _body_bytes(x: Exchange) -> str:
    return str(x.sent_body)


def _clf_bytes(x: Exchange) -> str:
    return str(x.sent_body) if x.sent_body else "-"


def _user(x: Exchange) -> str:
    if x.user is None:
        return "-"
    return escape_logitem(x.user) if x.user else '""'


def _query(x: Exchange) -> str:
    return "?" + escape_logitem(x.args) if x.args is not None else ""


def _path(x: Exchange) -> str:
    return escape_logitem(x.uri) if x.uri else "-"


def _server_name(x: Exchange) -> str:
    return _text(x.server[CoreServer].server_name)


def _connection_status(x: Exchange) -> str:
    if "send-error" in x.notes:
        return "X"
    return "+" if x.keep_alive and not (x.world.child is not None and x.world.child.stopping) else "-"


def _port(argument: str) -> ItemFunction:
    match argument.lower():
        case "remote":
            return lambda x: str(x.peer.remote[1])
        case "local":
            return lambda x: str(x.peer.local[1])
        case _:
            return lambda x: str(server_port(x))


def _process(argument: str) -> ItemFunction:
    match argument:
        case "tid":
            return lambda x: str(threading.get_native_id())
        case "hextid":
            return lambda x: f"{threading.get_native_id():x}"
        case _:
            return lambda x: str(os.getpid())


_UNITS: Final[Mapping[str, int]] = {"s": 1_000_000, "ms": 1000, "us": 1, "": 1_000_000}


def _duration(argument: str) -> ItemFunction:
    divisor = _UNITS.get(argument)
    if divisor is None:
        return lambda x: "-"
    return lambda x: str(x.first.notes.get("duration", 0) // divisor)


def _microseconds(x: Exchange) -> str:
    return str(x.first.notes.get("duration", 0))


def _time(argument: str) -> ItemFunction:
    """%t and its formats: CLF, strftime, or sec, msec, usec, msec_frac, usec_frac, each from begin: or end:."""
    at_end = argument.startswith("end:")
    form = argument.removeprefix("begin:") if not at_end else argument[4:]

    def stamp(x: Exchange) -> float:
        return x.first.request_time + (x.first.notes.get("duration", 0) / 1e6 if at_end else 0.0)

    fixed: dict[str, ItemFunction] = {
        "": lambda x: _clf_time(stamp(x)),
        "sec": lambda x: str(int(stamp(x))),
        "msec": lambda x: str(int(stamp(x) * 1000)),
        "usec": lambda x: str(int(stamp(x) * 1_000_000)),
        "msec_frac": lambda x: f"{int(stamp(x) * 1000) % 1000:03d}",
        "usec_frac": lambda x: f"{int(stamp(x) * 1_000_000) % 1_000_000:06d}",
    }
    if form in fixed:
        return fixed[form]
    return lambda x: _strftime(form, stamp(x))


def _clf_time(seconds: float) -> str:
    return time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(seconds))


def _strftime(form: str, seconds: float) -> str:
    form = form.replace("%{usec_frac}", f"{int(seconds * 1_000_000) % 1_000_000:06d}")
    form = form.replace("%{msec_frac}", f"{int(seconds * 1000) % 1000:03d}")
    return time.strftime(form, time.localtime(seconds))


def _handler(x: Exchange) -> str:
    return _text(x.handler)


def _request_line(x: Exchange) -> str:
    line = x.request.request_line
    return escape_logitem(line) if line else "-"


ITEMS: Final[Mapping[str, Maker]] = {
    "a": _address,
    "A": _plain(lambda x: x.peer.local[0]),
    "b": _plain(_clf_bytes),
    "B": _plain(_body_bytes),
    "C": _cookie,
    "D": _plain(_microseconds),
    "e": _variable,
    "f": _plain(lambda x: _text(x.filename)),
    "h": _remote_host,
    "H": _plain(lambda x: _text(x.protocol)),
    "i": _header_in,
    "I": _plain(lambda x: str(x.first.bytes_in)),
    "k": _plain(lambda x: str(x.first.notes.get("keepalives", x.peer.keepalives))),
    "l": _plain(lambda x: "-"),
    "L": _plain(lambda x: _text(x.first.log_id)),
    "m": _plain(lambda x: _text(x.method)),
    "n": _note,
    "o": _header_out,
    "O": _plain(lambda x: str(x.last.bytes_out)),
    "p": _port,
    "P": _process,
    "q": _plain(_query),
    "r": _plain(_request_line),
    "R": _plain(_handler),
    "s": _plain(lambda x: str(x.status)),
    "S": _plain(lambda x: str(x.first.bytes_in + x.last.bytes_out)),
    "t": _time,
    "T": _duration,
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
        return _text(trailers.get(name)) if trailers is not None else "-"

    return value

