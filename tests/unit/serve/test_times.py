"""Times of requests: how long an answer took that its client takes slowly, and how long the next head may take."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mpmserver.core.recall.room import Room
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.memory import drive
from tests.unit.serve.kit import Site, get

SLOW = 2_500_000_000
"""Nanoseconds that the client takes."""


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000_000
        monkeypatch.setattr(time, "perf_counter_ns", self)
        monkeypatch.setattr("mpmserver.serve.recalled.perf_counter_ns", self)

    def __call__(self) -> int:
        return self.now

    def go_on(self) -> None:
        self.now += SLOW


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path, "%D %T %B")
    made.transport.waited = Clock(monkeypatch).go_on
    return made


def ask(site: Site, connection: Connection, path: bytes) -> None:
    """One request of which the client doesn't take the whole answer at once."""
    step = connection.arrived(get(path), site.moment)
    assert not isinstance(step, Outcome)
    assert drive(step) is Outcome.IDLE


@pytest.mark.parametrize(("path", "waits", "size"), [(b"/a.txt", 1, 4), (b"/large.txt", 2, 1 << 17)])
def test_an_answer_lasts_until_its_client_has_it(site: Site, path: bytes, waits: int, size: int) -> None:
    ask(site, site.connect(), path)
    micros = waits * SLOW // 1000
    assert site.lines == [f"{micros} {micros // 1_000_000} {size}\n"]


@pytest.mark.parametrize(("path", "waits", "size"), [(b"/a.txt", 1, 4), (b"/large.txt", 2, 1 << 17)])
def test_so_does_one_from_memory(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: bytes, waits: int, size: int
) -> None:
    connection = site.remember(monkeypatch, get(path))
    hits = hits_of(connection)
    ask(site, connection, path)
    assert hits_of(connection) == hits + 1
    micros = waits * SLOW // 1000
    assert site.lines == [f"{micros} {micros // 1_000_000} {size}\n"]


def test_so_does_one_that_is_remembered_in_brief(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Room, "is_ample", False)
    connection = site.remember(monkeypatch, get(b"/a.txt"))
    assert connection.shelf is not None
    (brief,) = [brief for family in connection.shelf.families for brief in family.briefs.values()]
    hits = brief.hits
    ask(site, connection, b"/a.txt")
    assert brief.hits == hits + 1
    micros = SLOW // 1000
    assert site.lines == [f"{micros} {micros // 1_000_000} 4\n"]


def hits_of(connection: Connection) -> int:
    """How many answers came from memory."""
    recall = connection.world.recall
    assert recall is not None
    return recall.hits + recall.resource_hits


@pytest.mark.parametrize("remembered", [False, True])
def test_a_head_has_its_own_time_behind_an_answer_in_place(
    site: Site, monkeypatch: pytest.MonkeyPatch, remembered: bool
) -> None:
    connection = site.remember(monkeypatch, get(b"/a.txt")) if remembered else site.connect()
    site.transport.takes = 1 << 20
    former = connection.deadline()
    assert connection.arrived(get(b"/a.txt"), site.moment) is Outcome.IDLE
    assert connection.deadline() is not former
