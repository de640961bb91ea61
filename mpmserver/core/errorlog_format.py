"""ErrorLogFormat: from its text to the function that makes a line of a message.

A format is a row of fields that begin at white space; where an item has nothing to say its whole field is left out,
white space before it included, unless a minus asks for "-". `% ` begins a field without any white space, a backslash
makes the next space belong to its field. `compile_format` is called while the configuration is read; what it returns
is called for each message, on any thread.
"""

from __future__ import annotations

import inspect
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from mpmserver.core.names import server_name
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.dates import log_time
from mpmserver.http.text import escape_errorlog_item
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Server

DEFAULT_FORMAT: Final = "[%{u}t] [%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\\ %a] %M% ,\\ referer:\\ %{Referer}i"


class FormatError(ValueError):
    """A format that Apache refuses; the message is Apache's."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way to the log; `status` is the system's "(13)Permission denied", or empty."""

    server: Server
    level: Level
    module: str
    text: str
    status: str = ""
    exchange: Exchange | None = None
    once: bool = False
    """True for the lines that tell of a connection: the request's items have nothing to say then."""


ItemFunction = Callable[[Message], str]
Maker = Callable[[str], ItemFunction]
Formatter = Callable[[Message], str | None]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text, or an item with its modifiers."""

    text: str = ""
    item: ItemFunction | None = None
    begins: bool = False
    """It begins a field."""
    hyphen: bool = False
    required: bool = False
    least: int = 0
    """Only for messages of at least this level number."""
    message: bool = False


def log_ids(x: Exchange) -> tuple[str, str]:
    """The log ids of a request and of its connection, made when first asked for."""
    first = x.first
    if first.log_id is None:
        make = first.world.site.providers.get(("log-id", "request"))
        first.log_id = _new_id() if make is None else make(first)
    if first.peer.log_id is None:
        first.peer.log_id = _new_id()
    return first.log_id, first.peer.log_id


def _new_id() -> str:
    """Eleven characters of base64, as Apache's."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(alphabet[byte & 63] for byte in os.urandom(11))


def _of_request(function: Callable[[Exchange], str | None]) -> ItemFunction:
    """An item that only messages about a request have."""
    return lambda m: "" if m.exchange is None or m.once else function(m.exchange) or ""


def _client(argument: str) -> ItemFunction:
    def value(m: Message) -> str:
        x = m.exchange
        if x is None:
            return ""
        ip, port = x.peer.remote if argument == "c" else (x.client_ip, x.client_port)
        return f"{ip}:{port}"

    return value


def _local(argument: str) -> ItemFunction:
    return lambda m: "" if m.exchange is None else f"{m.exchange.peer.local[0]}:{m.exchange.peer.local[1]}"


def _log_id(argument: str) -> ItemFunction:
    match argument:
        case "c":
            return lambda m: "" if m.exchange is None else log_ids(m.exchange)[1]
        case "C":
            return lambda m: log_ids(m.exchange)[1] if m.exchange is not None and m.once else ""
        case _:
            return _of_request(lambda x: log_ids(x)[0])


def _header(name: str) -> ItemFunction:
    return _of_request(lambda x: escape_errorlog_item(x.headers_in.get(name) or ""))


def _variable(name: str) -> ItemFunction:
    return _of_request(lambda x: escape_errorlog_item(x.env.get(name, "")))


def _note(name: str) -> ItemFunction:
    return _of_request(lambda x: escape_errorlog_item(str(x.notes.get(name, ""))))


def _thread(argument: str) -> ItemFunction:
    """%T, which has no value where the MPM has no threads; %{g}T is the system's number and always there."""
    if argument == "g":
        return lambda m: str(threading.get_native_id())
    return lambda m: str(threading.get_ident()) if m.server.site.threaded else ""


def _stamp(argument: str) -> ItemFunction:
    """%t: ctime's form; c for ISO 8601, u or m for fractions, z for the zone; %... for strftime."""
    if argument.startswith("%"):
        return lambda m: time.strftime(argument, time.localtime())
    return lambda m: log_time_now(argument)


