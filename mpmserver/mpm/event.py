"""event: a listener that holds every connection that waits, and worker threads for what blocks.

The listener (the main thread) accepts, parks idle connections and unfinished writes in its epoll, and answers in
place whatever doesn't block: under the interpreter's lock a hand-over costs more than most answers. A coroutine that
is about to block says so (`work`, `offload`) and goes to a worker thread through a queue. There its waits for
scripts, upstreams and request bodies block the worker; waits that depend on the client's patience (write completion,
lingering close, the next request) go back to the listener's epoll. A coroutine that has said `work` goes on only on
a worker; one that merely offloaded a function goes on wherever it is woken.

Ownership: a `Task` belongs to the listener, or, between `_hand_over` and the mail that gives it back, to one worker.

Apache's arithmetic: with no idle worker nothing is accepted, and when one is missed idle keep-alive connections are
closed; with some, a process takes ThreadsPerChild + AsyncRequestWorkerFactor * idle workers connections, lingering
ones not counted. A process that was woken for a connection takes that one whatever has become of its workers meanwhile.
"""

from __future__ import annotations

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
from mpmserver.net.waits import Offload, Ready, TimeoutClass, Wait
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

    def __init__(self, *arguments: Any, threads: int, factor: float) -> None:
        super().__init__(*arguments)
        self.errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._threads = threads
        self._factor = factor
        self._handed = 0
        """Tasks that are with the workers or in their queue."""

    @property
    def stopped(self) -> bool:
        """The process stops at once; for any thread."""
        return self._bell.order is Order.STOP

    @property
    def idle_workers(self) -> int:
        return self._threads - self._handed

    def busy(self) -> int:
        return min(self._handed, self._threads)

    def may_accept(self) -> bool:
        idle = self.idle_workers
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

    def _hand_over(self, errand: Errand) -> None:
        self.parking.release(errand[0].connection)
        self._handed += 1
        self.errands.put(errand)
        if self.idle_workers < 0:
            self.shed = True

    def take_back(self, task: Task, waited: Wait | Outcome) -> None:
        """A worker gives a task back: its conversation is over, or it waits for the client."""
        self._handed -= 1
        task.connection.worker = self.slot
        self.follow(task, waited)


class WorkerThread:
    """One worker; `run` returns when the queue gives it None, or when the process stops at once."""

    __slots__ = ("_child", "_driver", "_loop", "_slot")

    def __init__(self, child: Child, loop: EventLoop, driver: Blocking, slot: WorkerSlot) -> None:
        self._child = child
        self._loop = loop
        self._driver = driver
        self._slot = slot
        slot.start()

    def run(self) -> None:
        """Take errands until there are no more."""
        slot, loop = self._slot, self._loop
        while True:
            slot.busy(READY)
            errand = loop.errands.get()
            if errand is None:
                break
            task = errand[0]
            task.connection.worker = slot
            slot.busy(WRITING)
            if loop.stopped:
                errand = (task, None, Stopped(), None)
            waited = self._run(*errand)
            self._child.flush_logs()
            loop.mail.post(partial(loop.take_back, task, waited))
            del errand, task, waited
        slot.busy(DEAD)

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
        workers = [
            WorkerThread(child, loop, driver, child.worker(number)) for number in range(settings.threads_per_child or 1)
        ]
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
        threads=settings.threads_per_child or 1, factor=settings.async_request_worker_factor,
    )  # fmt: skip


MODULE = MpmModule.of(Event())
