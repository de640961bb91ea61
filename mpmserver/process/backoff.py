"""How long to wait before the next child is started, when children end as soon as they start.

A child that ends abnormally before it accepted its first connection, or within FRESH_SECONDS of its start, counts
as a failure. Each second in a row that has one doubles the wait, up to LONGEST; a child that reached its work sets it
back. Pure: time comes in from outside.
"""

from __future__ import annotations

FRESH_SECONDS = 5.0
LONGEST = 32.0


class Backoff:
    """The parent's memory of failures; times are `time.monotonic()`."""

    __slots__ = ("_delay", "_until")

    def __init__(self) -> None:
        self._delay = 0.0
        self._until = 0.0

    def failed(self, now: float) -> float | None:
        """A fresh child failed; returns the new wait in seconds, None while one is under way."""
        if now < self._until:
            return None
        self._delay = min(LONGEST, self._delay * 2 or 1.0)
        self._until = now + self._delay
        return self._delay

    def succeeded(self) -> None:
        """A child does its work."""
        self._delay = 0.0

    def allows(self, now: float) -> bool:
        """Whether children may be started now."""
        return now >= self._until
