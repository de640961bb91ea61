"""Python calls, bytecodes and memory of a request are within what the table of ceilings says."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mpmserver.core.recall.room import Room
from tests.gate.ceilings import INSIDE, KEPT_BYTES, VERSION
from tests.gate.inside import Inside, head_of

SMALL = head_of("/small.html")


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked, how it is begun to be answered, and how many of `hits` a request then is."""

    heads: Iterator[bytes]
    status: bytes = b"200"
    looks: bool | None = None
    hit: tuple[int, int] = (0, 0)
    brief: bool = False
    """Whether room is scarce."""


CASES = {
    "recalled": Case(itertools.repeat(SMALL), looks=False, hit=(1, 0)),
    "recalled, with a look at the files": Case(itertools.repeat(SMALL), looks=True, hit=(1, 0)),
    "recalled by its resource": Case(
        (head_of("/small.html", f"User-Agent: client/{number}") for number in itertools.count()),
        looks=False,
        hit=(0, 1),
    ),
    "recalled in brief": Case(itertools.repeat(SMALL), looks=False, hit=(0, 1), brief=True),
    "file": Case(itertools.repeat(SMALL)),
    ".htaccess at four levels": Case(itertools.repeat(head_of("/rules/one/two/three/four/"))),
    "redirect": Case(
        (head_of(f"/rules/ids/term/{number}", "Accept: text/turtle") for number in itertools.count()), b"303"
    ),
    "redirect on a watched way": Case(
        (head_of(f"/rules/ids/term/{number}", "Accept: text/turtle") for number in itertools.count()),
        b"303",
        looks=False,
    ),
    "script": Case(itertools.repeat(head_of("/cgi-bin/hello"))),
    "script that was found before": Case(itertools.repeat(head_of("/cgi-bin/hello")), looks=False),
    "not found": Case(itertools.repeat(head_of("/nothing")), b"404"),
}


@pytest.mark.skipif(VERSION not in INSIDE, reason="the table has no column for this version of Python")
@pytest.mark.parametrize("name", CASES)
def test_calls_and_bytecodes(site: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    if case.brief:
        monkeypatch.setattr(Room, "is_ample", False)
    inside = Inside(site, looks=case.looks)
    inside.warm(case.heads)
    before = inside.hits
    cost = inside.cost(case.heads)
    assert inside.transport.last == b"HTTP/1.1 " + case.status + inside.transport.last[12:]
    by_head, by_resource = (after - early for after, early in zip(inside.hits, before, strict=True))
    assert (by_head, by_resource) == tuple(20 * hit for hit in case.hit)
    most = INSIDE[VERSION][name]
    assert cost.frames <= most.frames and cost.bytecodes <= most.bytecodes, f"{cost}, ceiling: {most}"


@pytest.mark.parametrize("looks", [False, True])
def test_recalled_answers_leave_nothing_behind(site: Path, looks: bool) -> None:
    inside = Inside(site, looks=looks)
    inside.warm(itertools.repeat(SMALL))
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(2):
            for _ in range(1000):
                inside.ask(SMALL)
            inside.flush()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] <= KEPT_BYTES
