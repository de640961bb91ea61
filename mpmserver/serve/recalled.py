"""Answering from memory: the one short cut, from bytes received to the log line, without a coroutine.

Called by `Connection.arrived` with what an idle connection has received. Nothing here waits; where the client doesn't
take all at once a coroutine does the rest.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from mpmserver.http.head import whole_head
from mpmserver.net.waits import TimedOut
from mpmserver.serve.outcome import CLOSED, IDLE, Outcome

if TYPE_CHECKING:
    from mpmserver.core.recall.memory import Shelf
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.record import Kept
    from mpmserver.http.request import Request
    from mpmserver.serve.connection import Connection, Step


def recalled(connection: Connection, kept: Kept, data: bytes, moment: Moment) -> Step | None:
    """Answer the head `data` as `kept` says; None where that can't be done, and nothing has been."""
    record = kept[0]
    started = perf_counter_ns() if record.timed else 0
    if record.good_for != moment.second and not record.shelf.holds(record, moment):
        return None
    peer = connection.peer
    if peer.keepalives >= record.most or peer.notes:
        return None  # what is known of this connection alone may show
    payload = record.payload if record.left_at is None else record.counted(peer.keepalives)
    try:
        sent = connection.transport.send_now(payload)
    except OSError:
        return None  # nothing was sent: what becomes of such a request is not for here
    record.used = True
    moment.bytes_in = len(data)
    moment.keep_alive = record.keep
    if started:
        moment.micros = (perf_counter_ns() - started) // 1000
    if sent != len(payload):
        return _send_rest(connection, kept, payload[sent:], moment.copy())
    connection.logged_out += sent
    moment.bytes_out = sent
    return _account(connection, kept, moment)


async def _send_rest(connection: Connection, kept: Kept, rest: bytes, moment: Moment) -> Outcome:
    """Go on with an answer of which the client didn't take all at once; `moment` is this answer's own."""
    transport = connection.transport
    try:
        await transport.send([rest], kept[0].timeout)
    except (OSError, TimedOut):
        moment.aborted, moment.keep_alive = True, False
    moment.bytes_out = transport.sent - connection.logged_out
    connection.logged_out = transport.sent
    return _account(connection, kept, moment)


def _account(connection: Connection, kept: Kept, moment: Moment) -> Outcome:
    """Write the log lines and count; what becomes of the connection."""
    peer = connection.peer
    moment.peer = peer
    moment.client = client = peer.address
    record, lines = kept
    for template, fetch, write in lines:
        write(template % fetch(moment))
    connection.worker.remembered(client, record.vhost, record.request_line, moment.bytes_out)
    connection.head_deadline = None
    peer.keepalives += 1
    if moment.keep_alive:
        return IDLE
    connection.close()  # its client has said that this is the last
    return CLOSED


def recalled_resource(connection: Connection, shelf: Shelf, data: bytes, moment: Moment) -> Step | Request | None:
    """Answer a head that is not known itself, if its resource is; else the request, where there is a whole one."""
    request = whole_head(data, connection.hosts.default.head_limits)
    record = None if request is None else shelf.resource(request)
    if request is None or record is None:
        return request
    kept = (record, record.recollection.lines(request.headers))
    step = recalled(connection, kept, data, moment)
    if step is None:
        return request
    shelf.recall.resource_hits += 1
    shelf.add_head(kept, data)
    return step
