"""Whether a loop waits for connections: as it says, and not while there is a shortage."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.mpm.entrance import Entrance


def entrance(watched: list[int], may_accept: bool = True) -> Entrance:
    parking = SimpleNamespace(watch_listener=lambda fd, call: watched.append(fd), unwatch=watched.remove)
    loop: Any = SimpleNamespace(
        may_accept=lambda: may_accept, parking=parking, child=SimpleNamespace(process={})
    )  # fmt: skip
    listeners: Any = [SimpleNamespace(fd=7)]
    nobody: Any = None
    return Entrance(loop, listeners, nobody, nobody)


def test_a_shortage_closes_it_for_a_while() -> None:
    watched: list[int] = []
    made = entrance(watched)
    made.choose()
    assert watched == [7]
    made.closed_until = time.monotonic() + 1000
    made.choose()
    assert watched == []
    made.closed_until = time.monotonic() - 1
    made.choose()
    assert watched == [7]
    assert made.closed_until == 0.0


def test_a_shortage_that_was_over_before_anybody_looked_is_forgotten() -> None:
    watched: list[int] = []
    made = entrance(watched)
    made.choose()
    made.closed_until = time.monotonic() - 1
    made.choose()
    assert watched == [7]
    assert made.closed_until == 0.0, "a loop would look again and again"


@pytest.mark.parametrize("until", [0.0, 1.0])
def test_where_there_is_no_room_nobody_is_waited_for(until: float) -> None:
    watched: list[int] = []
    made = entrance(watched, may_accept=False)
    made.closed_until = until
    made.choose()
    assert watched == []
