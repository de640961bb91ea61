"""A thread that blocks: it waits for a connection, serves it to its end, and waits again.

prefork runs one of these in each process, as its main thread. It waits in an epoll of its own for the listeners
(EPOLLEXCLUSIVE, so that a new connection wakes one process of all) and for the bell's `leave_fd`, then accepts without
blocking: a thread in accept() could not be told to leave.

A thread that serves blocks in recv() and can't be told either, so each shows in its `Seat` what it is doing, and
whoever rings the bell goes round: a connection that idles between two requests is ended by shutting its reading side
down (the next recv() gives the end of the stream); on a stop at once every connection is shut down altogether.
Ownership: a Seat is written by its thread only; other threads read it and call nothing but `transport.interrupt`.
A thread that was woken for a connection accepts it even when it has to leave: nobody else was woken for it.
"""

from __future__ import annotations

import select
import socket
import time
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mpmserver.core.recall.moment import Moment
from mpmserver.core.scoreboard import DEAD, GRACEFUL, READY
from mpmserver.mpm.accept import PAUSE_SECONDS, Acceptor, Shortage
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.driver import Blocking, Conversation, failed, log_failure
from mpmserver.mpm.quota import Quota
from mpmserver.net.waits import TimeoutClass
from mpmserver.serve.outcome import Outcome
from mpmserver.serve.reading import READ_SIZE

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener
    from mpmserver.serve.connection import Connection

NONE = Order.NONE
TITLE_SECONDS = 1.0
"""How long a process must have been idle before its title says so: changing it takes longer than most answers."""
LAST_ACCEPT_SECONDS = 0.05
"""How long a thread that was woken for a connection just before the bell has to accept it: then the listening sockets
are closed, or a connection that nobody will accept could queue up behind a long last answer."""


class Seat:
    """What one thread is doing: its connection, and whether that idles between two requests."""

    __slots__ = ("connection", "idle")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.idle = False

    def obey(self, order: Order) -> None:
        """Make the thread notice an order; for any thread."""
        connection = self.connection
        if connection is None:
            return
        if order is Order.STOP:
            connection.transport.interrupt(socket.SHUT_RDWR)
        elif self.idle and not _has_data(connection.fd):
            connection.transport.interrupt(socket.SHUT_RD)


def _has_data(fd: int) -> bool:
    """True where a request has arrived already: its thread is about to answer it, and will leave then."""
    poll = select.poll()
    try:
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True


