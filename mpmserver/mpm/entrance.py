"""Where a loop's connections come in: its listeners, and whether it waits for them now.

A connection that comes wakes one process of all that wait (EPOLLEXCLUSIVE). So who has been woken takes that one, and
a few more that are there already; and who has no room doesn't wait at all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpmserver.core.settings import Level
from mpmserver.mpm.accept import PAUSE_SECONDS, Shortage
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.pollers import OutOfDescriptors
from mpmserver.mpm.quota import Quota

if TYPE_CHECKING:
    from mpmserver.mpm.loop import Loop
    from mpmserver.net.listen import Listener
    from mpmserver.serve.connection import Connection

ACCEPT_BATCH = 8
"""Connections that one wake-up takes from one listener: enough to save polls, few enough to leave some to others."""


class Entrance:
    """See the module's docstring; one for each loop, on its thread."""

    __slots__ = ("_bell", "_listeners", "_loop", "_quota", "_waiting", "closed_until")

    def __init__(self, loop: Loop, listeners: Sequence[Listener], bell: Bell, quota: Quota) -> None:
        self._loop = loop
        self._listeners = {listener.fd: listener for listener in listeners}
        self._bell = bell
        self._quota = quota
        self._waiting = False
        """The listeners are in the poller."""
        self.closed_until = 0.0
        """Nobody is accepted before that time (time.monotonic), because there was no room; 0 where there was."""

    def choose(self) -> None:
        """Wait for connections, or don't, as the loop's `may_accept` says now."""
        loop = self._loop
        wanted = loop.may_accept() and time.monotonic() >= self.closed_until
        if wanted:
            self.closed_until = 0.0
        if wanted is self._waiting:
            return
        self._wait(wanted)
        loop.child.process["not_accepting"] = not wanted

    def close(self) -> None:
        """Accept nobody any more."""
        if self._waiting:
            self._wait(False)
        for listener in self._listeners.values():
            listener.close()

    def turn_away(self, connection: Connection, error: OutOfDescriptors) -> None:
        """There is no room for a new connection, nor for others for a while."""
        self._loop.close(connection)
        self._loop.child.site.main.log(Level.ERROR, "core", error.args[1])
        self.closed_until = time.monotonic() + PAUSE_SECONDS

    def _wait(self, wanted: bool) -> None:
        self._waiting = wanted
        parking = self._loop.parking
        for fd in self._listeners:
            if wanted:
                parking.watch_listener(fd, self._accept)
            else:
                parking.unwatch(fd)

    def _accept(self, fd: int, mask: int) -> None:
        """Accept who is waiting."""
        fresh: list[Connection] = []
        last = self._take_in(self._listeners[fd], fresh)
        self._loop.welcome(fresh)
        if last:
            self._bell.give(Order.LEAVE)

    def _take_in(self, listener: Listener, fresh: list[Connection]) -> bool:
        """Accept a few connections; True where this process is to leave behind them."""
        loop = self._loop
        for each in range(ACCEPT_BATCH):
            if each and not loop.may_accept(each):
                return False  # not before the first: this process alone was woken for it
            try:
                connection = loop.admit(listener)
            except Shortage:
                self.closed_until = time.monotonic() + PAUSE_SECONDS
                return False
            except OSError:
                return True  # this listener is broken; the parent starts another process
            if connection is None:
                return False
            loop.open += 1
            try:
                loop.parking.enter(connection)
            except OutOfDescriptors as error:
                self.turn_away(connection, error)
                return False
            fresh.append(connection)
            if self._quota.used_up():
                return True
        return False
