"""One generation: a compiled configuration, its scoreboard, and the children that serve it.

The parent holds one current generation and, after a graceful restart, knows what is left of older ones
(`Remnant`): process ids and a scoreboard, inherited through an exec.
"""

from __future__ import annotations

from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import ABSENT, READY, RUNNING, STARTING, Scoreboard
from mpmserver.mpm.base import ChildView, Geometry, SpareState
from mpmserver.process.children import Forge
from mpmserver.records import dataclass, field

IDLE_STATUSES = frozenset({READY, STARTING})


@dataclass(slots=True)
class Remnant:
    """An older generation that still has processes: slot by process id."""

    scoreboard: Scoreboard
    children: dict[int, int]


@dataclass(slots=True)
class Generation:
    """The generation that serves; `children` maps process ids to slots."""

    forge: Forge
    geometry: Geometry
    state: SpareState = field(default_factory=SpareState)
    children: dict[int, int] = field(default_factory=dict)
    quiescing: set[int] = field(default_factory=set)
    """Process ids of those that were told to stop gracefully."""

    @property
    def scoreboard(self) -> Scoreboard:
        return self.forge.scoreboard

    @property
    def settings(self) -> MpmSettings:
        return self.forge.site.configuration.main.settings(MpmSettings).finished()

    def start(self, count: int) -> list[int]:
        """Start up to `count` children, as many as there are open slots; returns their process ids."""
        started = []
        taken = set(self.children.values())
        open_slots = (slot for slot in range(self.scoreboard.processes) if slot not in taken)
        for slot, _number in zip(open_slots, range(count), strict=False):
            self.scoreboard.claim(slot, 0)
            try:
                pid = self.forge.fork(slot, self.geometry.threads)
            except OSError:
                self.scoreboard.release(slot)
                raise
            self.scoreboard.process(slot)["pid"] = pid
            self.children[pid] = slot
            started.append(pid)
        return started

    def ended(self, pid: int) -> int:
        """Forget a child; returns the state it had reached (ABSENT for one that never was)."""
        slot = self.children.pop(pid)
        self.quiescing.discard(pid)
        state = self.scoreboard.process(slot)["state"]
        self.scoreboard.release(slot)
        return state or ABSENT

    def views(self) -> list[ChildView]:
        """The children as `MPM.spares` sees them."""
        return [self._view(pid, slot) for pid, slot in self.children.items()]

    def _view(self, pid: int, slot: int) -> ChildView:
        statuses = self.scoreboard.statuses(slot)[: self.geometry.threads]
        idle = sum(status in IDLE_STATUSES for status in statuses)
        quiescing = pid in self.quiescing or bool(self.scoreboard.process(slot)["quiescing"])
        return ChildView(slot, idle, self.geometry.threads - idle, quiescing)

    def all_running(self) -> bool:
        """Whether every child that was started accepts connections."""
        return all(self.scoreboard.process(slot)["state"] >= RUNNING for slot in self.children.values())
