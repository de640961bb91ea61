"""One child: how it is forked, and what it does from then to its end.

Between fork and `MPM.serve` the child gives up what is the parent's alone (the death pipe's writing end, the
reading ends of log pipes, root), then runs the child_init hooks. Its signals stay blocked until the MPM has handlers
for them (`mpm/bell.py`), so that none is lost meanwhile. Nothing of Python's own clean-up runs at its end, for that
belongs to the parent's image: it leaves through `os._exit`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from functools import partial
from typing import Final

from mpmserver.core.child import Child
from mpmserver.core.logs import LogSink
from mpmserver.core.recall.memory import begin as begin_recall
from mpmserver.core.scoreboard import STARTING, Scoreboard
from mpmserver.core.settings import Level
from mpmserver.core.site import Site
from mpmserver.core.world import World
from mpmserver.mpm.base import MPM
from mpmserver.net.listen import Listener
from mpmserver.process.titles import worker_title
from mpmserver.process.user import Identity, become
from mpmserver.records import dataclass
from mpmserver.serve.connection import Connection

EXIT_FATAL: Final = 15
"""A child's exit status that says: no child can serve, the server must end (Apache's APEXIT_CHILDFATAL)."""

PARENT_SIGNALS: Final = frozenset({
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGCHLD,
})  # fmt: skip
DRAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Forge:
    """All that is needed to make a child; one per generation, fixed when the generation begins."""

    world: World
    mpm: MPM
    scoreboard: Scoreboard
    listeners: tuple[Listener, ...]
    sinks: tuple[LogSink, ...]
    identity: Identity | None
    death_pipe: tuple[int, int]
    core_directory: str | None
    name: str
    """What process titles begin with."""

    @property
    def site(self) -> Site:
        return self.world.site

    def fork(self, slot: int, threads: int) -> int:
        """Start the child of a process slot; returns its process id. Raises OSError."""
        for thread in range(threads):
            worker = self.scoreboard.worker(slot, thread)
            worker.start()
            worker.busy(STARTING)
        assert threading.active_count() == 1, "a thread's locks would stay locked for ever in a child"
        with contextlib.suppress(OSError):  # a log program that doesn't read
            sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            status = self._run(slot)
        except BaseException:  # noqa: BLE001 (a child must never return into the parent's code)
            status = self._failed()
        os._exit(status)

    def make_child(self, slot: int) -> Child:
        """The Child of a slot in this process, with all that its connections share."""
        child = Child(
            self.site, self.mpm, self.scoreboard, slot, self.listeners, self.death_pipe[0], self.sinks,
            worker_title(self.name, slot, self.scoreboard.generation),
        )  # fmt: skip
        self.world.child = child
        child.on_exit(self.world.reaper.close)
        child.connect = partial(Connection, self.world)
        return child

    def _run(self, slot: int) -> int:
        child = self.make_child(slot)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(self.death_pipe[1])
        for sink in self.sinks:
            sink.after_fork()
        try:
            become(self.identity, self.core_directory is not None)
            if self.core_directory is not None:
                os.chdir(self.core_directory)
        except (OSError, OverflowError) as error:
            self.site.main.log(Level.ALERT, "unixd", f"AH02162: setuid: unable to change to uid: {error}")
            return EXIT_FATAL
        return self.serve(child)

    def serve(self, child: Child) -> int:
        """Run child_init hooks and the MPM until it is told to stop; returns the exit status."""
        child.show_busy(0)
        for module in self.site.modules:
            if module.child_init is not None:
                module.child_init(child)
        processes = self.mpm.geometry(self.site.configuration).processes
        self.world.recall = child.recall = begin_recall(self.site, processes, self.mpm.blocking)
        try:
            self.mpm.serve(child, child.listeners)
        finally:
            child.finish()
            until = time.monotonic() + DRAIN_SECONDS
            for sink in self.sinks:
                sink.drain(max(0.0, until - time.monotonic()))
        return 0

    def _failed(self) -> int:
        """The end of a child that an exception got out of; a SystemExit's status is its own."""
        error = sys.exc_info()[1]
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else 0
        for line in "".join(traceback.format_exception(error)).splitlines():
            self.site.main.log(Level.CRIT, "core", f"child {os.getpid()} failed: {line}")
        return 1
