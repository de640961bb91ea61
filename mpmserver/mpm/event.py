"""event: a listener that holds every connection that waits, and worker threads for what blocks.

The listener (the main thread) accepts, parks idle connections and unfinished writes in its epoll, and answers in
place whatever doesn't block: under the interpreter's lock a hand-over costs more than most answers. A coroutine that
is about to block says so (`work`, `offload`) and goes to a worker thread through a queue. There its waits for
upstreams and request bodies block the worker; waits that depend on the client's patience (write completion,
lingering close, the next request) go back to the listener's epoll. A coroutine that has said `work` goes on only on
a worker; one that merely offloaded a function goes on wherever it is woken.

There are as many seats (entries in the scoreboard) as threads. Who works has one, until it waits for the client alone
or has ended: what a thread drives, and what the listener drives though it takes long (`seat`: scripts, whose pipes it
waits for itself, a thread staying idle meanwhile). Whoever finds no seat free stands in line.

Ownership: a `Task` belongs to the listener, or, between its errand and the mail that gives it back, to one worker. The
seat of a task is written by whoever has the task; a free one by the listener.

Apache's arithmetic: with no idle worker nothing is accepted, and when one is missed idle keep-alive connections are
closed; with some, a process takes ThreadsPerChild + AsyncRequestWorkerFactor * idle workers connections, lingering
ones not counted. A process that was woken for a connection takes that one whatever has become of its workers meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from mpmserver.config.build import Configuration
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import DEAD, READY, WRITING
from mpmserver.mpm import directives
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.driver import Blocking, Stopped, step
from mpmserver.mpm.figures import EVENT_LIMITS, check_threaded
from mpmserver.mpm.loop import Loop
from mpmserver.mpm.parking import Task
from mpmserver.mpm.pollers import Epoll
from mpmserver.mpm.quota import Quota
from mpmserver.mpm.spares import EVENT_WORDS, spare_threads
from mpmserver.mpm.tuning import tune
from mpmserver.mpm.worker import join_threads, start_threads, threaded_geometry
from mpmserver.net.waits import Offload, Ready, Seat, TimeoutClass, Wait
from mpmserver.serve.outcome import Outcome

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.scoreboard import WorkerSlot
    from mpmserver.net.listen import Listener

SWITCH_INTERVAL = 0.0001
"""Seconds. The listener answers most requests itself, so it must get the interpreter back soon from a worker that
computes: with 5 ms a single such worker was measured to cost two thirds of the listener's answers."""
PARKED = frozenset({
    TimeoutClass.WRITE, TimeoutClass.LINGER, TimeoutClass.KEEP_ALIVE, TimeoutClass.HEAD, TimeoutClass.HANDSHAKE,
})  # fmt: skip
"""What a worker doesn't wait for itself: these depend on the client's patience alone."""

Errand = tuple[Task, Any, BaseException | None, Offload | None]
"""A task with the answer or error that it is resumed with; an Offload is answered first."""


