"""How much is remembered, and who makes way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from mpmserver.core.recall.looks import Checks, Looks
from mpmserver.core.recall.memory import MOST_GISTS, MOST_HEADS, MOST_VARIANTS, NO_ROOM, Recall
from mpmserver.core.recall.record import Record
from mpmserver.core.recall.room import AUTO_BYTES, AUTO_LEAST, RIVALS, Room, Tenant, size_of
from tests.unit.core.recall.clients import Client, counts, head, hear, site, site_of, write

pytestmark = pytest.mark.usefixtures("restless", "eager")


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be remembered in brief."""
    monkeypatch.setattr(Room, "is_ample", True)


def tenants(recall: Recall) -> list[Tenant]:
    """Who has a place."""
    return [each for each in recall.room._turns if each.hits_before >= 0]


@pytest.mark.usefixtures("whole")
def test_memory_is_bounded_and_what_is_asked_for_stays(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path, f"many/{number}.html", b"x" * 3000) if number else None
    made = site_of(tmp_path, "RecallSize 48K\n")
    recall = made.recall
    assert recall is not None
    client = Client(made)
    for number in range(1, 40):
        client.ask(head(f"/many/{number}.html"))
        client.ask(head("/many/1.html"))
        assert recall.room.size <= recall.room.limit
    figures = recall.figures()
    assert 3 <= figures["resources"] < 11
    assert recall.hits >= 38, "what is asked for again and again is not forgotten"
    assert recall.room.size == sum(each.size for each in tenants(recall))


@pytest.mark.usefixtures("whole")
def test_where_there_is_no_room_for_all_few_make_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To remember costs more than to answer: whatever has a place keeps it until it has been worth that."""
    for number in range(40):
        write(tmp_path, f"many/{number}.html", b"x" * 3000)
    made = site_of(tmp_path, "RecallSize 48K\nMaxKeepAliveRequests 0\n")
    recall = made.recall
    assert recall is not None
    guarded: list[Record] = []
    guard = recall.freshness.guard

    def counted(record: Record, looks: Looks) -> Checks | None:
        guarded.append(record)
        return guard(record, looks)

    monkeypatch.setattr(recall.freshness, "guard", counted)
    client = Client(made)
    for _round in range(20):
        for number in range(40):
            client.ask(head(f"/many/{number}.html"))
    assert recall.hits > 50, "some keep their places"
    assert len(guarded) < 60, "and few are remembered in vain"
    assert NO_ROOM in recall.reasons
    before = recall.hits
    write(tmp_path, "new.html", b"x")
    for _each in range(200):
        client.ask(head("/new.html"))
    assert recall.hits > before + 100, "what is asked for often finds room"


def test_gists_are_bounded_and_counted(tmp_path: Path) -> None:
    made = site(tmp_path, "MaxKeepAliveRequests 0\n")
    recall = made.recall
    assert recall is not None
    client = Client(made)
    for number in range(2 * MOST_GISTS + MOST_HEADS):
        client.ask(head("/a.html", f"Connection: x{number}", f"X: {number}"))
    shelf = recall.shelf(("127.0.0.1", 8080))
    (known,) = shelf.gists.values()
    assert 0 < len(known.records) <= MOST_GISTS + MOST_HEADS
    (record,) = tenants(recall)
    assert isinstance(record, Record)
    assert len(record.more_texts or ()) == MOST_GISTS + MOST_HEADS
    assert recall.room.size == record.size
    recall.forget(record)
    assert not shelf.gists and not shelf.heads and not recall.room.size


def test_a_forgotten_answer_leaves_nothing(tmp_path: Path) -> None:
    made = site(tmp_path)
    recall = made.recall
    assert recall is not None
    client = Client(made)
    for agent in range(10):
        for _each in range(3):
            client.ask(head("/a.html", f"User-Agent: {agent}"))
    shelf = recall.shelf(("127.0.0.1", 8080))
    assert len(shelf.heads) == 10
    (tmp_path / "htdocs" / "a.html").write_bytes(b"new")
    hear(made)
    client.ask(head("/nothing"))
    assert client.ask(head("/a.html", "User-Agent: 1")).endswith(b"new")
    assert len(shelf.heads) <= 1
    assert len(shelf.resources) <= 1
    assert recall.room.size == sum(each.size for each in tenants(recall))


@pytest.mark.parametrize(("text", "size"), [("4096", 4096), ("16K", 16384), ("2M", 2 << 20), ("auto", AUTO_BYTES)])
def test_recall_size(tmp_path: Path, text: str, size: int) -> None:
    made = site(tmp_path, f"RecallSize {text}\n")
    assert made.recall is not None
    assert made.recall.room.limit == size


def test_the_default_suits_many_processes() -> None:
    assert size_of(None, 1) == AUTO_BYTES
    assert size_of(None, 256) == AUTO_LEAST == 256 * 1024 * 1024 // 256


def test_of_many_variants_the_last_are_kept(tmp_path: Path) -> None:
    made = site(tmp_path, 'SetEnvIf Cookie "a=([0-9]+)" number=$1\nHeader set X-Number "%{number}e"\n')
    client = Client(made)
    for number in range(2 * MOST_VARIANTS):
        assert f"X-Number: {number}\r\n".encode() in client.ask(head("/a.html", f"Cookie: a={number}"))
    (variants,) = made.recall.shelf(("127.0.0.1", 8080)).resources.values()  # type: ignore[union-attr]
    assert len(variants) == MOST_VARIANTS
    latest = head("/a.html", f"Cookie: a={number}", "X-More: 1")
    assert f"X-Number: {number}\r\n".encode() in client.ask(latest)
    assert counts(made)[1] == 1


@pytest.mark.parametrize("name", ["whole", "brief"])
def test_what_changes_again_and_again_is_kept_once(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for all, nobody's turn comes: what has left must not wait for it."""
    monkeypatch.setattr(Room, "is_ample", name == "whole")
    made = site(tmp_path, "MaxKeepAliveRequests 0\n")
    recall = made.recall
    assert recall is not None
    client = Client(made)
    for number in range(200):
        os.utime(tmp_path / "htdocs" / "a.html", (1_000_000 + number, 1_000_000 + number))
        monkeypatch.setattr("mpmserver.core.recall.looks.RESTLESS", -1_000_000_000)
        hear(made)
        assert client.ask(head()).endswith(b"first\n")
        assert client.ask(head()).endswith(b"first\n")
    assert sum(counts(made)[:2]) == 200
    assert len(recall.room) == 1 and len(recall.room._turns) < 80
    assert sum(each.size for each in tenants(recall)) <= recall.room.size < 8000


