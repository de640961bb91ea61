"""Answering from memory: the one short cut, from bytes received to the log line, without a coroutine.

Called by `Connection.arrived` with what an idle connection has received. Nothing here waits; where the client doesn't
take all at once a coroutine does the rest.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mpmserver.core.recall.looks import unchanged
from mpmserver.core.steps import waited
from mpmserver.http.framing import NO_BODY
from mpmserver.http.head import whole_head
from mpmserver.net.waits import TimedOut
from mpmserver.serve.begun import Begun
from mpmserver.serve.outcome import CLOSED, IDLE, Outcome
from mpmserver.serve.output import after, send_pieces

if TYPE_CHECKING:
    from mpmserver.core.body import Piece
    from mpmserver.core.recall.behind import FileBehind
    from mpmserver.core.recall.brief import Brief
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.recollection import Line
    from mpmserver.core.recall.record import Kept, Record
    from mpmserver.core.recall.shelf import Shelf
    from mpmserver.http.gist import Fields
    from mpmserver.http.request import Request
    from mpmserver.serve.connection import Connection, Step

    Told = tuple[Record | "Answered", tuple[Line, ...]]


ALL: Final = 1024
"""So many heads that were answered by their resource are noted, to be known when they come again; then..."""
SAMPLE: Final = 4
"""... one of so many: who comes often will be among them."""
OFTEN: Final = 64
"""Each time that it has been given so often, a brief may become a record."""


class Answered(NamedTuple):
    """What accounting for an answer asks of its record, where it has none."""

    vhost: bytes
    request_line: bytes
    timeout: float
    lingers: bool


def recalled(connection: Connection, kept: Kept, data: bytes, moment: Moment) -> Step | None:
    """Answer the head `data` as `kept` says; None where that can't be done, and nothing has been."""
    record = kept[0]
    started = perf_counter_ns() if record.timed else 0
    if record.good_for != moment.second:  # what is looked at each time is never good for a second
        dated = record.look and record.second == moment.second
        if not (dated and unchanged(record.checks)) and not record.shelf.holds(record, moment):
            return None
    peer = connection.peer
    if peer.keepalives >= record.most or peer.notes:
        return None  # what is known of this connection alone may show
    payload = record.payload if record.left_at is None else record.counted(peer.keepalives)
    if record.behind is not None:
        return _with_file(connection, kept, record.behind, payload, len(data), moment, started)
    transport = connection.transport
    try:
        sent = transport.send_now(payload) if record.keep else transport.send_last(payload)
    except OSError:
        return None  # nothing was sent: what becomes of such a request is not for here
    record.hits += 1
    moment.bytes_in = len(data)
    moment.keep_alive = record.keep
    if started:
        moment.micros = (perf_counter_ns() - started) // 1000
    if sent != len(payload):
        rest = transport.send([payload[sent:]], kept[0].timeout)
        return Begun(_to_the_end(connection, kept, rest, moment.copy(), started))
    transport.sent = 0
    moment.bytes_out = sent
    return _account(connection, kept, moment)


async def _to_the_end(
    connection: Connection, kept: Told, sending: Coroutine[Any, Any, object], moment: Moment, started: int
) -> Outcome:
    """Go on with an answer of which the client didn't take all at once; `moment` is this answer's own."""
    transport = connection.transport
    keep, moment.aborted, moment.keep_alive = moment.keep_alive, True, False
    try:
        await sending
        moment.aborted, moment.keep_alive = False, keep
    except (OSError, TimedOut):
        pass  # the client has left
    finally:
        if started:
            moment.micros = (perf_counter_ns() - started) // 1000
        moment.bytes_out, transport.sent = transport.sent, 0
        step = _account(connection, kept, moment)
    outcome: Outcome = await waited(step)
    return outcome


