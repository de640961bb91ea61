"""The loop that reactor and the listeners of worker and event share: accept, park, answer, park again.

One thread runs it and owns the parking lot; other threads leave functions in `mail`. A wake-up is: what is ready, idle
connections first (who is answered from memory is answered at once, who needs a coroutine queues up); those who have
queued up, or let the others go first (`sleep(0)`), for a while; what has expired; then the logs are written, once. So
nobody waits for the coroutines of all who came with him: each costs as much as ten or a hundred answers from memory.
While a connection is idle it is a record in the lot; what differs between the MPMs are the methods at the end: what
happens to a function that blocks, to a coroutine that is about to block, and whether, and where to, connections may be
accepted now.

Leaving (graceful): listeners are closed, idle connections too unless their next request is here already, the others
after their answer; connections that have not sent a request yet are given their time. Stopping: `Stopped` is thrown
into every coroutine.
"""

from __future__ import annotations

import gc
import math
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mpmserver.core.recall.moment import Moment
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.mpm.accept import Acceptor
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.display import Display
from mpmserver.mpm.driver import Conversation, Stopped, arrived, log_failure, step
from mpmserver.mpm.entrance import Entrance
from mpmserver.mpm.parking import Mailbox, Parking, Task, Watch
from mpmserver.mpm.pollers import READ, OutOfDescriptors, Poller
from mpmserver.mpm.quota import Quota
from mpmserver.net.waits import Offload, Ready, Sleep, TimedOut, TimeoutClass, Wait, Work
from mpmserver.serve.outcome import CLOSED, IDLE, Outcome
from mpmserver.serve.reading import READ_SIZE

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.scoreboard import WorkerSlot
    from mpmserver.net.listen import Listener
    from mpmserver.serve.connection import Connection

FEW_EVENTS = 16
TURN_SECONDS = 0.001
"""A turn takes up no further coroutine when it has gone on with some for so long."""
WRITING = int(TimeoutClass.WRITE)
SHOWN_SECONDS = 1.0
"""At least so often there is a turn while files are sent."""
SETTLE_SECONDS = 1.0
"""So long without an event, and there is time to collect garbage and to bring the process title up to date."""


