"""The tokens of log formats: each is made once for its argument and then asked for each request.

An `Item` says two things: the text for a request that has been answered, and what becomes of that text when the answer
is given again from memory. Most texts are the same each time; the others are told by the present `Moment`, or by the
request's fields where those may differ.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from mpmserver.core.exchange import Exchange
from mpmserver.core.hostnames import NAME_NOTE, remote_host
from mpmserver.core.names import DEFAULT_PORTS, scheme, server_name
from mpmserver.core.settings import CoreServer
from mpmserver.http.dates import clf_time
from mpmserver.http.text import escape_logitem, path_octets

if TYPE_CHECKING:
    from mpmserver.core.recall.moment import Moment

ItemFunction = Callable[[Exchange], str]


class Live(NamedTuple):
    """A text that differs from hit to hit: `place` is where it goes in a template, `value` finds it."""

    value: Callable[[Moment], object]
    place: bytes = b"%b"
    timed: bool = False
    """Whether it needs `Moment.micros`."""
    attribute: str | None = None
    """The name of the Moment's attribute that it is, where it is one."""


class OfField(NamedTuple):
    """A text that one of the request's fields alone decides."""

    name: str
    text: Callable[[str | None], str]
    """For the field's value; None where it is not there."""
    as_is: bool = False
    """Whether that is the value itself, where nothing in it has to be escaped."""


class Unknown:
    """A text that can't be told from memory; that there is none ("-") stays so."""


Again = Live | OfField | Unknown | None
"""How a text is found at a hit; None: it is the same."""


class Item(NamedTuple):
    """One token; `render` is given the Exchange that it is about, and its text is escaped already."""

    render: ItemFunction
    again: Again = None


Maker = Callable[[str], Item]

ORIGINAL_BY_DEFAULT: Final = frozenset("sUTDrR")
"""Tokens that are about the first request of a chain unless they say otherwise."""

_UNKNOWN: Final = Unknown()


def _plain(function: ItemFunction, again: Again = None) -> Maker:
    item = Item(function, again)
    return lambda argument: item


def _attribute(name: str, place: bytes = b"%b", timed: bool = False) -> Live:
    return Live(attrgetter(name), place, timed, name)


def _made(function: Callable[[Moment], str], timed: bool = False) -> Live:
    return Live(lambda moment: function(moment).encode(), timed=timed)


def _text(value: str | None) -> str:
    return escape_logitem(value) if value else "-"


def _given(value: str | None) -> str:
    """What a client or the configuration gave: an empty value is one."""
    return "-" if value is None else escape_logitem(value)


def _path_text(value: str | None) -> str:
    return escape_logitem(path_octets(value)) if value else "-"


# Who asks, and where

_CLIENT: Final = _attribute("client")


def _client(x: Exchange) -> str:
    return escape_logitem(remote_host(x)) if x.peer.notes else x.client_ip


def _remote_host(argument: str) -> Item:
    if argument == "c":
        return Item(lambda x: _text(x.peer.notes.get(NAME_NOTE) or x.peer.remote[0]), _CLIENT)
    return Item(_client, _CLIENT)


def _address(argument: str) -> Item:
    return Item((lambda x: x.peer.remote[0]) if argument == "c" else (lambda x: x.client_ip), _CLIENT)


def _server_name(x: Exchange) -> str:
    return _text(x.server[CoreServer].server_name)


def _canonical_port(x: Exchange) -> str:
    """ServerName's port; a virtual host without a ServerName has that of its address."""
    core = x.server[CoreServer]
    if core.server_port:
        return str(core.server_port)
    own = x.server.config.tables.get(CoreServer)
    if x.server.is_virtual and isinstance(own, CoreServer) and not own.server_name and core.addresses:
        return str(core.addresses[0].port or DEFAULT_PORTS[scheme(x)])
    return str(DEFAULT_PORTS[scheme(x)])


_PORTS: Final[Mapping[str, Item]] = {
    "": Item(_canonical_port),
    "canonical": Item(_canonical_port),
    "remote": Item(lambda x: str(x.client_port), Live(lambda moment: moment.peer.remote[1], b"%d")),
    "local": Item(lambda x: str(x.peer.local[1])),
}
_PROCESS: Final[Mapping[str, Item]] = {
    "": Item(lambda x: str(os.getpid())),
    "pid": Item(lambda x: str(os.getpid())),
    "tid": Item(lambda x: str(threading.get_ident()), Live(lambda moment: threading.get_ident(), b"%d")),
    "hextid": Item(lambda x: f"{threading.get_ident():x}", Live(lambda moment: threading.get_ident(), b"%x")),
}


