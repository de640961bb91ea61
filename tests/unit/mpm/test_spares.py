"""Spare keeping: second by second, as Apache grows and shrinks."""

from __future__ import annotations

import pytest

from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.settings import Level
from mpmserver.mpm.base import Change, ChildView, SpareState
from mpmserver.mpm.spares import EVENT_WORDS, WORKER_WORDS, Words, constant_number, spare_servers, spare_threads

PREFORK = MpmSettings(min_spare_servers=5, max_spare_servers=10, max_request_workers=256).finished()
THREADED = MpmSettings(
    min_spare_threads=75, max_spare_threads=250, threads_per_child=25, max_request_workers=400, server_limit=16
).finished()


def servers(idle: int, busy: int, quiescing: int = 0) -> list[ChildView]:
    kinds = [(1, 0, False)] * idle + [(0, 1, False)] * busy + [(0, 1, True)] * quiescing
    return [ChildView(slot, *kind) for slot, kind in enumerate(kinds)]


def threads(*idle: int, quiescing: int = 0) -> list[ChildView]:
    active = [ChildView(slot, each, 25 - each) for slot, each in enumerate(idle)]
    return active + [ChildView(len(idle) + each, 0, 25, True) for each in range(quiescing)]


def test_prefork_grows_by_powers_of_two_up_to_32() -> None:
    state = SpareState()
    starts = [spare_servers(servers(0, 10), PREFORK, state).start for _each in range(8)]
    assert starts == [1, 2, 4, 8, 16, 32, 32, 32]
    assert spare_servers(servers(6, 10), PREFORK, state) == Change()
    assert spare_servers(servers(0, 10), PREFORK, state).start == 1


def test_growth_is_held_off_after_a_graceful_restart() -> None:
    state = SpareState(hold_off=2)
    assert [spare_servers(servers(0, 1), PREFORK, state).start for _each in range(5)] == [1, 1, 1, 2, 4]


def test_prefork_says_when_it_is_busy() -> None:
    state = SpareState(rate=8)
    notice = spare_servers(servers(1, 10), PREFORK, state).notices[0]
    assert notice.level is Level.INFO
    assert notice.message == (
        "AH00162: server seems busy, (you may need to increase StartServers, or Min/MaxSpareServers), "
        "spawning 8 children, there are 1 idle, and 11 total children"
    )


def test_prefork_stops_one_a_second() -> None:
    state = SpareState(rate=16)
    assert spare_servers(servers(12, 3), PREFORK, state) == Change(stop=(11,))
    assert state.rate == 1


def test_prefork_stays_within_its_limit_and_says_so_once() -> None:
    state = SpareState(rate=32)
    assert spare_servers(servers(0, 250), PREFORK, state).start == 6
    full = spare_servers(servers(0, 250, quiescing=6), PREFORK, state)
    assert full.start == 0
    assert full.notices[0].message.startswith("AH00161: server reached MaxRequestWorkers setting")
    assert spare_servers(servers(0, 256), PREFORK, state).notices == ()


@pytest.mark.parametrize("words", [WORKER_WORDS, EVENT_WORDS])
def test_threads_are_counted(words: Words) -> None:
    state = SpareState()
    assert spare_threads(threads(25, 25, 25), THREADED, state, words) == Change()
    assert spare_threads(threads(25, 25, 24), THREADED, state, words).start == 1
    assert spare_threads(threads(25, 25, 24), THREADED, state, words).start == 2
    assert spare_threads(threads(*[25] * 11), THREADED, state, words).stop == (10,)
    assert spare_threads(threads(20, *[25] * 10), THREADED, state, words).stop == (10,), "the idlest, the last"


def test_no_more_active_processes_than_allowed() -> None:
    state = SpareState(rate=32)
    assert spare_threads(threads(*[0] * 14), THREADED, state, EVENT_WORDS).start == 2
    reached = spare_threads(threads(*[0] * 16), THREADED, state, EVENT_WORDS)
    assert reached.notices[0].message.startswith("AH00484: server reached MaxRequestWorkers setting")
    within = spare_threads(threads(1, *[0] * 15), THREADED, state, EVENT_WORDS)
    assert within.notices[0].message.startswith("AH10159: server is within MinSpareThreads")


def test_slots_of_those_that_leave_are_not_free() -> None:
    state = SpareState(rate=8)
    assert spare_threads(threads(*[0] * 10, quiescing=4), THREADED, state, WORKER_WORDS).start == 2
    full = spare_threads(threads(*[0] * 10, quiescing=6), THREADED, state, WORKER_WORDS)
    assert full.start == 0
    assert full.notices[0].message == "AH00288: scoreboard is full, not at MaxRequestWorkers"


def test_a_full_scoreboard_stops_nobody_more() -> None:
    children = threads(*[25] * 12, quiescing=5)
    assert spare_threads(children, THREADED, SpareState(), EVENT_WORDS).stop == ()


def test_a_constant_number_is_kept() -> None:
    assert constant_number([ChildView(0, 1), ChildView(1, 0, 1)], 2, 8).start == 0
    assert constant_number([ChildView(0, 1), ChildView(1, 0, 1, True)], 2, 8).start == 1
    assert constant_number([ChildView(slot, 0, 1, True) for slot in range(8)], 2, 8).start == 0
