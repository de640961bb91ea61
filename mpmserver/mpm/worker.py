"""worker: each connection occupies one of ThreadsPerChild workers from accept() to its end.

No more connections are taken than workers are free; one that is kept alive, or reads slowly, holds its worker as one
that computes does. But a worker is a seat (`threads.py`): the listener waits for all who have one and answers what
doesn't block, and only who blocks goes to a thread. Threads that each wait in recv() hand the interpreter to each other
at every call of the kernel, which was measured to cost more than the answers. There are as many threads as seats, so
whoever blocks finds one idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpmserver.config.build import Configuration
from mpmserver.core.scoreboard import DEAD, READING, READY
from mpmserver.mpm import directives
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Order
from mpmserver.mpm.figures import WORKER_LIMITS, check_threaded
from mpmserver.mpm.spares import WORKER_WORDS, spare_threads
from mpmserver.mpm.threads import ThreadedLoop, threaded_geometry
from mpmserver.serve.outcome import Outcome

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener
    from mpmserver.serve.connection import Connection


class WorkerLoop(ThreadedLoop):
    """The listener of connections that keep their seats."""

    def busy(self) -> int:
        return self.open

    def may_accept(self, fresh: int = 0) -> bool:
        return self._obeyed is Order.NONE and bool(self._free)

    def admit(self, listener: Listener) -> Connection | None:
        if not self._free:
            return None  # in this very turn somebody who came to another listener has taken the last one
        connection = self._acceptor.accept(listener, self._free[0])
        if connection is not None:
            self._free.popleft().busy(READING)
        return connection

    def _awake(self, connection: Connection, late: bool = False) -> bool:
        answered = super()._awake(connection, late)
        if answered:
            connection.worker.show()
        return answered

    def _finish(self, connection: Connection, outcome: Outcome) -> None:
        connection.worker.show()
        super()._finish(connection, outcome)

    def _closed(self, connection: Connection) -> None:
        super()._closed(connection)
        seat = connection.worker
        seat.show()
        seat.busy(READY if self._obeyed is Order.NONE else DEAD)
        self._free.append(seat)

    def _obey(self, order: Order) -> None:
        super()._obey(order)
        for seat in self._free:
            seat.busy(DEAD)


class Worker(MPM):
    """See the module's docstring."""

    name = "worker"
    source = "worker.c"
    threaded = True
    directives = directives.WORKER

    def check(self, configuration: Configuration) -> None:
        check_threaded(configuration, WORKER_LIMITS)

    def geometry(self, configuration: Configuration) -> Geometry:
        return threaded_geometry(settings_of(configuration))

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return spare_threads(children, settings_of(configuration), state, WORKER_WORDS)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        WorkerLoop(child, listeners).serve()


MODULE = MpmModule.of(Worker())