def _one_of(items: Mapping[str, Item], ignore_case: bool = False) -> Maker:
    """A token whose argument chooses; one that it doesn't know is written as it is."""

    def make(argument: str) -> Item:
        found = items.get(argument.lower() if ignore_case else argument)
        return found if found is not None else Item(lambda x: argument)

    return make


# What was asked for


def _of_field(name: str, text: Callable[[str | None], str], as_is: bool = False) -> Item:
    return Item(lambda x: text(x.headers_in.get(name)), OfField(name, text, as_is))


def _header_in(name: str) -> Item:
    return _of_field(name, _given, as_is=True)


def _cookie(name: str) -> Item:
    wanted = name.lower()

    def text(value: str | None) -> str:
        for pair in (value or "").split(";"):
            key, mark, given = pair.partition("=")
            if mark and key.strip().lower() == wanted:
                return _text(given.strip())
        return "-"

    return _of_field("Cookie", text)


def _request_line(x: Exchange) -> str:
    return escape_logitem(x.request.request_line)


def _query(x: Exchange) -> str:
    return "?" + escape_logitem(x.args) if x.args is not None else ""


def _path(x: Exchange) -> str:
    return _path_text(x.uri)


def _user(x: Exchange) -> str:
    user = x.user
    if user is None:
        return "-"
    return _path_text(user) if user else '""'


def _note(name: str) -> Item:
    return Item(lambda x: _given(str(x.notes[name])) if name in x.notes else "-")


def _variable(name: str) -> Item:
    return Item(lambda x: escape_logitem(path_octets(x.env[name])) if name in x.env else "-")


def _handler(x: Exchange) -> str:
    return "-" if x.handler is None else escape_logitem(x.handler)


# What was answered


_NOT_LASTING: Final = frozenset({"connection", "expires", "keep-alive"})
"""Fields of an answer that count down, or are dated anew, from hit to hit."""


def _header_out(name: str) -> Item:
    key = name.lower()
    if key == "content-type":
        return Item(lambda x: _given(_media_type(x)))
    if key in ("date", "server"):
        return Item(lambda x: "-")  # not the request's: Apache writes them before it looks at its headers
    return Item(lambda x: _given(_sent(x, key)), _UNKNOWN if key in _NOT_LASTING else None)


def _sent(x: Exchange, key: str) -> str | None:
    """A field of the head as it was sent; where none was (HTTP/0.9, nph- scripts), as it would have been."""
    head = x.notes.get("sent-head")
    if head is None:
        return x.err_headers_out.first(key) or x.headers_out.first(key)
    fields = [line.partition(": ") for line in head.split("\r\n")]
    values = [value for name, mark, value in fields if mark and name.lower() == key]
    return (", ".join(values) if key == "set-cookie" else values[0]) if values else None


def _media_type(x: Exchange) -> str | None:
    """Content-Type without parameters; as it was sent where it was not the resource's own."""
    return _sent(x, "content-type") if x.content_type is None else x.content_type.partition(";")[0].rstrip()


def _status(x: Exchange) -> str:
    return str(x.status or "-")


def _clf_bytes(x: Exchange) -> str:
    return str(x.sent_body or "-")


def _trailer_value(table: str, name: str) -> Item:
    def value(x: Exchange) -> str:
        trailers = x.first.notes.get(table)
        return _given(trailers.get(name)) if trailers is not None else "-"

    return Item(value)


# The connection


def _more_follow(x: Exchange) -> str:
    most = x.server[CoreServer].max_keep_alive_requests
    return "+" if x.keep_alive and (not most or x.peer.keepalives + 1 < most) else "-"


def _connection_status(x: Exchange) -> str:
    return "X" if "send-error" in x.notes else _more_follow(x)


def _connection_status_again(moment: Moment) -> bytes:
    """As `_connection_status`: the last request that MaxKeepAliveRequests allows is never answered from memory."""
    return b"X" if moment.aborted else b"+" if moment.keep_alive else b"-"


def _keep_alives(x: Exchange) -> str:
    """Requests on this connection before the one that last asked to keep it (log_requests_on_connection)."""
    return str(max(0, x.peer.keepalives + (1 if x.keep_alive else 0) - 1))


def _keep_alives_again(moment: Moment) -> int:
    return max(0, moment.peer.keepalives + (1 if moment.keep_alive else 0) - 1)


