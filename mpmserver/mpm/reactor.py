"""reactor: one single-threaded process for each core; every wait of every connection is parked in its loop.

What blocks in spite of that (`offload`: a cold disk, DNS, a password hash) runs in a thread pool. `work()` means
nothing here: what follows is answered in place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from mpmserver.config.build import Configuration
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.mpm import directives
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Bell
from mpmserver.mpm.loop import Loop
from mpmserver.mpm.parking import Task
from mpmserver.mpm.pollers import MULTIPLEXERS
from mpmserver.mpm.pool import ThreadPool
from mpmserver.mpm.quota import Quota
from mpmserver.mpm.spares import constant_number
from mpmserver.mpm.tuning import tune
from mpmserver.net.waits import Offload

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener

SWITCH_INTERVAL = 0.0005
"""Seconds. The loop must get the interpreter back soon when a function of the pool computes instead of blocking; a
tenth of the default costs the pool little, because its threads are to block, not to compute."""
SPARE_SLOTS = 4
"""Scoreboard slots for each process, so that those that still finish their connections hold up no successor."""


class ReactorLoop(Loop):
    """The loop with a thread pool beside it."""

    pool: ThreadPool

    def offload(self, task: Task, waited: Offload) -> None:
        self.away.add(task)
        if not self.pool.submit(waited.function, partial(self.post_result, task)):
            self.away.discard(task)
            self.child.site.main.log(
                Level.ERROR, "mpm_reactor", "thread pool is full, consider raising ThreadPool's queue or threads"
            )
            self.advance(task, error=HTTPError(503))

    def work(self, task: Task) -> None:
        self.advance(task)


class Reactor(MPM):
    """See the module's docstring."""

    name = "reactor"
    source = "reactor.c"
    threaded = True
    """Its pool has threads, so a line of the error log says which one wrote it."""
    asynchronous = True
    directives = directives.REACTOR

    def check(self, configuration: Configuration) -> None:
        """Nothing can be wrong: the directives refuse what is no number of processes or threads."""

    def geometry(self, configuration: Configuration) -> Geometry:
        processes = settings_of(configuration).reactor_processes or len(os.sched_getaffinity(0))
        return Geometry(
            start=processes,
            processes=processes,
            server_limit=processes * SPARE_SLOTS,
            threads=1,
            thread_limit=1,
        )

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        geometry = self.geometry(configuration)
        return constant_number(children, geometry.processes, geometry.server_limit)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        tune(SWITCH_INTERVAL)
        settings = settings_of(child.site.configuration)
        slot = child.worker(0)
        slot.start()
        quota = Quota(settings.max_connections_per_child)
        loop = ReactorLoop(child, MULTIPLEXERS[settings.multiplexer](), listeners, Bell(child), slot, quota)
        loop.pool = ThreadPool(settings.thread_pool_threads, settings.thread_pool_queue)
        try:
            loop.run()
        finally:
            loop.pool.close()
            loop.end()


MODULE = MpmModule.of(Reactor())
