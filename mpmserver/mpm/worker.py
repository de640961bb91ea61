"""worker: a thread for each connection, in a number of processes. Threads block in the kernel for what they wait for.

Each thread accepts for itself (there is no listener that hands sockets over). The main thread starts the others, waits
for them, and writes the logs meanwhile: a thread that writes gives the interpreter up, and where many wait for it, that
costs more than an answer. So they ask for it (`LogWriter`), and one write is for all who have asked.
"""

from __future__ import annotations

import os
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
LOG_SECONDS = 0.01
"""How long the first line of a log waits for others."""
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
        writer = LogWriter(child)
        workers = [
            BlockingThread(child, listeners, bell, acceptor, quota, number, writer.ask)
            for number in range(settings.threads_per_child or 1)
        ]
        start_watching(bell, tuple(worker.seat for worker in workers), listeners)
        threads = start_threads([worker.run for worker in workers], settings.thread_stack_size)
        child.ready()
        _wait_to_leave(child, bell, writer, [worker.seat for worker in workers])
        writer.leave()
        join_threads(threads, bell)


class LogWriter:
    """Has the logs of many threads written by one of them."""

    __slots__ = ("_asked", "_child", "_there", "fd")

    def __init__(self, child: Child) -> None:
        self._child = child
        self._asked = False
        self._there = True
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Readable when somebody has asked: then `write` is to be called."""

    def ask(self) -> None:
        """There may be something to write; for any thread."""
        if not self._there:
            self._child.flush_logs()
        elif not self._asked:
            self._asked = True
            os.eventfd_write(self.fd, 1)

    def write(self) -> None:
        """Write what there is, and what comes within LOG_SECONDS."""
        os.eventfd_read(self.fd)
        time.sleep(LOG_SECONDS)
        self._asked = False  # before the writing: who finds that somebody else has asked may rely on it
        self._child.flush_logs()

    def leave(self) -> None:
        """Nobody will call `write` any more: each thread writes for itself."""
        self._there = False
        self._child.flush_logs()


def _wait_to_leave(child: Child, bell: Bell, writer: LogWriter, seats: Sequence[Seat]) -> None:
    """Write the logs, and keep the process title up to date, until the bell rings."""
    poll = select.poll()
    poll.register(bell.leave_fd, select.POLLIN)
    poll.register(writer.fd, select.POLLIN)
    shown, next_title = 0, 0.0
    while bell.order is Order.NONE:
        if (writer.fd, select.POLLIN) in poll.poll(TITLE_SECONDS * 1000):
            writer.write()
        now = time.monotonic()
        busy = sum(seat.connection is not None for seat in seats)
        if busy != shown and now >= next_title:
            shown, next_title = busy, now + TITLE_SECONDS
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