# Time


def _elapsed(x: Exchange) -> int:
    """Microseconds from the request's first bytes to the last of its answer."""
    duration: int = x.first.notes.get("duration", 0)
    return duration


def _scaled(unit: int) -> Item:
    """A duration in units of so many microseconds."""
    if unit == 1:
        return Item(lambda x: str(_elapsed(x)), _attribute("micros", b"%d", timed=True))
    return Item(lambda x: str(_elapsed(x) // unit), Live(lambda moment: moment.micros // unit, b"%d", timed=True))


_DURATIONS: Final[Mapping[str, Item]] = {
    "": _scaled(1_000_000), "s": _scaled(1_000_000), "ms": _scaled(1000), "us": _scaled(1),
}  # fmt: skip

_TIMES: Final[Mapping[str, Callable[[int], str]]] = {
    "": lambda micros: clf_time(micros // 1_000_000),
    "sec": lambda micros: str(micros // 1_000_000),
    "msec": lambda micros: str(micros // 1000),
    "usec": str,
    "msec_frac": lambda micros: f"{micros // 1000 % 1000:03d}",
    "usec_frac": lambda micros: f"{micros % 1_000_000:06d}",
}


def _strftime(form: str) -> Callable[[int], str]:
    return lambda micros: time.strftime(form, time.localtime(micros // 1_000_000))


def _clf_time(x: Exchange) -> str:
    return clf_time(int(x.request_time))


def _time(argument: str) -> Item:
    """%t: the Common Log Format, a strftime format, or a figure; of the request's begin or its end."""
    at_end = argument.startswith("end:")
    form = argument.removeprefix("end:" if at_end else "begin:")
    if not form and not at_end:
        return Item(_clf_time, _attribute("clf_time"))
    shown = _TIMES.get(form) or _strftime(form)

    def micros(x: Exchange) -> int:
        return int(x.request_time * 1_000_000) + (_elapsed(x) if at_end else 0)

    def micros_again(moment: Moment) -> int:
        return int(moment.request_time * 1_000_000) + (moment.micros if at_end else 0)

    return Item(lambda x: shown(micros(x)), _made(lambda moment: shown(micros_again(moment)), timed=at_end))


ITEMS: Final[Mapping[str, Maker]] = {
    "a": _address,
    "A": _plain(lambda x: x.peer.local[0]),
    "b": _plain(_clf_bytes),
    "B": _plain(lambda x: str(x.sent_body)),
    "C": _cookie,
    "D": _plain(*_DURATIONS["us"]),
    "e": _variable,
    "f": _plain(lambda x: _path_text(x.filename)),
    "h": _remote_host,
    "H": _plain(lambda x: _text(x.protocol)),
    "i": _header_in,
    "I": _plain(lambda x: str(x.first.bytes_in), _attribute("bytes_in", b"%d")),
    "k": _plain(_keep_alives, Live(_keep_alives_again, b"%d")),
    "L": _plain(lambda x: _text(x.first.log_id)),
    "m": _plain(lambda x: _text(x.method)),
    "n": _note,
    "o": _header_out,
    "O": _plain(lambda x: str(x.last.bytes_out), _attribute("bytes_out", b"%d")),
    "p": _one_of(_PORTS, ignore_case=True),
    "P": _one_of(_PROCESS),
    "q": _plain(_query),
    "r": _plain(_request_line),
    "R": _plain(_handler),
    "s": _plain(_status),
    "S": _plain(
        lambda x: str(x.first.bytes_in + x.last.bytes_out),
        Live(lambda moment: moment.bytes_in + moment.bytes_out, b"%d"),
    ),
    "t": _time,
    "T": _one_of(_DURATIONS),
    "u": _plain(_user),
    "U": _plain(_path),
    "v": _plain(_server_name),
    "V": _plain(lambda x: _text(server_name(x))),
    "X": _plain(_connection_status, Live(_connection_status_again)),
}
FIXED: Final[Mapping[str, str]] = {"%": "%", "l": "-"}
"""Letters that stand for a text of their own, whatever the request."""

LONG_ITEMS: Final[Mapping[str, Maker]] = {
    "FB": _plain(lambda x: str(x.first.notes["first-byte"]) if "first-byte" in x.first.notes else "-", _UNKNOWN),
    "ti": lambda argument: _trailer_value("trailers-in", argument),
    "to": lambda argument: _trailer_value("trailers-out", argument),
}