def _with_file(
    connection: Connection, kept: Kept, behind: FileBehind, head: bytes, size: int, moment: Moment, started: int
) -> Step | None:
    """Send a remembered head and the file behind it to a request of `size` bytes; None where nothing has been sent."""
    record = kept[0]
    fd = behind.open()
    if fd < 0:
        record.shelf.recall.forget(record)
        return None
    span = behind.span
    try:
        sent = connection.transport.sendfile_now(head, fd, *span) if span is not None else 0
    except OSError:
        os.close(fd)
        return None
    record.hits += 1
    moment.bytes_in = size
    moment.keep_alive = record.keep
    if span is None or sent != len(head) + span[1]:
        rest = _send_file(connection, record, fd, after((head, *behind.pieces), sent))
        return Begun(_to_the_end(connection, kept, rest, moment.copy(), started))
    os.close(fd)
    if started:
        moment.micros = (perf_counter_ns() - started) // 1000
    connection.transport.sent = 0
    moment.bytes_out = sent
    return _account(connection, kept, moment)


async def _send_file(connection: Connection, record: Record, fd: int, pieces: Sequence[Piece]) -> None:
    """Send what is left of a file, for as long as it takes, and close it."""
    connection.worker.request(connection.peer.address, record.vhost, record.request_line)
    try:
        await send_pieces(connection.transport, fd, pieces, record.timeout)
    finally:
        os.close(fd)


def _account(connection: Connection, kept: Told, moment: Moment) -> Step:
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
    if record.lingers and not moment.aborted:
        return connection.leave()
    connection.close()  # its client has said that this is the last
    return CLOSED


def recalled_resource(connection: Connection, shelf: Shelf, data: bytes, moment: Moment) -> Step | Request | None:
    """Answer a head that is not known itself, if its resource is; else the request, where there is a whole one.

    The head is kept if it comes again.
    """
    limits = connection.hosts.default.head_limits
    request = None
    kept = shelf.by_gist(data, limits, moment)
    if kept is None:
        brief = shelf.in_brief(data, limits)
        if brief is not None:
            step = _in_brief(connection, *brief, data, moment)
            if step is not None:
                shelf.recall.resource_hits += 1
                if not brief[0].hits % OFTEN:
                    shelf.recall.promote(brief[0])
                return step
        request = whole_head(data, limits)
        if request is None or request.framing is not NO_BODY or request.expect_continue:
            return request  # a body may follow, and whoever takes it off the connection is not here
        record = shelf.resource(request)
        if record is None:
            return request
        kept = (record, record.recollection.of_head(request.headers.joined))
    step = recalled(connection, kept, data, moment)
    if step is None:
        return request or whole_head(data, limits)
    recall = shelf.recall
    recall.resource_hits = hits = recall.resource_hits + 1
    if (hits <= ALL or not hits % SAMPLE) and recall.seen.again(hash(data)):
        recall.add_head(kept[0], data, limits)
    if request is not None:
        recall.add_gist(kept[0], data, request.headers.joined)
    return step


def _in_brief(connection: Connection, brief: Brief, fields: Fields, data: bytes, moment: Moment) -> Step | None:
    """Answer a head as a brief says, and with what its file holds; None where that can't be done, and nothing has."""
    terms = brief.terms
    started = perf_counter_ns() if terms.timed else 0
    if terms.good_for != moment.second and not terms.shelf.holds(terms, moment):
        terms.shelf.recall.forget_brief(brief)
        return None
    peer, transport = connection.peer, connection.transport
    if peer.keepalives >= terms.most or peer.notes:
        return None
    body = brief.contents(transport.blocking)
    if not body:
        if body is None:
            terms.shelf.recall.forget_brief(brief)
        return None
    payload = terms.payload(brief.own[brief.at :], body, peer.keepalives)
    try:
        sent = transport.send_now(payload)
    except OSError:
        return None
    brief.hits += 1
    moment.bytes_in = len(data)
    moment.keep_alive = terms.keep
    if started:
        moment.micros = (perf_counter_ns() - started) // 1000
    line = data[: data.find(b"\r")]
    kept = (Answered(terms.vhost, line, terms.timeout, terms.lingers), terms.outline.lines_of(line, len(body), fields))
    if sent != len(payload):
        rest = transport.send([payload[sent:]], kept[0].timeout)
        return Begun(_to_the_end(connection, kept, rest, moment.copy(), started))
    transport.sent = 0
    moment.bytes_out = sent
    return _account(connection, kept, moment)