class Loop:
    """See the module's docstring."""

    def __init__(
        self,
        child: Child,
        poller: Poller,
        listeners: Sequence[Listener],
        bell: Bell,
        slot: WorkerSlot,
        quota: Quota,
    ) -> None:
        self.child = child
        self.poller = poller
        self.parking = Parking(poller)
        self.mail = Mailbox()
        self.open = 0
        """Connections that are not closed."""
        self.slot = slot
        """The scoreboard entry of this thread."""
        self.away: set[Task] = set()
        """Coroutines that wait for another thread's result."""
        self.shed = False
        """Idle connections are to be closed when this turn's events have been served (not in the midst of one)."""
        self._bell = bell
        self._entrance = Entrance(self, listeners, bell, quota)
        self._acceptor = Acceptor(child, blocking=False)
        self._queued: deque[Task] = deque()
        self._moment: Moment | None = Moment()
        """The present one; None when nothing is to be answered from memory any more."""
        self._watches = None if child.recall is None else child.recall.watches
        """Who hears of changed files."""
        self._reported = 0
        """How many events the poller told of last."""
        self._settled = True
        """Nothing has happened since the last time that nothing happened for SETTLE_SECONDS."""
        self._obeyed = Order.NONE
        self._display = Display(child, slot)

    # The loop

    def run(self) -> None:
        """Serve until told to stop at once, or to leave and every connection is closed; then call `end`."""
        for fd in self._bell.fds:
            self.parking.watch(fd, self._rung)
        self.parking.watch(self._bell.leave_fd, self._rung)
        self.parking.watch(self.mail.fd, self._mail)
        if self._watches is not None:
            self.parking.watch(self._watches.fd, self._nothing)
        self._entrance.choose()
        self.child.ready()
        while self._obeyed is Order.NONE or (self.open and self._obeyed is Order.LEAVE):
            self._turn()

    def _turn(self) -> None:
        parking = self.parking
        patience, before = self._patience(), self._reported
        events = self.poller.wait(patience)
        self._reported = len(events)
        while events and parking.counts[WRITING] and self._files_alone(events):
            patience, before = self._patience(), self._reported
            events = self.poller.wait(patience)
            self._reported = len(events)
        parking.turn += 1
        parking.now = time.monotonic()
        if self._moment is not None:
            self._moment.tick(time.time())
        self._hear_of_changes(events, before)
        self._dispatch(events)
        if self._queued:
            self._go_on_with_queued()
        now = time.monotonic()
        if now >= parking.deadlines.next:
            self._expire(now)
        if self.shed:
            self.end_idle()
            self.shed = False  # what was ended or awakened meanwhile is idle no more
        if self._bell.order is not self._obeyed:
            self._obey(self._bell.order)
        self._entrance.choose()
        self._display.bring_up_to_date(self.open, self.busy(), self.parking.counts, self._moment, now)
        if events:
            self._settled = False
        elif patience != 0.0 and not self._settled:  # coroutines that are merely queued are no rest
            self._settle()
        self.child.flush_logs()

    def _files_alone(self, events: list[tuple[int, int]]) -> bool:
        """Where all events are of clients that take more of a file: go on, take these out; True where none is left.

        A client that takes a large file makes an event for each part of it, by which nothing changes that a turn would
        have to look after: so there is a turn for the others only, for what is due, and to show how things are.
        """
        parking = self.parking
        table = parking.table
        for fd, _mask in events:
            task = table[fd]
            if type(task) is not Task or task.go_on is None:
                return False
        now = time.monotonic()
        due = min(parking.deadlines.next, parking.now + SHOWN_SECONDS)
        if self._queued or self._entrance.closed_until or now >= due:
            return False
        over = []
        for event in events:
            task = table[event[0]]
            if task.go_on():
                task.go_on = None  # there is no more, or it has to be waited for: that is the coroutine's business
                over.append(event)
            else:
                task.renewed = now
        events[:] = over
        return not over

    def _dispatch(self, events: list[tuple[int, int]]) -> None:
        """Give each event to whom it is for: first to idle connections, which were parked before this turn began.

        One that comes to be parked meanwhile, where another event is from, has its turn with the next: see `_awake`.
        """
        table = self.parking.table
        others = []
        for event in events:
            parked = table[event[0]]
            kind = type(parked)
            if kind is Task or kind is Watch or parked is None:
                others.append(event)
            else:
                self._awake(parked)
        for fd, mask in others:
            parked = table[fd]
            if type(parked) is Task:
                self._ready(parked, fd, events)
            elif type(parked) is Watch:
                parked.call(fd, mask)
            elif parked is None:
                self.parking.strays(fd)

    def _go_on_with_queued(self) -> None:
        """Go on with those who have come first, each once at most."""
        queued = self._queued
        end = time.monotonic() + TURN_SECONDS
        for _each in range(len(queued)):
            self.advance(queued.popleft())
            if time.monotonic() >= end:
                return

    def _patience(self) -> float | None:
        """Seconds to wait for events at most."""
        if self._queued:
            return 0.0
        until = self.parking.deadlines.next
        closed_until = self._entrance.closed_until
        if closed_until and self.may_accept():
            until = min(until, closed_until)
        if until == math.inf:
            return None if self._settled else SETTLE_SECONDS
        seconds = max(0.0, until - time.monotonic())
        return seconds if self._settled else min(seconds, SETTLE_SECONDS)

    # Events

    def welcome(self, fresh: list[Connection]) -> None:
        """Answer at once what has come with new connections, park the others."""
        arrivals = [self._first_bytes(connection) for connection in fresh]
        if self._watches is not None and any(arrivals):
            self._watches.read()  # these may have been sent after this turn began
        for connection, data in zip(fresh, arrivals, strict=True):
            try:
                if data is None:
                    self.parking.idle(connection)
                    continue
                answered = arrived(self.child, connection, data, self._moment)
                if answered is CLOSED:
                    self._closed(connection)
                else:
                    self._go_on(connection, answered)
            except OutOfDescriptors as error:
                self._entrance.turn_away(connection, error)

    def _hear_of_changes(self, events: list[tuple[int, int]], before: int) -> None:
        """Before anything is answered, forget what the kernel says has changed. `before`: so many events came last.

        A change is in an epoll's list before a request that was sent after it, but for one case: sockets that are still
        listed from the last time are asked anew while the list is read. That takes a long list, so then we look.
        """
        watches, long = self._watches, before > FEW_EVENTS or len(events) > FEW_EVENTS
        if watches is not None and (long or (watches.fd, READ) in events or not self.poller.in_order):
            watches.read()

    def _nothing(self, fd: int, mask: int) -> None:
        """Changes have been heard of before the events of this turn."""

    def _first_bytes(self, connection: Connection) -> bytes | None:
        """What has come with a new connection (AcceptFilter), as a rule its first request; None: nothing yet."""
        try:
            return connection.transport.recv_now(READ_SIZE)
        except OSError:
            return b""

    def _awake(self, connection: Connection, late: bool = False) -> bool:
        """Bytes have come, or the end of the stream, on an idle connection; a reset counts as that.

        They are `late` where the request may have been begun after this turn was: then changes are heard of anew. Of
        other requests the first byte was here when that was done (a loop asks so of those behind another's bytes, too:
        `hear_of_changes`). True: it was answered, and stays parked.
        """
        try:
            data = connection.transport.recv_now(READ_SIZE)
        except OSError:
            data = b""
        if data is None:
            return False
        if late and self._watches is not None:
            self._watches.read()
        answered = arrived(self.child, connection, data, self._moment)
        if answered is IDLE and self._moment is not None:
            if connection.renewed:
                connection.renewed = self.parking.now
            else:
                self.parking.renew(connection)
            return True
        self.parking.unpark(connection)
        self._go_on(connection, answered)
        return False

    def _go_on(self, connection: Connection, answered: Conversation | Outcome) -> None:
        """Do what is to be done next for a connection that is not parked."""
        if isinstance(answered, Outcome):
            self._finish(connection, answered)
        else:
            self._queued.append(Task(connection, answered))

    def _ready(self, task: Task, fd: int, events: list[tuple[int, int]]) -> None:
        """A descriptor that a coroutine waits for is ready: it goes on with all of its own that are.

        Where something may go on in its place, and isn't done yet, it stays parked.
        """
        parking = self.parking
        if task.turn == parking.turn:
            return
        if task.go_on is not None and not task.go_on():
            task.renewed = parking.now
            return
        ready = parking.ready(task, fd, events)
        parking.take(task)
        self.resume(task, ready)

    def _expire(self, now: float) -> None:
        for parked in self.parking.expire(now):
            if not isinstance(parked, Task):
                self._expired(parked)
            elif parked.sleeping:
                parked.sleeping = False
                self.resume(parked)
            else:
                self.resume(parked, error=TimedOut(parked.kind))

    def _expired(self, connection: Connection) -> None:
        try:
            connection.expired()
        except BaseException as failure:  # noqa: BLE001 - a connection's error ends that connection only
            log_failure(self.child, failure)
        self.close(connection)

    def _mail(self, fd: int, mask: int) -> None:
        for function in self.mail.collect():
            function()

    def _rung(self, fd: int, mask: int) -> None:
        self._bell.listen((fd,))
        if fd != self._bell.read_fd:
            self.parking.unwatch(fd)

    # Coroutines

    def resume(self, task: Task, answer: Any = None, error: BaseException | None = None) -> None:
        """Go on with a coroutine that has got what it waited for."""
        self.advance(task, answer, error)

    def advance(self, task: Task, answer: Any = None, error: BaseException | None = None) -> None:
        """Run a coroutine on this thread up to its next wait."""
        self.follow(task, step(self.child, task.connection, task.coroutine, answer, error))

    def follow(self, task: Task, waited: Wait | Outcome) -> None:
        """Do what a coroutine waits for, or what its end asks for."""
        if isinstance(waited, Outcome):
            self._finish(task.connection, waited)
        elif type(waited) is Ready:
            self._wait(task, waited)
        elif type(waited) is Offload:
            self.offload(task, waited)
        elif type(waited) is Sleep and waited.seconds > 0:
            self.parking.sleep(task, waited)
        elif type(waited) is Work:
            self.work(task)
        else:
            self._queued.append(task)

    def _wait(self, task: Task, waited: Ready) -> None:
        try:
            self.parking.wait(task, waited)
        except OutOfDescriptors as error:
            self.child.site.main.log(Level.ERROR, "core", error.args[1])
            self.advance(task, error=HTTPError(503))
        except OSError as error:  # no descriptor that a poller can wait for
            self.advance(task, error=error)

    def _finish(self, connection: Connection, outcome: Outcome) -> None:
        if outcome is CLOSED:
            self._closed(connection)
        elif self._leaves_idle(connection):
            self.close(connection)
        else:
            self.parking.idle(connection)

    def _leaves_idle(self, connection: Connection) -> bool:
        return self._obeyed is not Order.NONE and connection.idle_timeout()[0] is TimeoutClass.KEEP_ALIVE

    def close(self, connection: Connection) -> None:
        """The end of a connection that is not parked."""
        connection.close()
        self._closed(connection)

    def _closed(self, connection: Connection) -> None:
        self.open -= 1
        self.parking.forget(connection)

    # Leaving

    def _obey(self, order: Order) -> None:
        self._obeyed = order
        self._moment = None
        self._entrance.close()
        if order is Order.LEAVE:
            self.end_idle()

    def end_idle(self) -> None:
        """Close the connections that wait between two requests, unless the next one is here already."""
        table = self.parking.table
        for connection in self.parking.idle_connections():
            if table[connection.fd] is connection and connection.idle_timeout()[0] is TimeoutClass.KEEP_ALIVE:
                self._awake(connection, late=True)
                if table[connection.fd] is connection:
                    self.parking.unpark(connection)
                    self.close(connection)

    def end(self) -> None:
        """Leave nothing behind: throw Stopped into what is left, close everything. Other threads have ended."""
        for function in self.mail.take():
            function()
        for task in [*self.parking.tasks(), *self._queued, *self.away]:
            step(self.child, task.connection, task.coroutine, error=Stopped())
            task.connection.close()
        for connection in self.parking.idle_connections():
            connection.close()
        self.child.flush_logs()
        self.poller.close()

    def _settle(self) -> None:
        self._settled = True
        self._display.show_busy(self.busy(), time.monotonic())
        gc.collect()

    # What each MPM decides

    def busy(self) -> int:
        """How many requests are being answered."""
        counts = self.parking.counts
        return self.open - counts[TimeoutClass.KEEP_ALIVE] - counts[TimeoutClass.HEAD]

    def may_accept(self, fresh: int = 0) -> bool:
        """Whether another connection may be taken, beside so many that have just been and may need a worker each."""
        return self._obeyed is Order.NONE

    def admit(self, listener: Listener) -> Connection | None:
        """Accept a connection; None where there is none, or no room for it. Raises Shortage, or OSError."""
        return self._acceptor.accept(listener, self.slot)

    def offload(self, task: Task, waited: Offload) -> None:
        """Have a blocking function called elsewhere, and go on with its result."""
        raise NotImplementedError

    def work(self, task: Task) -> None:
        """Go on where the coroutine may block."""
        raise NotImplementedError

    def post_result(self, task: Task, answer: Any, error: BaseException | None) -> None:
        """Leave the result of an offloaded function; for any thread."""
        self.mail.post(partial(self._returned, task, answer, error))

    def _returned(self, task: Task, answer: Any, error: BaseException | None) -> None:
        self.away.discard(task)
        self.resume(task, answer, error)
