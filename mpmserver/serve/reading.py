"""Reading what comes in pieces: a head, and what must come before a connection's first one (`core/preface.py`).

Most heads come whole, and `Connection.arrived` has them parsed. Here is who waits for the rest, and what becomes of a
client that is late, or leaves before all has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.preface import Refused
from mpmserver.core.settings import Level
from mpmserver.http.head import check_partial, cut_short, find_head_end, skip_blank_lines
from mpmserver.net.waits import TimedOut, TimeoutClass
from mpmserver.serve.account import log_silence

if TYPE_CHECKING:
    from mpmserver.core.preface import Preface
    from mpmserver.serve.connection import Connection

READ_SIZE = 16384
"""Bytes taken at once of what may be heads. Above 64 KiB the allocator would tidy up behind each of them."""


async def read_head(connection: Connection) -> bytes:
    """Return the next head, nothing where the client closed or said nothing in time.

    Raises HTTPError for what is no head, and where one that is late or cut short is to be answered.
    """
    limits = connection.hosts.default.head_limits
    buffer = connection.buffer
    seen = 0
    while True:
        end = find_head_end(buffer, seen, limits.strict) if buffer else -1
        if end >= 0:
            head = bytes(buffer[:end])
            del buffer[:end]
            return head
        check_partial(buffer, limits)
        seen = len(buffer)
        blank = skip_blank_lines(buffer, limits.strict) == seen
        try:
            more = await _read_more(connection)
        except TimedOut:
            _too_slow(connection)
            return b""
        if not more:
            _cut_short(connection, blank)
            return b""


async def take_prefaces(connection: Connection) -> bool:
    """Read what comes before the first request; False where it is wrong or late and the connection must end."""
    buffer = connection.buffer
    try:
        for preface in connection.prefaces or ():
            while not preface.take(buffer):
                await _more_for(connection, preface)
    except Refused:
        buffer.clear()
        return False
    connection.prefaces = None
    return True


async def _more_for(connection: Connection, preface: Preface) -> None:
    """Receive more of what comes before the first request. Raises Refused where that doesn't come, or is late."""
    try:
        more = await _read_more(connection)
    except TimedOut:
        log_late_head(connection)
        connection.buffer.clear()
        preface.late()
        log_silence(connection)
        raise Refused from None
    if not more:
        preface.cut_short()
        raise Refused


async def _read_more(connection: Connection) -> bool:
    """Receive more into the buffer; False where the client has left. Raises TimedOut."""
    buffer = connection.buffer
    seconds = connection.deadline().head_wait(len(buffer))
    try:
        data = await connection.transport.recv(READ_SIZE, TimeoutClass.HEAD, seconds)
    except OSError:
        return False  # reset: what there is of the request is logged all the same, as in Apache
    buffer += data
    connection.received += len(data)
    return bool(data)


def _too_slow(connection: Connection) -> None:
    """The head's time is up: raises 408 where its first line has come; else there is nobody to answer."""
    error = cut_short(bytes(connection.buffer), connection.hosts.default.head_limits)
    log_late_head(connection)
    connection.buffer.clear()
    if error is None:
        log_silence(connection)
        return
    error.status, error.log, error.close = 408, "", True
    raise error


def _cut_short(connection: Connection, blank: bool) -> None:
    """The client closed its side in the middle of a head; raises HTTPError where that is to be answered."""
    if blank:
        return
    rest = bytes(connection.buffer)
    connection.buffer.clear()
    if error := cut_short(rest, connection.hosts.default.head_limits):
        raise error


def log_late_head(connection: Connection) -> None:
    """Log what mod_reqtimeout says of a head whose time is up; between two requests that is nothing."""
    limits = connection.first_server.request_read_timeout
    if limits is not None and limits.head.initial and not (connection.peer.keepalives and not connection.buffer):
        connection.log(Level.INFO, "reqtimeout", "AH01382: Request header read timeout")
