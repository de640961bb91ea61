"""When what is parked has waited long enough.

Nearly all waits of one timeout class last equally long, so each (class, seconds) is a queue whose first entry is
the next to expire: parking appends, an event takes out, both at once (a dict remembers its order). The few whose time
moves (MinRate gives a slow client more time byte by byte) share a heap with lazy deletion. `next` is never later than
the earliest deadline and may be too early by what was taken out since: the owner then wakes up once for nothing.

A queue maps what is parked to the time since when it waits (the very object that `add` was given: many that came in one
wake-up share it), the heap's to its deadline; whoever parks keeps the queue that `add` returned and takes the entry out
with `del queue[parked]`. One thread owns all of it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import MutableMapping
from typing import Any

from mpmserver.net.waits import TimeoutClass

MOST_QUEUES = 64
"""A configuration has a handful of timeouts; from so many on a further one goes to the heap."""
GARBAGE = 1000
"""Entries of the heap that may be dead before it is rebuilt."""

Queue = MutableMapping[Any, float]


class Moving(dict[Any, float]):
    """The queue of the waits that have a time of their own."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, Any]] = []
        self._serial = 0

    def push(self, parked: Any, deadline: float) -> None:
        """Enter something with its deadline."""
        if len(self._heap) > 2 * len(self) + GARBAGE:
            self._heap = [entry for entry in self._heap if self.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self[parked] = deadline
        self._serial += 1
        heapq.heappush(self._heap, (deadline, self._serial, parked))

    def first(self) -> float:
        """The earliest deadline; infinite where there is none."""
        heap = self._heap
        while heap and self.get(heap[0][2]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else math.inf

    def pop_first(self) -> Any:
        """Take out what expires first; call `first` before."""
        parked = heapq.heappop(self._heap)[2]
        del self[parked]
        return parked


class Deadlines:
    """See the module's docstring. Times are `time.monotonic()`'s."""

    __slots__ = ("_moving", "_queues", "next")

    def __init__(self) -> None:
        self._queues: dict[tuple[TimeoutClass, float], dict[Any, float]] = {}
        self._moving = Moving()
        self.next = math.inf
        """Nothing expires before."""

    def add(self, parked: Any, kind: TimeoutClass, seconds: float, now: float) -> Queue:
        """Enter something that waits for `seconds` from `now` on; returns the queue that it is in."""
        deadline = now + seconds
        self.next = min(self.next, deadline)
        queue = self._queue(kind, seconds)
        if queue is None:
            self._moving.push(parked, deadline)
            return self._moving
        queue[parked] = now
        return queue

    def add_moving(self, parked: Any, seconds: float, now: float) -> Queue:
        """Enter something whose time belongs to no class (sleep)."""
        self.next = min(self.next, now + seconds)
        self._moving.push(parked, now + seconds)
        return self._moving

    def _queue(self, kind: TimeoutClass, seconds: float) -> dict[Any, float] | None:
        queue = self._queues.get((kind, seconds))
        if queue is None and seconds == int(seconds) and len(self._queues) < MOST_QUEUES:
            queue = self._queues[kind, seconds] = {}
        return queue

    def expired(self, now: float) -> list[Any]:
        """Take out and return all whose time is up, and set `next`."""
        found: list[Any] = []
        earliest = math.inf
        for (_kind, seconds), queue in self._queues.items():
            late = len(found)
            for parked, since in queue.items():
                if since + seconds > now:
                    earliest = min(earliest, since + seconds)
                    break
                found.append(parked)
            for parked in found[late:]:
                del queue[parked]
        moving = self._moving
        while moving.first() <= now:
            found.append(moving.pop_first())
        self.next = min(earliest, moving.first())
        return found
