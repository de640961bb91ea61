"""How a child hears that it has to leave: signals and the parent's end become two eventfds.

Signals only ring a bell: their C-level handler writes the number into a pipe (`signal.set_wakeup_fd`), nothing runs
between two bytecodes. One watcher reads the pipe (a thread of its own in prefork, elsewhere the loop) and calls
`listen`, which tells the `child` and fills the eventfds. Nobody ever reads those, so they stay readable and every
thread that waits for one, now or later, wakes up:

* `leave_fd`: finish what is being answered, take nothing new;
* `stop_fd`: finish nothing, throw `Stopped` into what waits.

SIGTERM stops at once; SIGUSR1 and the end of the parent stop gracefully; SIGHUP, SIGINT and SIGWINCH (a terminal
sends them to the whole group, the last at every resize) are the parent's business and mean nothing here. Python-level
handlers, unlike SIG_IGN, are gone after an exec, so scripts start with the defaults.
"""

from __future__ import annotations

import enum
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpmserver.core.child import Child


class Order(enum.IntEnum):
    """What a child has been told, in ascending strength."""

    NONE = 0
    LEAVE = 1
    STOP = 2


MEANING = {
    signal.SIGTERM: Order.STOP,
    signal.SIGUSR1: Order.LEAVE,
    signal.SIGWINCH: Order.NONE,
    signal.SIGHUP: Order.NONE,
    signal.SIGINT: Order.NONE,
}


class Bell:
    """Made in a child on its main thread, before any other thread is started."""

    __slots__ = ("_child", "_death_fd", "_meaning", "_write_fd", "leave_fd", "order", "read_fd", "stop_fd")

    def __init__(self, child: Child) -> None:
        self._child = child
        self._death_fd: int = child.death_fd
        self._meaning = {**MEANING, signal.SIGINT: Order.STOP} if child.alone else MEANING
        self.order = Order.NONE
        self.leave_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.stop_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in MEANING:
            signal.signal(number, _rung)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, MEANING)

    @property
    def fds(self) -> tuple[int, ...]:
        """The descriptors that the watcher waits for (to read); after that it calls `listen`."""
        return (self.read_fd, self._death_fd) if self._death_fd >= 0 else (self.read_fd,)

    def listen(self, ready: tuple[int, ...]) -> Order:
        """Take the orders that have come by these descriptors and obey them; returns the strongest so far."""
        order = self.order
        if self.read_fd in ready:
            for number in os.read(self.read_fd, 4096):
                order = max(order, self._meaning.get(signal.Signals(number), Order.NONE))
        if self._death_fd in ready:
            self._death_fd = -1
            order = max(order, Order.LEAVE)
        self.give(order)
        return self.order

    def give(self, order: Order) -> None:
        """Have this process leave or stop; a weaker order than the last one changes nothing. For any thread."""
        if order <= self.order:
            return
        self.order = order
        self._child.stop_accepting()
        os.eventfd_write(self.leave_fd, 1)
        if order is Order.STOP:
            os.eventfd_write(self.stop_fd, 1)


def _rung(number: int, frame: object) -> None:
    """The Python-level handler: everything has been done by the C-level one."""