class EventLoop(Loop):
    """The listener. Everything but `WorkerThread` runs on its thread."""

    def __init__(self, *arguments: Any, seats: Sequence[WorkerSlot], factor: float) -> None:
        super().__init__(*arguments)
        self.errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._threads = len(seats)
        self._factor = factor
        self._seats = tuple(seats)
        self._free = deque(seats)
        self._standing: deque[Errand | Task] = deque()
        """Who waits for a seat: with an errand for a thread, or to go on here."""
        self._handed = 0
        """Tasks that have a seat or wait for one."""
        for slot in seats:
            slot.start()
            slot.busy(READY)

    @property
    def stopped(self) -> bool:
        """The process stops at once; for any thread."""
        return self._bell.order is Order.STOP

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

    def offload(self, task: Task, waited: Offload) -> None:
        self._hand_over((task, None, None, waited))

    def work(self, task: Task) -> None:
        task.may_block = True
        self._hand_over((task, None, None, None))

    def resume(self, task: Task, answer: Any = None, error: BaseException | None = None) -> None:
        if task.may_block:
            self._hand_over((task, answer, error, None))
        else:
            self.advance(task, answer, error)

    def follow(self, task: Task, waited: Wait | Outcome) -> None:
        seated = task.connection.worker is not self.slot
        if type(waited) is Seat and not seated:
            self._enter(task)
            return
        if seated and (isinstance(waited, Outcome) or (type(waited) is Ready and waited.kind in PARKED)):
            self._stand_up(task)
        super().follow(task, waited)

    def _hand_over(self, errand: Errand) -> None:
        self.parking.release(errand[0].connection)
        if errand[0].connection.worker is self.slot:
            self._enter(errand)
        else:
            self.errands.put(errand)

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
            self.errands.put(guest)

    def _stand_up(self, task: Task) -> None:
        """Whoever stands first in line gets the seat."""
        slot = task.connection.worker
        task.connection.worker = self.slot
        slot.busy(READY)
        self._handed -= 1
        self._free.append(slot)
        if self._standing:
            self._seat(self._standing.popleft())

    def end(self) -> None:
        self.away.update(guest if isinstance(guest, Task) else guest[0] for guest in self._standing)
        self._standing.clear()
        super().end()
        for slot in self._seats:
            slot.busy(DEAD)


class WorkerThread:
    """One worker; `run` returns when the queue gives it None, or when the process stops at once."""

    __slots__ = ("_child", "_driver", "_loop")

    def __init__(self, child: Child, loop: EventLoop, driver: Blocking) -> None:
        self._child = child
        self._loop = loop
        self._driver = driver

    def run(self) -> None:
        """Take errands until there are no more."""
        loop = self._loop
        while (errand := loop.errands.get()) is not None:
            task = errand[0]
            if loop.stopped:
                errand = (task, None, Stopped(), None)
            waited = self._run(*errand)
            self._child.flush_logs()
            loop.mail.post(partial(loop.follow, task, waited))
            del errand, task, waited

    def _run(self, task: Task, answer: Any, error: BaseException | None, offload: Offload | None) -> Wait | Outcome:
        """Drive a coroutine until it ends or waits for the client."""
        connection, coroutine = task.connection, task.coroutine
        if offload is not None:
            waited = self._driver.answer(connection, coroutine, offload)
        else:
            waited = step(self._child, connection, coroutine, answer, error)
        while not isinstance(waited, Outcome) and not (type(waited) is Ready and waited.kind in PARKED):
            waited = self._driver.answer(connection, coroutine, waited)
        return waited


class Event(MPM):
    """See the module's docstring."""

    name = "event"
    source = "event.c"
    threaded = True
    directives = directives.EVENT

    def check(self, configuration: Configuration) -> None:
        check_threaded(configuration, EVENT_LIMITS)

    def geometry(self, configuration: Configuration) -> Geometry:
        return threaded_geometry(settings_of(configuration), listener_slot=True)

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return spare_threads(children, settings_of(configuration), state, EVENT_WORDS)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        tune(SWITCH_INTERVAL)
        settings = settings_of(child.site.configuration)
        bell = Bell(child)
        loop = _listener(child, listeners, bell, settings)
        driver = Blocking(child, bell.stop_fd)
        workers = [WorkerThread(child, loop, driver) for _each in range(settings.threads_per_child or 1)]
        threads = start_threads([worker.run for worker in workers], settings.thread_stack_size)
        try:
            loop.run()
        finally:
            for _thread in threads:
                loop.errands.put(None)
            join_threads(threads, bell)
            loop.end()


def _listener(child: Child, listeners: Sequence[Listener], bell: Bell, settings: MpmSettings) -> EventLoop:
    slot = child.worker(child.scoreboard.threads - 1)
    slot.start()
    return EventLoop(
        child, Epoll(), listeners, bell, slot, Quota(settings.max_connections_per_child),
        seats=[child.worker(number) for number in range(settings.threads_per_child or 1)],
        factor=settings.async_request_worker_factor,
    )  # fmt: skip


MODULE = MpmModule.of(Event())
