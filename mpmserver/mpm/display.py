"""What a loop shows of itself: the scoreboard's figures at each turn, the process title now and then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mpmserver.net.waits import TimeoutClass

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.scoreboard import WorkerSlot

TITLE_SECONDS = 1.0
"""The title is changed no more often: that takes longer than most answers."""


class Display:
    """See the module's docstring."""

    __slots__ = ("_busy", "_child", "_connections", "_slot", "_title_after")

    def __init__(self, child: Child, slot: WorkerSlot) -> None:
        self._child = child
        self._slot = slot
        self._connections = (0, 0, 0, 0)
        self._busy = 0
        self._title_after = 0.0

    def bring_up_to_date(
        self, connections: int, busy: int, counts: Sequence[int], moment: Moment | None, now: float
    ) -> None:
        """Show what has changed in a turn: `counts` are the parked connections by TimeoutClass."""
        self._slot.show()
        child = self._child
        if moment is not None and child.recall is not None:
            child.recall.show(child.process, moment)
        present = (
            connections, counts[TimeoutClass.WRITE], counts[TimeoutClass.KEEP_ALIVE], counts[TimeoutClass.LINGER],
        )  # fmt: skip
        if present != self._connections:
            self._connections = present
            child.process.connections(*present)
        if busy != self._busy and now >= self._title_after:
            self.show_busy(busy, now + TITLE_SECONDS)

    def show_busy(self, busy: int, title_after: float) -> None:
        """Write into the title how many requests are being answered; not again before that time."""
        self._busy, self._title_after = busy, title_after
        self._child.show_busy(busy)
