"""The reactor's thread pool."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

from mpmserver.mpm.pool import ThreadPool

Result = tuple[Any, BaseException | None]


def test_results_and_errors_come_back() -> None:
    pool = ThreadPool(2, 10)
    done: SimpleQueue[Result] = SimpleQueue()
    assert pool.submit(lambda: 42, lambda result, error: done.put((result, error)))
    assert done.get(timeout=5) == (42, None)
    assert pool.submit(lambda: 1 // 0, lambda result, error: done.put((result, error)))
    result, error = done.get(timeout=5)
    assert result is None
    assert isinstance(error, ZeroDivisionError)
    pool.close()


def test_threads_are_started_when_needed_and_kept() -> None:
    pool = ThreadPool(3, 100)
    done: SimpleQueue[str] = SimpleQueue()
    names = set()
    for _each in range(10):
        pool.submit(lambda: threading.current_thread().name, lambda name, error: done.put(name))
        names.add(done.get(timeout=5))
        wait_for_idle(pool)
    assert names == {"pool 0"}
    pool.close()


def wait_for_idle(pool: ThreadPool) -> None:
    """A thread is idle a moment after its result was given back."""
    assert pool._idle.acquire(timeout=5)
    pool._idle.release()


def test_no_more_threads_than_allowed_and_no_more_waiting_than_the_bound() -> None:
    pool = ThreadPool(2, 3)
    gate, started = threading.Event(), threading.Semaphore(0)
    done: SimpleQueue[Result] = SimpleQueue()

    def blocked() -> int:
        started.release()
        gate.wait(5)
        return 1

    def put(result: Any, error: BaseException | None) -> None:
        done.put((result, error))

    for _each in range(2):
        assert pool.submit(blocked, put)
        assert started.acquire(timeout=5)
    assert [pool.submit(blocked, put) for _each in range(5)] == [True, True, True, False, False]
    assert len(pool._threads) == 2
    gate.set()
    for _each in range(5):
        assert done.get(timeout=5) == (1, None)
    pool.close()
    for thread in pool._threads:
        thread.join(5)
        assert not thread.is_alive()
