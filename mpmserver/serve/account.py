"""What is told of a request: to the scoreboard when it begins, to the logs when it is over."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

from mpmserver.core.scoreboard import LOGGING
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.serve.begin import failed_exchange

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.serve.connection import Connection


def show_request(connection: Connection, x: Exchange) -> None:
    """Have the scoreboard show a request, from the client that POST_READ has found it to come from."""
    connection.worker.request(
        x.client_ip.encode(),
        b"%b:%d" % (x.server.name_bytes, connection.peer.local[1]),
        x.request.request_line.encode("latin-1", "replace"),
    )


def log_request(connection: Connection, last: Exchange, started: int | None = None) -> None:
    """Run the LOG hooks of the request, then every clean-up of its chain."""
    first = last.first
    connection.worker.busy(LOGGING)
    elapsed = (time.perf_counter_ns() - started) // 1000 if started is not None else 0
    first.notes["duration"] = elapsed
    left = len(connection.buffer)
    first.bytes_in, connection.received = connection.received - left, left
    out, connection.transport.sent = connection.transport.sent, 0
    end = _end_of_chain(last)
    first.last, end.bytes_out = end, out
    first.request.headers.asked = None  # what the log asks for decides nothing
    first.keep_alive = end.keep_alive = last.keep_alive
    if "send-error" in last.notes:
        end.notes["send-error"] = last.notes["send-error"]
    try:
        for step in first.plan.log:
            step.function(first)
    except Exception:  # noqa: BLE001 - what can't be logged is said in the error log
        first.server.log(Level.ERROR, "core", traceback.format_exc().rstrip(), first)
    first.finish()
    connection.worker.done(out, elapsed)


def log_silence(connection: Connection) -> None:
    """A client that never sent a request line is logged with 408 and not answered, as in Apache."""
    if not connection.peer.keepalives:
        x = failed_exchange(connection, HTTPError(408, close=True))
        x.status, x.keep_alive = 408, False
        log_request(connection, x)


def _end_of_chain(x: Exchange) -> Exchange:
    """The last Exchange of a redirect's chain: the log is about it, even where its ErrorDocument failed."""
    while x.next is not None:
        x = x.next
    return x