def test_briefs_make_way_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Room, "is_ample", False)
    for number in range(40):
        write(tmp_path, f"many/{number}.html", b"x" * 3000)
    made = site_of(tmp_path, "RecallSize 12K\nMaxKeepAliveRequests 0\n")
    recall = made.recall
    assert recall is not None
    client = Client(made)
    for _round in range(10):
        for number in range(40):
            client.ask(head(f"/many/{number}.html"))
            client.ask(head("/many/1.html"))
            assert recall.room.size <= recall.room.limit
    assert 10 <= recall.figures()["resources"] == len(recall.room) < 30
    assert recall.resource_hits > 399, "what is asked for again and again stays"


@dataclass(eq=False)
class Guest:
    """A tenant."""

    hits: int
    worth: int
    hits_before: int = 0
    size: int = 10


def test_who_makes_way_to_another_is_given_not_half_as_often() -> None:
    room = Room(1000)
    many, few, gone, brief = Guest(50, 8), Guest(49, 8), Guest(0, 8), Guest(0, 2)
    asking = Guest(100, 2)
    for each in (many, brief, gone, few, asking):
        room.take(each)
    room.leave(gone)
    assert room.rival(asking) is few
    assert room.rival(Guest(98, 2)) is None
    assert room.leave(few)
    assert room.rival(asking) is None
    for _ in range(2 * RIVALS):
        room.take(Guest(0, 2))
    last = Guest(0, 8)
    room.take(last)
    found = [room.rival(asking) for _ in range(4)]
    assert last in found and None in found, "few are looked at, others each time"
    assert Room(1000).rival(asking) is None
