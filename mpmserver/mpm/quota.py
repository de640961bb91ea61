"""MaxConnectionsPerChild: how many connections a process takes before it makes way for a fresh one."""

from __future__ import annotations

from itertools import count


class Quota:
    """Counts accepted connections; safe on several threads (one C call each)."""

    __slots__ = ("_count", "_limit")

    def __init__(self, limit: int) -> None:
        """`limit` 0 is none."""
        self._limit = limit
        self._count = count(1)

    def used_up(self) -> bool:
        """Count one connection; True from the last one on that this process may take."""
        return bool(self._limit) and next(self._count) >= self._limit