def log_time_now(flags: str) -> str:
    """The present local time: ctime's form, or ISO 8601's with c; u or m add fractions, z the zone."""
    seconds, fraction = divmod(time.time_ns() // 1000, 1_000_000)
    digits = 6 if "u" in flags else 3 if "m" in flags else 0
    if "c" in flags:
        form = "%Y-%m-%d %H:%M:%S" + (f".{fraction:06d}"[: digits + 1] if digits else "") + "%z" * ("z" in flags)
        return time.strftime(form, time.localtime(seconds))
    if digits == 3:
        return log_time(fraction, seconds).replace(f".{fraction:06d}", f".{fraction // 1000:03d}")
    return log_time(fraction if digits else None, seconds)


_PASSED_OVER = frozenset({"log", "_log", "write", "_put", "render", "_source", "<lambda>"})
"""Functions on the way from the log call to here."""


def _source() -> str:
    """File and line of the log call."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name in _PASSED_OVER:
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}({frame.f_lineno})" if frame is not None else ""


def _plain(function: ItemFunction) -> Maker:
    return lambda argument: function


ITEMS: Final[Mapping[str, Maker]] = {
    "a": _client,
    "A": _local,
    "e": _variable,
    "E": _plain(lambda m: m.status),
    "F": _plain(lambda m: _source()),
    "i": _header,
    "k": _plain(_of_request(lambda x: str(x.peer.keepalives))),
    "l": _plain(lambda m: m.level.name.lower()),
    "L": _log_id,
    "m": _plain(lambda m: m.module),
    "M": _plain(lambda m: m.text),
    "n": _note,
    "P": _plain(lambda m: str(os.getpid())),
    "t": _stamp,
    "T": _thread,
    "v": _plain(lambda m: m.server[CoreServer].server_name or ""),
    "V": _plain(_of_request(server_name)),
}

_TOKEN = re.compile(r"%(?P<flags>(?:[-+0-9]|\{[^}]*\})*)(?P<letter>[^-+{0-9])", re.DOTALL)
_FLAGS = re.compile(r"\{(?P<argument>[^}]*)\}|(?P<sign>[-+])|(?P<number>[0-9]+)")
_TEXT = re.compile(r"(?P<space>[ \t\n]*)(?P<rest>(?:\\.|[^\\% \t\n]|\\$)*)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", " ": " ", "\\": "\\"}


@lru_cache(maxsize=64)
def compile_format(text: str, main: bool = True) -> Formatter:
    """Return the function that makes a line, or None where a required item has nothing to say. Raises FormatError."""
    pieces: list[Piece] = []
    position = 0
    while position < len(text):
        if text[position] == "%":
            piece, position = _token(text, position)
        else:
            piece, position = _literal(text, position)
        pieces.append(piece)
    has_message = any(piece.message for piece in pieces)
    if main and not has_message:
        raise FormatError("main ErrorLogFormat must contain message format string '%M'")
    if has_message and not main:
        raise FormatError("%M cannot be used in once-per-request or once-per-connection formats")
    return _renderer(tuple(pieces))


def _literal(text: str, position: int) -> tuple[Piece, int]:
    match = _TEXT.match(text, position)
    assert match is not None
    rest = re.sub(
        r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), match["rest"], flags=re.DOTALL
    )
    return Piece(match["space"] + rest, begins=bool(match["space"])), match.end()


def _token(text: str, position: int) -> tuple[Piece, int]:
    match = _TOKEN.match(text, position)
    if match is None:
        raise FormatError("Ran off end of error log format parsing args to some directive")
    letter, argument, signs, least = match["letter"], "", "", 0
    if letter == "%":
        return Piece("%"), match.end()
    if letter == " ":
        return Piece(begins=True), match.end()
    for flag in _FLAGS.finditer(match["flags"]):
        if flag["argument"] is not None:
            argument = flag["argument"]
        elif flag["sign"]:
            signs += flag["sign"]
        else:
            least = int(flag["number"])
    make = ITEMS.get(letter)
    if make is None:
        raise FormatError(f"Unrecognized error log format directive %{letter}")
    piece = Piece(
        item=make(argument), hyphen="-" in signs, required="+" in signs, least=least, message=letter == "M"
    )
    return piece, match.end()


def _renderer(pieces: tuple[Piece, ...]) -> Formatter:
    def render(message: Message) -> str | None:
        line: list[str] = []
        field, skipping = 0, False
        for piece in pieces:
            if piece.begins:
                field, skipping = len(line), False
            if skipping:
                continue
            if piece.item is None:
                line.append(piece.text)
                continue
            value = piece.item(message) if piece.message or message.level >= piece.least else ""
            if value:
                line.append(value)
            elif piece.required:
                return None
            elif piece.hyphen:
                line.append("-")
            else:
                del line[field:]
                skipping = True
        return "".join(line)

    return render
