"""The wait between starts of children that end at once."""

from __future__ import annotations

from mpmserver.process.backoff import LONGEST, Backoff


def test_the_wait_doubles_to_a_limit_and_is_forgiven() -> None:
    backoff = Backoff()
    now = 100.0
    assert backoff.allows(now)
    waits = []
    for _ in range(8):
        wait = backoff.failed(now)
        assert wait is not None
        assert not backoff.allows(now + wait - 0.01)
        now += wait
        assert backoff.allows(now)
        waits.append(wait)
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST, LONGEST]
    backoff.succeeded()
    assert backoff.failed(now) == 1


def test_many_failures_at_once_count_as_one() -> None:
    backoff = Backoff()
    assert backoff.failed(5.0) == 1
    assert backoff.failed(5.1) is None
    assert backoff.failed(5.9) is None
    assert backoff.failed(6.0) == 2
