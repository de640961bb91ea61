"""prefork: a process for each connection. It blocks in the kernel for everything that it waits for.

The process's only serving thread is the main one; a second one waits for the bell, because nothing else could reach
the main thread while it blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpmserver.config.build import Configuration
from mpmserver.mpm import directives
from mpmserver.mpm.accept import Acceptor
from mpmserver.mpm.base import MPM, Change, ChildView, Geometry, MpmModule, SpareState, settings_of
from mpmserver.mpm.bell import Bell
from mpmserver.mpm.blocking import BlockingThread, start_watching
from mpmserver.mpm.figures import check_prefork
from mpmserver.mpm.quota import Quota
from mpmserver.mpm.spares import spare_servers
from mpmserver.mpm.tuning import tune

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener

SWITCH_INTERVAL = 0.005
"""Seconds. The bell's thread sleeps all the time, so nothing contends for the interpreter: CPython's default."""


class Prefork(MPM):
    """See the module's docstring."""

    name = "prefork"
    source = "prefork.c"
    blocking = True
    directives = directives.PREFORK

    def check(self, configuration: Configuration) -> None:
        check_prefork(configuration)

    def geometry(self, configuration: Configuration) -> Geometry:
        settings = settings_of(configuration)
        processes = settings.max_request_workers or 1
        return Geometry(
            start=min(settings.start_servers or 1, processes),
            processes=processes,
            server_limit=settings.server_limit or processes,
            threads=1,
            thread_limit=1,
        )

    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        return spare_servers(children, settings_of(configuration), state)

    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        tune(SWITCH_INTERVAL)
        settings = settings_of(child.site.configuration)
        bell = Bell(child)
        acceptor = Acceptor(child, blocking=True)
        thread = BlockingThread(child, listeners, bell, acceptor, Quota(settings.max_connections_per_child))
        start_watching(bell, (thread.seat,), listeners)
        child.ready()
        thread.run(child.show_busy)


MODULE = MpmModule.of(Prefork())
