"""event: a connection that waits for its client holds no worker.

A worker is a seat (`threads.py`). Who works has one, until it waits for the client alone or has ended: what a thread
drives, and what the listener drives though it takes long (`seat`: scripts, whose pipes it waits for itself, a thread
staying idle meanwhile). Whoever finds no seat free stands in line. What the listener answers in place is shown in its
own entry of the scoreboard.

Apache's arithmetic: with no idle worker nothing is accepted, and when one is missed idle keep-alive connections are
closed; with some, a process takes ThreadsPerChild + AsyncRequestWorkerFactor * idle workers connections, lingering
ones not counted. A process that was woken for a connection takes that one whatever has become of its workers meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpmserver.config.build import Configuration
from mpmserver.core.scoreboard import READY, WRITING
from mpmserver.mpm import directives
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Order
from mpmserver.mpm.figures import EVENT_LIMITS, check_threaded
from mpmserver.mpm.parking import Task
from mpmserver.mpm.spares import EVENT_WORDS, spare_threads
from mpmserver.mpm.threads import PARKED, Errand, ThreadedLoop, threaded_geometry
from mpmserver.net.waits import Ready, Seat, TimeoutClass, Wait
from mpmserver.serve.outcome import Outcome

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener


class EventLoop(ThreadedLoop):
    """The listener of connections that have a seat while they work."""

    def __init__(self, child: Child, listeners: Sequence[Listener]) -> None:
        super().__init__(child, listeners)
        self._threads = len(self._seats)
        self._factor = settings_of(child.site.configuration).async_request_worker_factor
        self._standing: deque[Errand | Task] = deque()
        """Who waits for a seat: with an errand for a thread, or to go on here."""
        self._handed = 0
        """Tasks that have a seat or wait for one."""

    @property
    def idle_workers(self) -> int:
        return self._threads - self._handed

    def busy(self) -> int:
        return min(self._handed, self._threads)

    def may_accept(self, fresh: int = 0) -> bool:
        idle = self.idle_workers - fresh
        if self._obeyed is not Order.NONE or idle <= 0:
            return False
        lingering = self.parking.counts[TimeoutClass.LINGER]
        return self.open - lingering < self._threads + self._factor * idle

    def follow(self, task: Task, waited: Wait | Outcome) -> None:
        seated = task.connection.worker is not self.slot
        if type(waited) is Seat and not seated:
            self._enter(task)
            return
        if seated and (isinstance(waited, Outcome) or (type(waited) is Ready and waited.kind in PARKED)):
            self._stand_up(task)
        super().follow(task, waited)

    def hand_over(self, errand: Errand) -> None:
        if errand[0].connection.worker is self.slot:
            self._enter(errand)
        else:
            super().hand_over(errand)

    def _enter(self, guest: Errand | Task) -> None:
        """Give somebody a seat, or a place in the line; the listener's own entry shows the request no longer."""
        self.slot.busy(READY)
        self._handed += 1
        if self._free:
            self._seat(guest)
            return
        self._standing.append(guest)
        self.shed = True

    def _seat(self, guest: Errand | Task) -> None:
        slot = self._free.popleft()
        slot.busy(WRITING)
        task = guest if isinstance(guest, Task) else guest[0]
        task.connection.worker = slot
        if isinstance(guest, Task):
            self._queued.append(guest)
        else:
            super().hand_over(guest)

    def _stand_up(self, task: Task) -> None:
        """Whoever stands first in line gets the seat."""
        slot = task.connection.worker
        task.connection.worker = self.slot
        slot.show()
        slot.busy(READY)
        self._handed -= 1
        self._free.append(slot)
        if self._standing:
            self._seat(self._standing.popleft())

    def end(self) -> None:
        self.away.update(guest if isinstance(guest, Task) else guest[0] for guest in self._standing)
        self._standing.clear()
        super().end()


class Event(MPM):
    """See the module's docstring."""

    name = "event"
    source = "event.c"
    threaded = True
    asynchronous = True
    directives = directives.EVENT

    def check(self, configuration: Configuration) -> None:
        check_threaded(configuration, EVENT_LIMITS)

    def geometry(self, configuration: Configuration) -> Geometry:
        return threaded_geometry(settings_of(configuration))

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return spare_threads(children, settings_of(configuration), state, EVENT_WORDS)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        EventLoop(child, listeners).serve()


MODULE = MpmModule.of(Event())
