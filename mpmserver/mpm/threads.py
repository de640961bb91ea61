"""The loop with threads beside it for what blocks: worker's and event's listener.

The listener (the main thread) accepts, waits for every connection that waits for its client, and answers in place
whatever doesn't block: under the interpreter's lock a hand-over costs more than most answers. A coroutine that is
about to block says so (`work`, `offload`) and goes to a thread through a queue. There its waits for upstreams and
request bodies block the thread; waits that depend on the client's patience (write completion, lingering close, the
next request) go back to the listener's epoll, and then it goes on on a thread again. One that merely has a function
called (`offload`) stays with the listener: a thread that computes takes the interpreter from it at each call of the
kernel, so it is to have what blocks, and no more.

There are as many seats (entries in the scoreboard) as threads: a worker that is counted, limited and shown is a seat.
Who works on a thread has one. Who else has one, and for how long, is all that worker and event differ in.

Ownership: a `Task` belongs to the listener, or, between its errand and the mail that gives it back, to one thread; of
one that has a function called, nobody but the function is touched meanwhile. The
seat of a connection is written by whoever has its task; a free one by the listener.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import DEAD, READY
from mpmserver.mpm.base import Geometry, settings_of
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.driver import Blocking, Stopped, step
from mpmserver.mpm.loop import Loop
from mpmserver.mpm.parking import Task
from mpmserver.mpm.pollers import Epoll
from mpmserver.mpm.quota import Quota
from mpmserver.mpm.tuning import tune
from mpmserver.net.waits import Offload, Ready, TimeoutClass
from mpmserver.serve.outcome import Outcome

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener

SWITCH_INTERVAL = 0.0001
"""Seconds. The listener answers most requests itself, so it must get the interpreter back soon from a thread that
computes: with 5 ms a single such thread was measured to cost two thirds of the listener's answers."""
STOP_SECONDS = 2.0
"""How long threads have for their clean-ups when the process stops at once."""
PARKED = frozenset({
    TimeoutClass.WRITE, TimeoutClass.LINGER, TimeoutClass.KEEP_ALIVE, TimeoutClass.HEAD, TimeoutClass.HANDSHAKE,
})  # fmt: skip
"""What a thread doesn't wait for itself: these depend on the client's patience alone."""

Errand = tuple[Task, Offload | None, Any, BaseException | None]
"""A task with what it has called; or with the answer or error that it is resumed with."""


class ThreadedLoop(Loop):
    """The listener. Everything but `WorkerThread` runs on its thread."""

    def __init__(self, child: Child, listeners: Sequence[Listener]) -> None:
        settings = settings_of(child.site.configuration)
        slot = child.worker(child.scoreboard.threads - 1)
        slot.start()
        super().__init__(child, Epoll(), listeners, Bell(child), slot, Quota(settings.max_connections_per_child))
        self.errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._stack_size = settings.thread_stack_size
        self._seats = tuple(child.worker(number) for number in range(settings.threads_per_child or 1))
        self._free = deque(self._seats)
        for seat in self._seats:
            seat.start()
            seat.busy(READY)

    def serve(self) -> None:
        """Start the threads, and serve until told to stop."""
        tune(SWITCH_INTERVAL)
        driver = Blocking(self.child, self._bell.stop_fd)
        threads = _start([WorkerThread(self.child, self, driver) for _each in self._seats], self._stack_size)
        try:
            self.run()
        finally:
            for _thread in threads:
                self.errands.put(None)
            _join(threads, self)
            self.end()

    @property
    def stopped(self) -> bool:
        """The process stops at once; for any thread."""
        return self._bell.order is Order.STOP

    def offload(self, task: Task, waited: Offload) -> None:
        self.away.add(task)
        self.hand_over((task, waited, None, None))

    def work(self, task: Task) -> None:
        task.may_block = True
        self.hand_over((task, None, None, None))

    def resume(self, task: Task, answer: Any = None, error: BaseException | None = None) -> None:
        if task.may_block:
            self.hand_over((task, None, answer, error))
        else:
            self.advance(task, answer, error)

    def hand_over(self, errand: Errand) -> None:
        """Give a task to a thread."""
        self.parking.release(errand[0].connection)
        self.errands.put(errand)

    def end(self) -> None:
        super().end()
        for seat in self._seats:
            seat.busy(DEAD)


class WorkerThread:
    """One thread; `run` returns when the queue gives it None, or when the process stops at once."""

    __slots__ = ("_child", "_driver", "_loop")

    def __init__(self, child: Child, loop: ThreadedLoop, driver: Blocking) -> None:
        self._child = child
        self._loop = loop
        self._driver = driver

    def run(self) -> None:
        """Take errands until there are no more."""
        loop = self._loop
        while (errand := loop.errands.get()) is not None:
            task, offload, answer, error = errand
            if offload is None:
                self._drive(task, answer, Stopped() if loop.stopped else error)
            elif not loop.stopped:  # else the listener ends those who are away
                self._call(task, offload)
            del errand, task, offload, answer, error

    def _call(self, task: Task, offload: Offload) -> None:
        try:
            result = offload.function()
        except BaseException as error:  # noqa: BLE001 - it belongs to the coroutine
            self._loop.post_result(task, None, error)
        else:
            self._loop.post_result(task, result, None)

    def _drive(self, task: Task, answer: Any, error: BaseException | None) -> None:
        """Go on with a coroutine until it ends or waits for the client."""
        connection, coroutine = task.connection, task.coroutine
        waited = step(self._child, connection, coroutine, answer, error)
        while not isinstance(waited, Outcome) and not (type(waited) is Ready and waited.kind in PARKED):
            waited = self._driver.answer(connection, coroutine, waited)
        try:
            self._child.flush_logs()
        finally:
            self._loop.mail.post(partial(self._loop.follow, task, waited))


def threaded_geometry(settings: MpmSettings) -> Geometry:
    """The size of an MPM with ThreadsPerChild threads in each process, and a listener."""
    threads = settings.threads_per_child or 1
    processes = max(1, (settings.max_request_workers or threads) // threads)
    return Geometry(
        start=min(settings.start_servers or 1, processes),
        processes=processes,
        server_limit=settings.server_limit or processes,
        threads=threads,
        thread_limit=settings.thread_limit or threads,
        listener_slot=True,
    )


def _start(workers: Sequence[WorkerThread], stack_size: int) -> list[threading.Thread]:
    """Start a daemon thread for each, with ThreadStackSize bytes of stack (0: the system's default)."""
    threading.stack_size(stack_size)
    threads = [
        threading.Thread(target=worker.run, name=f"worker {number}", daemon=True)
        for number, worker in enumerate(workers)
    ]
    for thread in threads:
        thread.start()
    return threads


def _join(threads: Sequence[threading.Thread], loop: ThreadedLoop) -> None:
    """Wait until all have ended; where the process stops at once for STOP_SECONDS only."""
    deadline: float | None = None
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)
            if loop.stopped:
                deadline = deadline or time.monotonic() + STOP_SECONDS
                if time.monotonic() > deadline:
                    return
