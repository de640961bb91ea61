"""What serving code may ask of the process it runs in.

Made by `process/` right after the fork, before any thread is started. `stopping` is set by the MPM when it is told
to stop gracefully and read by connections on any thread: it only ever goes from False to True. Everything else is
fixed for the life of the process. Each worker thread asks once for its own scoreboard entry (`worker`) and is the
only one that writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mpmserver.core.scoreboard import RUNNING, STOPPING, ProcessSlot, Scoreboard, WorkerSlot

if TYPE_CHECKING:
    from mpmserver.core.exchange import Peer
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.site import Site
    from mpmserver.net.transport import Transport


class Child:
    """One process that serves; see the module's docstring."""

    __slots__ = (
        "_cleanups",
        "_logs",
        "_title",
        "alone",
        "connect",
        "death_fd",
        "generation",
        "listeners",
        "mpm",
        "process",
        "recall",
        "scoreboard",
        "site",
        "slot",
        "stopping",
    )  # fmt: skip

    def __init__(
        self,
        site: Site,
        mpm: Any,
        scoreboard: Scoreboard,
        slot: int,
        listeners: tuple[Any, ...],
        death_fd: int,
        sinks: tuple[Any, ...] = (),
        title: Callable[[int], None] = lambda busy: None,
    ) -> None:
        self.site = site
        self.mpm = mpm
        self.scoreboard = scoreboard
        self.generation = scoreboard.generation
        self.slot = slot
        """The process slot in the scoreboard."""
        self.listeners = listeners
        self.death_fd = death_fd
        """Readable (at its end) when the parent is gone."""
        self.alone = False
        """There is no parent (-X): this process obeys the terminal's SIGINT itself."""
        self.stopping = False
        """A graceful stop was asked for: connections close after the present answer."""
        self.process: ProcessSlot = scoreboard.process(slot)
        self.recall: Recall | None = None
        """What this process has answered before; set before `serve`, None where Recall is off."""
        self.connect: Callable[[Transport, Any, Peer, WorkerSlot], Any]
        """Makes a `Connection` of an accepted socket; set before `serve` (`partial(Connection, world)`)."""
        self._logs = tuple([(sink.lines, sink.flush) for sink in sinks])
        self._title = title
        self._cleanups: list[Callable[[], object]] = []

    def worker(self, thread: int) -> WorkerSlot:
        """The scoreboard entry of one worker thread (the event listener's is the last)."""
        return self.scoreboard.worker(self.slot, thread)

    def ready(self) -> None:
        """The MPM accepts connections: from now on the parent may stop the processes that this one replaces."""
        self.process["state"] = RUNNING

    def stop_accepting(self) -> None:
        """The MPM was told to stop gracefully."""
        self.stopping = True
        self.process["quiescing"] = 1
        self.process["not_accepting"] = 1
        self.process["state"] = STOPPING

    def flush_logs(self) -> None:
        """Write out what the log sinks have gathered: once per wake-up in loops, once per request elsewhere."""
        for lines, flush in self._logs:
            if lines:
                flush()

    def show_busy(self, busy: int) -> None:
        """Name the number of busy workers in the process title; cheap enough for once a second, not more."""
        self._title(busy)

    def on_exit(self, function: Callable[[], object]) -> None:
        """Have `function` called when this process ends in an orderly way, last in first out."""
        self._cleanups.append(function)

    def finish(self) -> None:
        """Run the clean-ups and write out the logs: the last thing a child does."""
        while self._cleanups:
            self._cleanups.pop()()
        self.flush_logs()
