"""The scoreboard: what one process writes another reads, under an older or newer layout too."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Iterator

import pytest

from mpmserver.core import scoreboard as board_module
from mpmserver.core.scoreboard import (
    ABSENT,
    CLOSING,
    DEAD,
    KEEPALIVE,
    MAGIC,
    PROCESS_FIELDS,
    READING,
    READY,
    RECALL_FIELDS,
    RUNNING,
    STARTED,
    STARTING,
    STATUS_LETTERS,
    WRITING,
    Scoreboard,
    Totals,
)


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    board = Scoreboard.create(3, 4, 7)
    yield board
    board.close()


def test_status_letters_are_apaches() -> None:
    values = [
        board_module.DEAD, board_module.STARTING, board_module.READY, board_module.READING, board_module.WRITING,
        board_module.KEEPALIVE, board_module.LOGGING, board_module.DNS, board_module.CLOSING, board_module.GRACEFUL,
        board_module.IDLE_KILL,
    ]  # fmt: skip
    assert "".join(map(chr, values)) == STATUS_LETTERS


def test_a_request_is_seen_by_a_reader(board: Scoreboard) -> None:
    worker = board.worker(1, 2)
    before = time.time_ns() // 1000
    worker.request(b"192.0.2.7", b"www.example.com", b"GET / HTTP/1.1")
    view = board.worker_view(1, 2)
    assert view.letter == "W"
    assert view.texts == {"client": "192.0.2.7", "vhost": "www.example.com", "request": "GET / HTTP/1.1"}
    assert before <= view["start_time"] <= time.time_ns() // 1000
    worker.done(512, 1500)
    worker.done(100, 500)
    view = board.worker_view(1, 2)
    assert (view["access_count"], view["bytes_served"], view["duration"], view["last_duration"]) == (2, 612, 2000, 500)
    assert view["stop_time"] >= view["start_time"]


def test_neighbours_are_untouched(board: Scoreboard) -> None:
    board.worker(1, 1).request(b"x" * 500, b"y" * 500, b"z" * 5000)
    board.worker(1, 1).done(1, 1)
    for process in range(3):
        for thread in range(4):
            if (process, thread) != (1, 1):
                view = board.worker_view(process, thread)
                assert set(view.values.values()) == {0}
                assert set(view.texts.values()) == {""}
    assert all(set(view.values.values()) == {0} for view in board.processes_view())


def test_texts_are_cut_to_their_field(board: Scoreboard) -> None:
    board.worker(0, 0).request(b"c" * 500, b"", b"\xff\xfe GET")
    texts = board.worker_view(0, 0).texts
    assert texts["client"] == "c" * 64
    assert texts["request"].endswith(" GET")


def test_a_new_child_keeps_the_totals_of_its_slot(board: Scoreboard) -> None:
    worker = board.worker(0, 0)
    worker.done(10, 20)
    board.claim(0, 1234)
    worker.start()
    view = board.worker_view(0, 0)
    assert (view["access_count"], view["my_access_count"], view["conn_count"]) == (1, 0, 0)
    assert view["status"] == STARTING


def test_connection_counters_start_again(board: Scoreboard) -> None:
    worker = board.worker(0, 0)
    worker.done(10, 1)
    worker.connected()
    worker.done(5, 1)
    view = board.worker_view(0, 0)
    assert (view["conn_count"], view["conn_bytes"], view["my_bytes_served"]) == (1, 5, 15)


def test_what_was_answered_from_memory_is_seen_after_show(board: Scoreboard) -> None:
    worker = board.worker(0, 1)
    worker.connected()
    worker.remembered(b"192.0.2.1", b"a:80", b"GET /1 HTTP/1.1", 100)
    worker.remembered(b"192.0.2.2", b"a:80", b"GET /2 HTTP/1.1", 20)
    assert board.worker_view(0, 1)["access_count"] == 0
    worker.show(1_700_000_000)
    view = board.worker_view(0, 1)
    assert [view[name] for name in ("access_count", "bytes_served", "my_access_count", "conn_count")] == [2, 120, 2, 2]
    assert (view["status"], view["duration"], view.texts["request"]) == (KEEPALIVE, 0, "GET /2 HTTP/1.1")
    assert view["start_time"] == view["stop_time"] == 1_700_000_000_000_000
    worker.show(1_700_000_001)
    assert board.worker_view(0, 1).values == view.values


def test_what_is_answered_from_memory_counts_in_all_totals(board: Scoreboard) -> None:
    worker = board.worker(0, 1)
    worker.done(10, 7)
    worker.connected()
    for second in (1_700_000_000, 1_700_000_000, 1_700_000_001):
        worker.remembered(b"192.0.2.1", b"a:80", b"GET /1 HTTP/1.1", 100)
        worker.show(second)
        assert board.worker_view(0, 1)["stop_time"] == second * 1_000_000
    names = ("access_count", "bytes_served", "my_access_count", "my_bytes_served", "conn_count", "conn_bytes")
    seen = [board.worker_view(0, 1)[name] for name in names]
    assert seen == [4, 310, 4, 310, 3, 300]
    assert (board.own_totals().accesses, board.own_totals().bytes_served) == (4, 310)
    again = board.worker(0, 1)
    again.busy(READING)
    assert [board.worker_view(0, 1)[name] for name in names] == seen
    again.done(5, 1)
    again.connected()
    assert [board.worker_view(0, 1)[name] for name in names] == [5, 315, 5, 315, 0, 0]
    again.start()
    assert [board.worker_view(0, 1)[name] for name in names] == [5, 315, 0, 0, 0, 0]


def test_a_request_shows_those_from_memory_before_it(board: Scoreboard) -> None:
    worker = board.worker(0, 1)
    worker.remembered(b"192.0.2.1", b"a:80", b"GET /1 HTTP/1.1", 100)
    worker.request(b"192.0.2.1", b"a:80", b"GET /status HTTP/1.1")
    view = board.worker_view(0, 1)
    assert (view["access_count"], view["bytes_served"], view.letter) == (1, 100, "W")
    worker.busy(CLOSING)
    worker.show(1_700_000_000)
    assert board.worker_view(0, 1).letter == "C"


def test_a_slot_goes_on_with_the_counts_on_the_board(board: Scoreboard) -> None:
    board.worker(0, 1).done(10, 1)
    board.worker(0, 1).done(20, 2)
    again = board.worker(0, 1)
    again.connected()
    again.done(1, 1)
    view = board.worker_view(0, 1)
    totals = ("access_count", "bytes_served", "duration", "my_access_count", "my_bytes_served")
    assert [view[name] for name in (*totals, "conn_count", "conn_bytes")] == [3, 31, 4, 3, 31, 1, 1]


def test_a_process_tells_what_it_has_in_memory(board: Scoreboard) -> None:
    board.process(1)["cpu_system"] = 9
    board.process(1).recalled(1, 2, 3, 4)
    view = board.process_view(1)
    assert [view[name] for name in RECALL_FIELDS] == [1, 2, 3, 4]
    assert view["cpu_system"] == 9
    assert board.process_view(2)["pid"] == 0


def test_claim_and_release(board: Scoreboard) -> None:
    board.claim(2, 4711)
    view = board.process_view(2)
    assert (view["pid"], view["state"], view["generation"]) == (4711, STARTED, 7)
    board.process(2)["state"] = RUNNING
    board.process(2).connections(9, 1, 5, 2)
    view = board.process_view(2)
    assert [view[name] for name in ("connections", "write_completion", "keep_alive", "lingering")] == [9, 1, 5, 2]
    board.worker(2, 0).busy(WRITING)
    board.release(2)
    assert board.process_view(2)["state"] == ABSENT
    assert board.statuses(2) == bytes([DEAD]) * 4


def test_statuses(board: Scoreboard) -> None:
    board.worker(1, 0).busy(READY)
    board.worker(1, 3).busy(WRITING)
    assert board.statuses(1) == b"_..W"


@pytest.mark.parametrize("where", [(-1, 0), (3, 0), (0, 4), (0, -1)])
def test_slots_out_of_range(board: Scoreboard, where: tuple[int, int]) -> None:
    with pytest.raises(IndexError):
        board.worker(*where)


def test_a_forked_child_writes_what_the_parent_reads(board: Scoreboard) -> None:
    pid = os.fork()
    if not pid:
        try:
            board.worker(2, 3).done(99, 1)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert board.worker_view(2, 3)["bytes_served"] == 99


def test_attach_reads_what_another_image_made(board: Scoreboard) -> None:
    board.worker(1, 1).done(7, 8)
    other = Scoreboard.attach(os.dup(board.fd))
    assert (other.processes, other.threads, other.generation) == (3, 4, 7)
    assert other.own_totals() == Totals(1, 7, 8)
    other.close()


def test_attach_refuses_what_is_no_board() -> None:
    fd = os.memfd_create("no board")
    os.write(fd, b"x" * 64)
    with pytest.raises(ValueError, match="not a scoreboard"):
        Scoreboard.attach(fd)
    os.close(fd)


def test_a_board_of_another_version_is_read_by_its_own_description() -> None:
    """A future program has other fields in another order: what we know by name is found, the rest is 0."""
    layout = {
        "processes": 1, "threads": 1, "generation": 3, "global": ["future", "base_accesses"],
        "process": ["state", "future", "pid"], "worker": ["future", "bytes_served", "status"],
        "text": [["request", 16], ["future", 8]],
    }  # fmt: skip
    header = json.dumps(layout).encode()
    fd = os.memfd_create("future board")
    os.truncate(fd, 4096 + 16 + 24 + 24 + 24)
    os.pwrite(fd, struct.pack("8sQ", MAGIC, len(header)) + header, 0)
    os.pwrite(fd, struct.pack("2Q", 1, 5), 4096)
    os.pwrite(fd, struct.pack("3Q", RUNNING, 9, 4711), 4096 + 16)
    os.pwrite(fd, struct.pack("3Q16s8s", 1, 77, WRITING, b"GET /", b"new"), 4096 + 40)
    board = Scoreboard.attach(fd)
    assert board.process_view(0)["pid"] == 4711
    assert board.process_view(0)["quiescing"] == 0
    assert board.own_totals() == Totals(5, 77, 0)
    assert board.statuses(0) == b"W"
    assert board.worker_view(0, 0).texts["request"] == "GET /"
    assert board.get_global("restart_time") == 0
    board.release(0)
    assert board.process_view(0)["state"] == ABSENT
    assert board.process_view(0)["future"] == 9
    assert board.statuses(0) == b"."
    board.close()


def test_totals_over_generations_count_everything_once(board: Scoreboard) -> None:
    older = Scoreboard.create(1, 1, 6)
    older.worker(0, 0).done(100, 10)
    board.older = (older,)
    board.worker(0, 0).done(1, 2)
    assert board.totals() == Totals(2, 101, 12)
    board.fold(older)
    assert board.generations() == (board,)
    assert board.totals() == Totals(2, 101, 12)
    older.close()


def test_process_fields_are_words(board: Scoreboard) -> None:
    slot = board.process(0)
    for value, name in enumerate(PROCESS_FIELDS):
        slot[name] = value
    assert [slot[name] for name in PROCESS_FIELDS] == list(range(len(PROCESS_FIELDS)))
