"""A fifth MPM in one file: one process, and a new thread for every connection.

It exists to prove that an MPM is a policy for waiting and nothing else. What it uses of `mpmserver.mpm` it could have
written itself; forking, reaping, logs, the scoreboard and HTTP are none of its business. Load it with

    LoadModule mpm_tiny_module tests.live.tiny_mpm
"""

from __future__ import annotations

import select
import threading
from collections.abc import Sequence

from mpmserver.config.build import Build, Configuration
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.core.child import Child
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import DEAD, READY, WorkerSlot
from mpmserver.mpm.accept import Acceptor
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState
from mpmserver.mpm.bell import Bell, Order
from mpmserver.mpm.directives import LISTENING
from mpmserver.mpm.driver import Blocking, arrived
from mpmserver.mpm.spares import constant_number
from mpmserver.net.listen import Listener
from mpmserver.net.waits import TimeoutClass
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from mpmserver.serve.reading import READ_SIZE

MOST = 8


def connections(build: Build, number: str) -> None:
    """TinyConnections number"""
    build.main(MpmSettings).max_request_workers = int(number)


class Tiny(MPM):
    """See the module's docstring."""

    name = "tiny"
    source = "tiny.c"
    threaded = True
    directives = (
        *LISTENING,
        Directive("TinyConnections", Shape.TAKE1, RSRC_CONF, connections, "how many at one time", global_only=True),
    )

    def check(self, configuration: Configuration) -> None:
        """Nothing can be wrong."""

    def geometry(self, configuration: Configuration) -> Geometry:
        return Geometry(start=1, processes=1, server_limit=2, threads=MOST, thread_limit=MOST)

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return constant_number(children, wanted=1, server_limit=2)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        Process(child, listeners).run()


class Process:
    """One child: the main thread accepts, each connection gets a thread and a place in the scoreboard."""

    def __init__(self, child: Child, listeners: Sequence[Listener]) -> None:
        self.child = child
        self.listeners = {listener.fd: listener for listener in listeners}
        self.bell = Bell(child)
        self.acceptor = Acceptor(child, blocking=False)
        self.driver = Blocking(child, self.bell.stop_fd)
        self.places: list[WorkerSlot] = [child.worker(number) for number in range(MOST)]
        self.threads: list[threading.Thread] = []
        for place in self.places:
            place.busy(READY)

    def run(self) -> None:
        poll = select.poll()
        for fd in (*self.listeners, *self.bell.fds):
            poll.register(fd, select.POLLIN)
        self.child.ready()
        while self.bell.order is Order.NONE:
            ready = tuple(fd for fd, _events in poll.poll())
            self.bell.listen(ready)
            for fd in ready:
                if fd in self.listeners and self.places:
                    self.take(self.listeners[fd])
        for thread in self.threads:
            thread.join(10)

    def take(self, listener: Listener) -> None:
        place = self.places.pop()
        connection = self.acceptor.accept(listener, place)
        if connection is None:
            self.places.append(place)
            return
        thread = threading.Thread(target=self.converse, args=(connection, place), daemon=True)
        self.threads = [*(thread for thread in self.threads if thread.is_alive()), thread]
        thread.start()

    def converse(self, connection: Connection, place: WorkerSlot) -> None:
        """Wait for bytes, have them answered, wait again."""
        outcome = Outcome.IDLE
        while outcome is Outcome.IDLE:
            kind, seconds = connection.idle_timeout()
            if not self.wait(connection.fd, kind, seconds):
                connection.expired()
                break
            data = connection.transport.recv_now(READ_SIZE)
            if data is None:
                continue
            answered = arrived(self.child, connection, data)
            outcome = answered if isinstance(answered, Outcome) else self.driver.run(connection, answered)
        connection.close()
        self.child.flush_logs()
        place.busy(DEAD if self.child.stopping else READY)
        self.places.append(place)

    def wait(self, fd: int, kind: TimeoutClass, seconds: float) -> bool:
        """Wait for the next request; False where none came, or where the process leaves."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self.bell.leave_fd if kind is TimeoutClass.KEEP_ALIVE else self.bell.stop_fd, select.POLLIN)
        return fd in [ready for ready, _events in poll.poll(seconds * 1000)]


MODULE = MpmModule.of(Tiny())
