"""worker: a thread for each connection, in a number of processes. Threads block in the kernel for what they wait for.

Each thread accepts for itself (there is no listener that hands sockets over). The main thread starts the others and
waits for them.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mpmserver.config.build import Configuration
from mpmserver.mpm import directives
from mpmserver.mpm.accept import Acceptor
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.blocking import BlockingThread, Seat, start_watching
from mpmserver.mpm.figures import WORKER_LIMITS, check_threaded
from mpmserver.mpm.quota import Quota
from mpmserver.mpm.spares import WORKER_WORDS, spare_threads
from mpmserver.mpm.tuning import tune

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.mpm_settings import MpmSettings
    from mpmserver.net.listen import Listener

SWITCH_INTERVAL = 0.01
"""Seconds. Threads give the interpreter up by themselves at each system call; forcing them to earlier, in the middle
of a request, was measured to cost throughput. Longer would let one busy thread hold up all others too long."""
TITLE_SECONDS = 1.0
STOP_SECONDS = 2.0
"""How long threads have for their clean-ups when the process stops at once."""


class Worker(MPM):
    """See the module's docstring."""

    name = "worker"
    source = "worker.c"
    threaded = True
    blocking = True
    directives = directives.WORKER

    def check(self, configuration: Configuration) -> None:
        check_threaded(configuration, WORKER_LIMITS)

    def geometry(self, configuration: Configuration) -> Geometry:
        return threaded_geometry(settings_of(configuration))

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return spare_threads(children, settings_of(configuration), state, WORKER_WORDS)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        tune(SWITCH_INTERVAL)
        settings = settings_of(child.site.configuration)
        bell = Bell(child)
        acceptor = Acceptor(child, blocking=True)
        quota = Quota(settings.max_connections_per_child)
        workers = [
            BlockingThread(child, listeners, bell, acceptor, quota, number)
            for number in range(settings.threads_per_child or 1)
        ]
        start_watching(bell, tuple(worker.seat for worker in workers), listeners)
        threads = start_threads([worker.run for worker in workers], settings.thread_stack_size)
        child.ready()
        _wait_to_leave(child, bell, [worker.seat for worker in workers])
        join_threads(threads, bell)


def _wait_to_leave(child: Child, bell: Bell, seats: Sequence[Seat]) -> None:
    """Keep the process title up to date until the bell rings."""
    poll = select.poll()
    poll.register(bell.leave_fd, select.POLLIN)
    shown = 0
    while not poll.poll(TITLE_SECONDS * 1000):
        busy = sum(seat.connection is not None for seat in seats)
        if busy != shown:
            shown = busy
            child.show_busy(busy)


def threaded_geometry(settings: MpmSettings, listener_slot: bool = False) -> Geometry:
    """The size of an MPM with ThreadsPerChild threads in each process."""
    threads = settings.threads_per_child or 1
    processes = max(1, (settings.max_request_workers or threads) // threads)
    return Geometry(
        start=min(settings.start_servers or 1, processes),
        processes=processes,
        server_limit=settings.server_limit or processes,
        threads=threads,
        thread_limit=settings.thread_limit or threads,
        listener_slot=listener_slot,
    )


def start_threads(functions: Sequence[Callable[[], None]], stack_size: int) -> list[threading.Thread]:
    """Start a daemon thread for each function, with ThreadStackSize bytes of stack (0: the system's default)."""
    threading.stack_size(stack_size)
    threads = [
        threading.Thread(target=function, name=f"worker {number}", daemon=True)
        for number, function in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    return threads


def join_threads(threads: Sequence[threading.Thread], bell: Bell) -> None:
    """Wait until all have ended; from the order to stop at once on for STOP_SECONDS only."""
    deadline: float | None = None
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)
            if bell.order is Order.STOP:
                deadline = deadline or time.monotonic() + STOP_SECONDS
                if time.monotonic() > deadline:
                    return


MODULE = MpmModule.of(Worker())
