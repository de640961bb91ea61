"""What an MPM is: a policy for waiting, as the parent and a child see it.

An MPM answers five questions. In the parent, before any fork: which `directives` it has, whether the figures
hold together (`check`, Apache's arithmetic and warnings), and how large it is (`geometry`). In the parent, once a
second: how many processes to start or to stop (`spares`, a pure function of the children, the settings and a small
state). In a child: `serve`, until it is told to stop. Forking, reaping, crash-loop back-off, generations and the
scoreboard are the same for all and live in `process/`.

An MPM comes as a `MpmModule`: an ordinary `Module` (LoadModule mpm_event_module ..., its directives and their
settings) that knows its MPM. A fifth one is one file with `MODULE = MpmModule.of(MyMPM())`.

In a child signals only ring a bell: SIGTERM stops at once, SIGUSR1 gracefully, as does the end of the parent
(`child.death_fd`). `serve` returns when every connection is closed; the process then exits with status 0.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from mpmserver.config.build import Configuration
from mpmserver.config.directive import Directive
from mpmserver.core.module import Module
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.settings import Level
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.net.listen import Listener

MAX_SPAWN_RATE = 32
"""The most processes that are started in one second."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How many processes and threads there may be; the scoreboard is laid out by it."""

    start: int
    """Processes to start at first (StartServers)."""
    processes: int
    """The most processes that serve at one time (MaxRequestWorkers / ThreadsPerChild)."""
    server_limit: int
    """Process slots of the scoreboard; more than `processes`, so that old ones may finish their work."""
    threads: int
    """Threads that answer requests in each process."""
    thread_limit: int
    """Thread slots of each process, not counting the listener's."""
    listener_slot: bool = False
    """True where a thread of its own accepts and answers (worker, event): one thread slot more, the last."""

    @property
    def slots(self) -> int:
        """Thread slots of each process in the scoreboard."""
        return self.thread_limit + self.listener_slot


@dataclass(frozen=True, slots=True)
class ChildView:
    """One living child as `spares` sees it; the parent makes these from the scoreboard once a second."""

    slot: int
    idle: int
    """Threads that wait for a connection (READY, and STARTING where they have not yet said so)."""
    busy: int = 0
    """Threads that have one."""
    quiescing: bool = False
    """Told to stop, or of an old generation: it takes no new connection but has its slot still."""


@dataclass(slots=True)
class SpareState:
    """What `spares` remembers from one second to the next; the parent makes one per generation."""

    rate: int = 1
    """How many processes are started at the next shortage: 1, 2, 4 ... 32."""
    hold_off: int = 0
    """Seconds without growth of the rate; the parent sets 10 after a graceful restart."""
    reported: set[str] = field(default_factory=set)
    """What is said only once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the error log of the main server, from the module mpm_NAME."""

    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """What to do now: start processes, and stop (gracefully) those in the given slots."""

    start: int = 0
    stop: tuple[int, ...] = ()
    notices: tuple[Notice, ...] = ()


class MPM(abc.ABC):
    """A multi-processing module; stateless in the parent, all state of a child is made in `serve`."""

    name: ClassVar[str]
    """As in LoadModule mpm_NAME_module, `MPM name` and --mpm."""
    source: ClassVar[str]
    """What `-l` and <IfModule> call it: event.c."""
    threaded: ClassVar[bool] = False
    blocking: ClassVar[bool] = False
    """True where threads block in the sockets of their connections (the transports are made so)."""
    asynchronous: ClassVar[bool] = False
    """True where a connection that waits for its client holds no worker: server-status tells of such connections."""
    directives: ClassVar[tuple[Directive, ...]] = ()
    settings: ClassVar[type[MpmSettings]] = MpmSettings

    @abc.abstractmethod
    def check(self, configuration: Configuration) -> None:
        """Put the figures right in `configuration.main`, with Apache's warnings (`configuration.warn`)."""

    @abc.abstractmethod
    def geometry(self, configuration: Configuration) -> Geometry:
        """Return the size; call `check` first."""

    @abc.abstractmethod
    def spares(self, children: Sequence[ChildView], configuration: Configuration, state: SpareState) -> Change:
        """Say how many processes to start or which to stop now; called once a second, changes `state` only."""

    @abc.abstractmethod
    def serve(self, child: Child, listeners: Sequence[Listener]) -> None:
        """Serve connections until told to stop; called once in a freshly forked child, on its only thread."""


@dataclass(frozen=True, slots=True)
class MpmModule(Module):
    """The module that an MPM is loaded as."""

    mpm: MPM | None = None

    @classmethod
    def of(cls, mpm: MPM) -> Self:
        """Return the module of one MPM."""
        return cls(f"mpm_{mpm.name}", tuple(mpm.directives), server_settings=mpm.settings, file=mpm.source, mpm=mpm)


def settings_of(configuration: Configuration) -> MpmSettings:
    """Return the finished settings of processes and listeners."""
    return configuration.main.settings(MpmSettings).finished()
