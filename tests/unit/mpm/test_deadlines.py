"""Queues of deadlines against the obvious implementation."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mpmserver.mpm.deadlines import GARBAGE, MOST_QUEUES, Deadlines, Moving, Queue
from mpmserver.net.waits import TimeoutClass

SECONDS = st.sampled_from([0.0, 1.0, 2.0, 5.0, 0.25, 1.75])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9), SECONDS, st.sampled_from(TimeoutClass)),
        st.tuples(st.just("sleep"), st.integers(0, 9), SECONDS, st.just(TimeoutClass.HEAD)),
        st.tuples(st.just("remove"), st.integers(0, 9), st.just(0.0), st.just(TimeoutClass.HEAD)),
        st.tuples(st.just("pass"), st.just(0), SECONDS, st.just(TimeoutClass.HEAD)),
    )
)


@given(STEPS)
def test_everything_expires_when_its_time_is_up(steps: list[tuple[str, int, float, TimeoutClass]]) -> None:
    deadlines = Deadlines()
    plain: dict[int, float] = {}
    queues: dict[int, Queue] = {}
    now = 100.0
    for action, name, seconds, kind in steps:
        if action in ("add", "sleep"):
            if name in plain:
                del queues[name][name]
            add = deadlines.add(name, kind, seconds, now) if action == "add" else None
            queues[name] = deadlines.add_moving(name, seconds, now) if add is None else add
            plain[name] = now + seconds
        elif action == "remove" and name in plain:
            del queues[name][name], plain[name]
        elif action == "pass":
            now += seconds
            due = {name for name, deadline in plain.items() if deadline <= now}
            expired = deadlines.expired(now)
            assert sorted(expired) == sorted(due)
            plain = {name: deadline for name, deadline in plain.items() if deadline > now}
            assert deadlines.next == min(plain.values(), default=math.inf)
        assert deadlines.next <= min(plain.values(), default=math.inf)


def test_many_different_times_share_the_heap() -> None:
    deadlines = Deadlines()
    queues = {deadlines.add(number, TimeoutClass.BODY, float(number), 0.0).__class__ for number in range(200)}
    assert Moving in queues
    assert len(deadlines._queues) == MOST_QUEUES
    assert deadlines.expired(150.0) == [*range(MOST_QUEUES), *range(MOST_QUEUES, 151)]


def test_the_heap_does_not_grow_with_what_is_gone() -> None:
    deadlines = Deadlines()
    for number in range(20 * GARBAGE):
        queue = deadlines.add("upload", TimeoutClass.BODY, 20.0 + number / 1000.5, 0.0)
        del queue["upload"]
    assert len(deadlines._moving._heap) <= 2 * GARBAGE
    assert deadlines.expired(1e9) == []
