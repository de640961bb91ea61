"""One connection's life, from its first bytes to its last log line.

What it owns: the transport, the bytes received but not yet used, and the record of both ends. An MPM makes one for
each accepted socket, parks it while it is idle, and calls

* `arrived(data)` with the bytes it received: the answer is `Outcome.IDLE` or `Outcome.CLOSED` where all was done
  at once, as nearly always, or a coroutine that the MPM drives and that ends with one of them;
* `expired()` when an idle connection's time is up;
* `close()` when it must go at once.

Only one thread at a time touches a connection: the one that drives its coroutine, or the one that has it parked.
While a coroutine runs nobody else does. A coroutine never raises anything but what its driver throws into it
(GeneratorExit): errors of the client and of modules end as answers or as a closed connection.

From the head to the log line: `arrived` has it parsed, or `serve` reads it (`reading.py`); then `_answer`: there
`open_exchange` picks the virtual host, `core.pipeline.answer` runs the phases, `Sender` sends, the LOG hooks write
(`account.py`). What has to wait gives a coroutine in its answer's place, with which `_answer_waiting` goes on.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Coroutine
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from mpmserver.core.body import StreamBroken
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.output import deliverable
from mpmserver.core.pipeline import answer, fail
from mpmserver.core.scoreboard import CLOSING, KEEPALIVE, READING, WorkerSlot
from mpmserver.core.settings import CoreServer, Level
from mpmserver.core.steps import then, waited
from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import NO_BODY
from mpmserver.http.head import parse_head, whole_head
from mpmserver.http.request import Request
from mpmserver.net.transport import Transport
from mpmserver.net.waits import TimedOut, TimeoutClass, sleep
from mpmserver.serve.account import log_request, log_silence, show_request
from mpmserver.serve.begin import failed_exchange, hear_of_changes, open_exchange
from mpmserver.serve.begun import Begun
from mpmserver.serve.deadlines import HeadDeadline
from mpmserver.serve.input import NO_REQUEST_BODY, ConnectionBody
from mpmserver.serve.outcome import Outcome
from mpmserver.serve.output import Sender
from mpmserver.serve.reading import READ_SIZE, log_late_head, read_head, take_prefaces
from mpmserver.serve.recalled import recalled, recalled_resource

if TYPE_CHECKING:
    from mpmserver.core.preface import Preface
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.vhost import AddressHosts
    from mpmserver.core.world import World

LINGER_SECONDS = 30.0
LINGER_IDLE_SECONDS = 2.0
_NO_BUFFER = cast("bytearray", b"")
"""What is shared by all idle connections: nobody can add anything to it."""
TURN = 32
"""So many pipelined requests are answered in a row, then the connection queues behind the others."""


Step = Coroutine[Any, Any, Outcome] | Outcome
Answering = Coroutine[Any, Any, bool]
"""The rest of a request that has to wait: whether the connection goes on."""


class Connection:
    """See the module's docstring."""

    __slots__ = (
        "buffer", "fd", "head_deadline", "hosts", "parting", "peer", "prefaces", "received", "renewed", "shelf",
        "transport", "worker", "world",
    )  # fmt: skip

    def __init__(self, world: World, transport: Transport, listener: Any, peer: Peer, worker: WorkerSlot) -> None:
        self.world = world
        self.transport = transport
        self.fd = transport.fd
        self.peer = peer
        self.worker = worker
        """The scoreboard entry of the thread that drives this connection; the MPM sets it when that changes."""
        self.hosts: AddressHosts = world.hosts.for_address(peer.local)
        self.shelf = None if world.recall is None else world.recall.shelf(peer.local)
        """What is remembered for the address that it came to."""
        self.parting = False
        """The client has said that nothing follows the request that was answered last."""
        self.renewed = 0.0
        """When it was answered last while it stayed parked (the parking lot's clock)."""
        self.buffer = _NO_BUFFER
        """Bytes that were received and not used yet; there are none while the connection is idle."""
        self.received = 0
        """How many bytes have come since the last request that was logged (%I); those in the buffer are among them."""
        self.head_deadline: HeadDeadline | None = None
        self.prefaces: list[Preface] | None = None
        """What must come before the first request; None where nothing must, or has come."""
        worker.connected()
        if world.pre_connection:
            found = (hook(peer, self.log) for hook in world.pre_connection)
            self.prefaces = [preface for preface in found if preface is not None] or None
            if self.prefaces is not None:
                self.shelf = None  # what comes first is no head

    @property
    def stopping(self) -> bool:
        """True where the process was told to stop gracefully: this answer is the connection's last."""
        child = self.world.child
        return child is not None and child.stopping

    @property
    def first_server(self) -> CoreServer:
        """The core settings that hold before a request has named its host."""
        return self.hosts.default[CoreServer]

    def idle_timeout(self) -> tuple[TimeoutClass, float]:
        """How long the MPM waits for the next bytes: for the first request, or between two."""
        if self.peer.keepalives:
            return TimeoutClass.KEEP_ALIVE, self.first_server.keep_alive_timeout
        return TimeoutClass.HEAD, self.deadline().first_wait()

    def deadline(self) -> HeadDeadline:
        """The clock of the head that is being received."""
        if self.head_deadline is None:
            self.head_deadline = HeadDeadline(self.first_server)
        return self.head_deadline

    def arrived(self, data: bytes, moment: Moment | None = None) -> Step:
        """Bytes were received while the connection was idle; b"" is the end of the stream.

        `moment` is the present one of this thread; without it nothing is answered from memory.
        """
        if not data:
            for preface in self.prefaces or ():
                preface.cut_short()
            self.close()
            return Outcome.CLOSED
        request = None
        shelf = self.shelf
        if shelf is None or moment is None:
            if self.prefaces is None:
                request = whole_head(data, self.hosts.default.head_limits)
        elif (kept := shelf.heads.get(data)) is not None:
            step = recalled(self, kept, data, moment)
            if step is not None:
                shelf.recall.hits += 1
                return step
        else:
            found = recalled_resource(self, shelf, data, moment)
            if isinstance(found, Request):
                request = found
            elif found is not None:
                return found
        self.received += len(data)
        self.worker.busy(READING)
        if request is not None and request.framing is NO_BODY:
            return self._answer_in_place(request, data)
        self.buffer = bytearray(data) if request is None else bytearray()
        return self.serve(request, data)

    def _answer_in_place(self, request: Request, head: bytes) -> Step:
        """Answer a request that is all that has come; where something has to be waited for, a coroutine goes on."""
        try:
            keep = self._answer(request, head)
        except Exception as error:  # noqa: BLE001 - nothing that a request does may end its thread
            return self._broken(error)
        if keep is True:
            self.worker.busy(KEEPALIVE)
            return Outcome.IDLE
        self.buffer = bytearray()
        return self.leave() if keep is False else Begun(self.serve(answering=keep))

    def expired(self) -> None:
        """No byte came in time."""
        if not self.buffer:
            log_late_head(self)
            for preface in self.prefaces or ():
                preface.late()
            log_silence(self)
        self.close()

    def log(self, level: Level, module: str, message: str) -> None:
        """Write a message about the connection, not about a request, to the error log."""
        server = self.hosts.default
        if server.logs(level, module):
            server.log(level, module, message, failed_exchange(self, HTTPError(400)))

    def close(self) -> None:
        """Let go of the socket; may be called again."""
        self.transport.close()

    def note_received(self, count: int) -> None:
        """Count bytes of a request's body for the log (%I)."""
        self.received += count

    def body_seconds(self) -> float:
        """How long a wait for more of a request's body may last."""
        return self.deadline().body_wait(self.received)

    async def serve(
        self, request: Request | None = None, head: bytes = b"", answering: Answering | None = None
    ) -> Outcome:
        """Answer the requests whose bytes have arrived; the coroutine that MPMs drive.

        `request` is the first of them where its `head` has been parsed already, `answering` its answer where that has
        been begun.
        """
        try:
            if self.prefaces is not None and not await take_prefaces(self):
                return await self.leave()
            answered = 0
            while True:
                answered += 1
                if answered % TURN == 0:
                    await sleep(0)
                keep = await (self._one_request(request, head) if answering is None else answering)
                if not keep:
                    return await self.leave()
                request = answering = None
                if not self.buffer:
                    self.buffer = _NO_BUFFER
                    self.worker.busy(KEEPALIVE)
                    return Outcome.IDLE
        except Exception as error:  # noqa: BLE001 - nothing that a request does may end its thread
            return self._broken(error)

    def _broken(self, error: Exception) -> Outcome:
        """Close the connection behind an error; one that is neither the client's nor the network's is logged."""
        if not isinstance(error, OSError | TimedOut):
            message = "".join(traceback.format_exception(error)).rstrip()
            self.hosts.default.log(Level.ERROR, "core", f"[client {self.peer.remote[0]}] {message}")
        self.close()
        return Outcome.CLOSED

    async def _one_request(self, request: Request | None, head: bytes) -> bool:
        """Read a head, unless the `request` has been parsed, and answer it; False where the connection must close."""
        try:
            if request is None:
                head = await read_head(self)
                if not head:
                    return False
                request = parse_head(head, self.hosts.default.head_limits)
                hear_of_changes(self.world)
        except HTTPError as error:
            return await self._refuse(error)
        keep = self._answer(request, head)
        return keep if isinstance(keep, bool) else await keep

    def _answer(self, request: Request, head: bytes) -> bool | Answering:
        """Answer a request; False where the connection must close, a coroutine of that where something has to wait."""
        started = time.perf_counter_ns()
        try:
            x = open_exchange(self, request)
        except HTTPError as error:
            return self._refuse(error)
        if self.shelf is not None:
            self.shelf.recall.accompany(x)
        try:
            last: Any = answer(x, partial(show_request, self))
            last = deliverable(last) if type(last) is not CoroutineType else then(last, deliverable)
        except BaseException as error:
            self._give_up(x, error, started)
            raise
        if type(last) is CoroutineType or x.body is not NO_REQUEST_BODY:
            return self._answer_waiting(x, last, head, started)
        try:
            sending = Sender(self, last).send()
        except Exception as error:  # noqa: BLE001 - a bug in a body costs its connection and nothing else
            return self._end(x, last, head, self._log_sent(last, started, False, error))
        if sending is not None:
            return self._answer_waiting(x, last, head, started, sending)
        return self._end(x, last, head, self._log_sent(last, started, last.keep_alive))

    async def _answer_waiting(
        self, x: Exchange, last: Any, head: bytes, started: int, sending: Coroutine[Any, Any, None] | None = None
    ) -> bool:
        """Go on with an answer that is still being made (a coroutine of its Exchange), or `sending`."""
        try:
            if type(last) is CoroutineType:
                last = await last
        except BaseException as error:
            self._give_up(x, error, started)
            raise
        return self._end(x, last, head, await self._finish(x, last, started, sending))

    def _give_up(self, x: Exchange, error: BaseException, started: int) -> None:
        """Log a request that gets no answer."""
        x.notes["send-error"], x.keep_alive = error, False
        log_request(self, x, started)

    def _end(self, x: Exchange, last: Exchange, head: bytes, keep: bool) -> bool:
        """Let go of a request; its answer may be remembered."""
        request = x.request
        self.parting = not request.keep_alive and not request.has_body
        if x.memo is not None and self.shelf is not None:
            self.shelf.recall.offer(self.shelf, x, last, head, keep)
        x.release()
        return keep

    async def _finish(
        self, x: Exchange, last: Exchange, started: int, sending: Coroutine[Any, Any, None] | None = None
    ) -> bool:
        """Send the answer, unless that has been begun, log it, and make the connection fit for the next request."""
        body = x.body
        try:
            sending = Sender(self, last).send() if sending is None else sending
            if sending is not None:
                await sending
            keep = last.keep_alive and (not isinstance(body, ConnectionBody) or await body.discard())
        except BaseException as error:
            self._log_sent(last, started, False, error)
            if not isinstance(error, Exception):
                raise
            return False
        return self._log_sent(last, started, keep)

    def _log_sent(self, last: Exchange, started: int, keep: bool, error: BaseException | None = None) -> bool:
        """Log an answer that was sent, as far as no `error` has come between; whether the connection goes on."""
        if error is not None:
            if isinstance(error, OSError | TimedOut):
                if not isinstance(error, StreamBroken):  # that has been logged; the client sees a cut body
                    last.notes["send-error"] = error
            elif isinstance(error, Exception):
                last.server.log(Level.ERROR, "core", "".join(traceback.format_exception(error)).rstrip(), last)
        last.keep_alive = keep
        log_request(self, last, started)
        self.head_deadline = None  # a body has had one, too
        self.peer.keepalives += 1
        return keep

    async def _refuse(self, error: HTTPError) -> bool:
        """Answer a head that could not be understood; such a connection always ends."""
        started = time.perf_counter_ns()
        error.close = True
        x = failed_exchange(self, error)
        last = await then(waited(fail(x, error)), deliverable)
        self.buffer.clear()
        await self._finish(x, last, started)
        x.release()
        return False

    async def leave(self) -> Outcome:
        """Close in a way that lets the client read the whole answer (RFC 9112 9.6).

        Where the client has said that it will send no more, and has not, nothing can be lost.
        """
        if self.parting and not self.buffer:
            self.close()
            return Outcome.CLOSED
        self.worker.busy(CLOSING)
        transport = self.transport
        transport.shutdown_write()
        end = time.monotonic() + LINGER_SECONDS
        try:
            while time.monotonic() < end:
                if not await transport.recv(READ_SIZE, TimeoutClass.LINGER, LINGER_IDLE_SECONDS):
                    break
        except (OSError, TimedOut):
            pass  # whatever the client still does, it has had its time
        self.close()
        return Outcome.CLOSED
