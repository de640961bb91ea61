"""One connection's life, from its first bytes to its last log line.

What it owns: the transport, the bytes received but not yet used, and the record of both ends. An MPM makes one for
each accepted socket, parks it while it is idle, and calls

* `arrived(data)` with the bytes it received: the answer is `Outcome.IDLE` or `Outcome.CLOSED` where all was done
  at once, or a coroutine that the MPM drives and that ends with one of them;
* `expired()` when an idle connection's time is up;
* `close()` when it must go at once.

Only one thread at a time touches a connection: the one that drives its coroutine, or the one that has it parked.
While a coroutine runs nobody else does. A coroutine never raises anything but what its driver throws into it
(GeneratorExit): errors of the client and of modules end as answers or as a closed connection.

From the head to the log line: `serve` reads a head (`_read_head`), `open_exchange` picks the virtual host,
`core.pipeline.answer` runs the phases, `Sender` sends, the LOG hooks write, and again while bytes are
left; then the coroutine ends and the connection is idle.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from mpmserver.core.body import StreamBroken
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.output import deliverable
from mpmserver.core.pipeline import answer, fail
from mpmserver.core.preface import Preface, Refused
from mpmserver.core.scoreboard import CLOSING, KEEPALIVE, LOGGING, READING, WorkerSlot
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.head import check_partial, cut_short, find_head_end, parse_head, skip_blank_lines, whole_head
from mpmserver.http.request import Request
from mpmserver.net.transport import Transport
from mpmserver.net.waits import TimedOut, TimeoutClass, sleep
from mpmserver.serve.begin import failed_exchange, open_exchange
from mpmserver.serve.deadlines import HeadDeadline
from mpmserver.serve.input import ConnectionBody
from mpmserver.serve.outcome import Outcome
from mpmserver.serve.output import Sender
from mpmserver.serve.recalled import recalled, recalled_resource

if TYPE_CHECKING:
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.vhost import AddressHosts
    from mpmserver.core.world import World

READ_SIZE = 16384
"""Bytes taken at once of what may be heads. Above 64 KiB the allocator would tidy up behind each of them."""
LINGER_SECONDS = 30.0
LINGER_IDLE_SECONDS = 2.0
_NO_BUFFER = cast("bytearray", b"")
"""What is shared by all idle connections: nobody can add anything to it."""
TURN = 32
"""So many pipelined requests are answered in a row, then the connection queues behind the others."""


Step = Coroutine[Any, Any, Outcome] | Outcome


class Connection:
    """See the module's docstring."""

    __slots__ = (
        "_prefaces", "buffer", "fd", "head_deadline", "hosts", "parting", "peer", "received", "renewed", "shelf",
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
        self._prefaces: list[Preface] | None = None
        """What must come before the first request; None where nothing must, or has come."""
        worker.connected()
        if world.pre_connection:
            found = (hook(peer, self.log) for hook in world.pre_connection)
            self._prefaces = [preface for preface in found if preface is not None] or None
            if self._prefaces is not None:
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
            for preface in self._prefaces or ():
                preface.cut_short()
            self.close()
            return Outcome.CLOSED
        request = None
        shelf = self.shelf
        if shelf is None or moment is None:
            if self._prefaces is None:
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
        self.buffer = bytearray(data) if request is None else bytearray()
        self.worker.busy(READING)
        return self.serve(request, data)

    def expired(self) -> None:
        """No byte came in time."""
        if not self.buffer:
            self._log_late_head()
            for preface in self._prefaces or ():
                preface.late()
            self._log_silence()
        self.close()

    def _log_late_head(self) -> None:
        """What mod_reqtimeout says of a head whose time is up; between two requests that is nothing."""
        limits = self.first_server.request_read_timeout
        if limits is not None and limits.head.initial and not (self.peer.keepalives and not self.buffer):
            self.log(Level.INFO, "reqtimeout", "AH01382: Request header read timeout")

    def log(self, level: Level, module: str, message: str) -> None:
        """Write a message about the connection, not about a request, to the error log."""
        server = self.hosts.default
        if server.logs(level, module):
            server.log(level, module, message, failed_exchange(self, HTTPError(400)))

    def _log_silence(self) -> None:
        """A client that never sent a request line is logged with 408 and not answered, as in Apache."""
        if not self.peer.keepalives:
            x = failed_exchange(self, HTTPError(408, close=True))
            x.status, x.keep_alive = 408, False
            self._log(x)

    def close(self) -> None:
        """Let go of the socket; may be called again."""
        self.transport.close()

    def note_received(self, count: int) -> None:
        """Count bytes of a request's body for the log (%I)."""
        self.received += count

    def body_seconds(self) -> float:
        """How long a wait for more of a request's body may last."""
        return self.deadline().body_wait(self.received)

    async def serve(self, request: Request | None = None, head: bytes = b"") -> Outcome:
        """Answer the requests whose bytes have arrived; the coroutine that MPMs drive.

        `request` is the first of them where its `head` has been parsed already.
        """
        try:
            if self._prefaces is not None and not await self._take_prefaces():
                return await self._leave()
            answered = 0
            while True:
                answered += 1
                if answered % TURN == 0:
                    await sleep(0)
                if not await self._one_request(request, head):
                    return await self._leave()
                request = None
                if not self.buffer:
                    self.buffer = _NO_BUFFER
                    self.worker.busy(KEEPALIVE)
                    return Outcome.IDLE
        except (OSError, TimedOut):
            self.close()
            return Outcome.CLOSED
        except Exception:  # noqa: BLE001 - nothing that a request does may end its thread
            message = traceback.format_exc().rstrip()
            self.hosts.default.log(Level.ERROR, "core", f"[client {self.peer.remote[0]}] {message}")
            self.close()
            return Outcome.CLOSED

    async def _take_prefaces(self) -> bool:
        """Read what comes before the first request; False where it is wrong or late and the connection must end."""
        buffer = self.buffer
        try:
            for preface in self._prefaces or ():
                while not preface.take(buffer):
                    data = await self._more_of_head(len(buffer), preface)
                    if not data:
                        preface.cut_short()
                        raise Refused
                    buffer += data
                    self.received += len(data)
        except Refused:
            buffer.clear()
            return False
        self._prefaces = None
        return True

    async def _more_of_head(self, seen: int, preface: Preface) -> bytes:
        """Return the next bytes, b"" where the client has left; raises Refused where its time is up."""
        try:
            return await self.transport.recv(READ_SIZE, TimeoutClass.HEAD, self.deadline().head_wait(seen))
        except TimedOut:
            self._log_late_head()
            self.buffer.clear()
            preface.late()
            self._log_silence()
            raise Refused from None
        except OSError:
            return b""

    async def _one_request(self, request: Request | None, head: bytes) -> bool:
        """Read a head, unless the `request` has been parsed, and answer it; False where the connection must close."""
        started = time.perf_counter_ns()
        try:
            if request is None:
                head = await self._read_head()
                if not head:
                    return False
                request = parse_head(head, self.hosts.default.head_limits)
            x = open_exchange(self, request)
        except HTTPError as error:
            return await self._refuse(error)
        self.head_deadline = None
        if self.shelf is not None:
            x.memo = memo = self.shelf.recall.memo(request, x.server)
            if memo is not None:
                x.files = memo.looks
        try:
            last = await deliverable(await answer(x, self._show))
        except BaseException as error:
            x.notes["send-error"], x.keep_alive = error, False
            self._log(x, started)
            raise
        keep = await self._finish(x, last, started)
        self.parting = not request.keep_alive and not request.has_body
        if x.memo is not None and self.shelf is not None:
            self.shelf.recall.offer(self.shelf, x, last, head, keep)
        x.release()
        return keep

    def _show(self, x: Exchange) -> None:
        """Have the scoreboard show a request, from the client that POST_READ has found it to come from."""
        self.worker.request(
            x.client_ip.encode(),
            b"%b:%d" % (x.server.name_bytes, self.peer.local[1]),
            x.request.request_line.encode("latin-1", "replace"),
        )

    async def _finish(self, x: Exchange, last: Exchange, started: int) -> bool:
        """Send the answer, log it, and make the connection fit for the next request."""
        body = x.body
        keep = False
        try:
            await Sender(self, last).send()
            keep = last.keep_alive and (not isinstance(body, ConnectionBody) or await body.discard())
        except StreamBroken:
            pass  # whoever raised it has said why in the error log; the client sees a body that ends too early
        except (OSError, TimedOut) as error:
            last.notes["send-error"] = error
        except Exception:  # noqa: BLE001 - a bug in a body costs its connection and nothing else
            last.server.log(Level.ERROR, "core", traceback.format_exc().rstrip(), last)
        finally:
            last.keep_alive = keep
            self._log(last, started)
        self.peer.keepalives += 1
        return keep

    async def _refuse(self, error: HTTPError) -> bool:
        """Answer a head that could not be understood; such a connection always ends."""
        started = time.perf_counter_ns()
        error.close = True
        x = failed_exchange(self, error)
        last = await deliverable(await fail(x, error))
        self.buffer.clear()
        await self._finish(x, last, started)
        x.release()
        return False

    def _log(self, last: Exchange, started: int | None = None) -> None:
        """Run the LOG hooks of the request, then every clean-up of its chain."""
        first = last.first
        self.worker.busy(LOGGING)
        elapsed = (time.perf_counter_ns() - started) // 1000 if started is not None else 0
        first.notes["duration"] = elapsed
        left = len(self.buffer)
        first.bytes_in, self.received = self.received - left, left
        out, self.transport.sent = self.transport.sent, 0
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
        self.worker.done(out, elapsed)

    async def _read_head(self) -> bytes:
        """Return the next head, nothing where the client closed or said nothing in time."""
        limits = self.hosts.default.head_limits
        buffer = self.buffer
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
                data = await self.transport.recv(READ_SIZE, TimeoutClass.HEAD, self.deadline().head_wait(seen))
            except TimedOut:
                self._too_slow()
                return b""
            except OSError:
                data = b""  # reset: what there is of the request is logged all the same, as in Apache
            if not data:
                self._cut_short(blank)
                return b""
            buffer += data
            self.received += len(data)

    def _too_slow(self) -> None:
        """The head's time is up: raises 408 where its first line has come; else there is nobody to answer."""
        error = cut_short(bytes(self.buffer), self.hosts.default.head_limits)
        self._log_late_head()
        self.buffer.clear()
        if error is None:
            self._log_silence()
            return
        error.status, error.log, error.close = 408, "", True
        raise error

    def _cut_short(self, blank: bool) -> None:
        """The client closed its side in the middle of a head; raises HTTPError where that is to be answered."""
        if blank:
            return
        rest = bytes(self.buffer)
        self.buffer.clear()
        if error := cut_short(rest, self.hosts.default.head_limits):
            raise error

    async def _leave(self) -> Outcome:
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


def _end_of_chain(x: Exchange) -> Exchange:
    """The last Exchange of a redirect's chain: the log is about it, even where its ErrorDocument failed."""
    while x.next is not None:
        x = x.next
    return x
