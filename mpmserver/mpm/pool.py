"""The reactor's thread pool: where functions run that would stop the loop.

Threads are started when they are first needed and stay. The queue is bounded: a loop that hands over faster than the
threads work would otherwise promise more and more answers that nobody waits for any longer. One loop submits; results
go back to it by the callback, on the pool's thread (which leaves mail).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

Done = Callable[[Any, BaseException | None], None]
"""Called with (result, None) or (None, error)."""


class ThreadPool:
    """`threads` at most, `bound` functions waiting at most."""

    __slots__ = ("_bound", "_idle", "_most", "_queue", "_threads")

    def __init__(self, threads: int, bound: int) -> None:
        self._most = threads
        self._bound = bound
        self._queue: SimpleQueue[tuple[Callable[[], Any], Done] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[[], Any], done: Done) -> bool:
        """Have a function called; False, and nothing is done, where the queue is full."""
        if self._queue.qsize() >= self._bound:
            return False
        self._queue.put((function, done))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name=f"pool {len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return True

    def close(self) -> None:
        """Have each thread end after what is queued; does not wait."""
        for _thread in self._threads:
            self._queue.put(None)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if item is None:
                return
            function, done = item
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever submitted
                done(None, error)
            else:
                done(result, None)
            del item, function, done
            self._idle.release()