class BlockingThread:
    """One thread's work; `run` returns when the process leaves or stops."""

    __slots__ = (
        "_acceptor", "_bell", "_child", "_driver", "_flush", "_listeners", "_moment", "_quota", "_show_busy", "_shown",
        "_slot", "seat",
    )  # fmt: skip

    def __init__(
        self,
        child: Child,
        listeners: Sequence[Listener],
        bell: Bell,
        acceptor: Acceptor,
        quota: Quota,
    ) -> None:
        self._child = child
        self._bell = bell
        self._acceptor = acceptor
        self._quota = quota
        self._listeners = {listener.fd: listener for listener in listeners}
        self._driver = Blocking(child, bell.stop_fd)
        self._slot = child.worker(0)
        self._moment = Moment()
        self._flush = child.flush_logs
        self._show_busy: Callable[[int], None] | None = None
        self._shown = False
        self.seat = Seat()
        self._slot.start()

    def run(self, show_busy: Callable[[int], None] | None = None) -> None:
        """Serve connections, one after the other; `show_busy` is told 1 with the first, and 0 when none comes."""
        self._show_busy = show_busy
        try:
            with select.epoll() as epoll:
                self._register(epoll)
                while self._bell.order is NONE:
                    self._slot.busy(READY)
                    events = epoll.poll(TITLE_SECONDS if self._shown else None)
                    if not events:
                        self._show(False)
                    for fd, _events in events:
                        if fd in self._listeners:
                            self._take(self._listeners[fd])
        except BaseException as failure:  # noqa: BLE001 - logged; the process makes way for another
            log_failure(self._child, failure)
            self._bell.give(Order.LEAVE)
        finally:
            self._slot.busy(DEAD)

    def _register(self, epoll: select.epoll) -> None:
        """Listen for what ends a wait. Who was told to leave before this thread began has closed the listeners."""
        try:
            for fd in self._listeners:
                epoll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            epoll.register(self._bell.leave_fd, select.EPOLLIN)
        except OSError:
            if self._bell.order is Order.NONE:
                raise

    def _show(self, busy: bool) -> None:
        if self._show_busy is not None and busy is not self._shown:
            self._shown = busy
            self._show_busy(int(busy))

    def _take(self, listener: Listener) -> None:
        """Accept one connection, if it is still there, and serve it."""
        if self._bell.order is Order.STOP:
            return
        try:
            connection = self._acceptor.accept(listener, self._slot)
        except Shortage:
            time.sleep(PAUSE_SECONDS)
            return
        if connection is None:
            return
        seat = self.seat
        seat.connection = connection
        self._show(True)
        if self._quota.used_up():
            self._bell.give(Order.LEAVE)
        try:
            self._converse(connection)
        finally:
            seat.idle = False
            seat.connection = None
            connection.close()
            self._flush()

    def _converse(self, connection: Connection) -> None:
        """Receive and answer until the connection is closed.

        What each turn needs is in locals: while a process waits, others take the core's caches from it, and a name that
        is looked up in a module costs several lines of cold memory.
        """
        seat, child, moment, bell, none = self.seat, self._child, self._moment, self._bell, NONE
        closed: Final = Outcome.CLOSED
        idle: Final = Outcome.IDLE
        size, answer, now = READ_SIZE, connection.arrived, time.time
        show, flush, recall = self._slot.show, self._flush, child.recall
        outcome: Outcome | Conversation
        receive: Callable[[int], bytes] | None = None
        between = False
        while True:
            if receive is None:  # once between two requests, it is so until something else was waited for
                kind, seconds = connection.idle_timeout()
                between = kind is TimeoutClass.KEEP_ALIVE
                receive = connection.transport.receiver(seconds)
            seat.idle = between
            if bell.order is not none and self._ends_idle(seat):
                return
            try:
                data = receive(size)
            except BlockingIOError:
                connection.expired()
                return
            except OSError:
                return
            seat.idle = False
            second = moment.second
            moment.tick(now())
            try:
                outcome = answer(data, moment if bell.order is none else None)
            except BaseException as failure:  # noqa: BLE001 - as `driver.arrived`, without a call
                outcome = failed(child, connection, failure)
            if outcome is not idle or not between:
                receive = None
                if outcome is not idle and outcome is not closed:
                    outcome = self._driver.run(connection, outcome)
            show(moment.second)
            if recall is not None and moment.second != second:
                recall.show(child.process, moment)
            flush()
            if outcome is closed:
                return

    def _ends_idle(self, seat: Seat) -> bool:
        """An order that was given while the last answer was on its way: an idle connection ends, a new one is read."""
        if seat.idle:
            self._slot.busy(GRACEFUL)
        return seat.idle or self._bell.order is Order.STOP


def start_watching(bell: Bell, seats: Sequence[Seat], listeners: Sequence[Listener]) -> None:
    """Start the thread that hears the bell and passes each order on to the threads that block.

    Nobody waits for it: what the threading module would keep of it takes each process a tenth of a megabyte.
    """
    start_new_thread(_watch, (bell, seats, listeners))


def _watch(bell: Bell, seats: Sequence[Seat], listeners: Sequence[Listener]) -> None:
    poll = select.poll()
    for fd in (*bell.fds, bell.leave_fd):
        poll.register(fd, select.POLLIN)
    while bell.order is not Order.STOP:
        ready = tuple(fd for fd, _events in poll.poll())
        order = bell.listen(ready)
        if order is not Order.NONE:
            for seat in seats:
                seat.obey(order)
            time.sleep(LAST_ACCEPT_SECONDS)
            for listener in listeners:
                listener.close()
        for fd in set(ready) - {bell.read_fd}:
            poll.unregister(fd)  # these stay readable: once is enough
