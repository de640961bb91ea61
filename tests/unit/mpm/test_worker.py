"""worker: a connection has its seat from accept() to its end, and a thread only while it blocks."""

from __future__ import annotations

import signal
import socket
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.recall.moment import Moment
from mpmserver.core.scoreboard import DEAD, KEEPALIVE, READING, READY
from mpmserver.mpm.worker import WorkerLoop
from mpmserver.serve.outcome import IDLE
from tests.unit.mpm.kit import Served, read_line, served, wait_until
from tests.unit.mpm.lines import LineConnection

THREADS = 4


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def seats(server: Served) -> bytes:
    return server.scoreboard.statuses(0)[:THREADS]


def taken(server: Served) -> int:
    return sum(status not in (READY, DEAD) for status in seats(server))


def full(server: Served) -> list[socket.socket]:
    """As many connections as there are seats, all kept alive."""
    clients = [server.connect() for _each in range(THREADS)]
    for client in clients:
        assert server.ask("echo 1", client) == "1"
    return clients


def waits(client: socket.socket) -> bool:
    """Whether there is no answer for a while."""
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        client.settimeout(10)
        return True
    return False


def test_only_what_blocks_goes_to_a_thread(log: Path) -> None:
    with served("worker", log) as server, server.connect() as client:
        assert server.ask("thread", client) == "MainThread"
        assert server.ask("workthread", client).startswith("worker ")
        assert server.ask("thread", client) == "MainThread", "a new request begins with the listener"


@pytest.mark.parametrize("holds", ["kept alive", "silent", "lingering", "slow reader", "blocked"])
def test_no_more_connections_are_taken_than_there_are_seats(log: Path, holds: str) -> None:
    with served("worker", log) as server:
        clients = [server.connect(receive_buffer=4096) for _each in range(THREADS)]
        for client in clients:
            if holds == "kept alive":
                assert server.ask("echo 1", client) == "1"
            elif holds == "lingering":
                assert server.ask("quit 1", client) == "1"
            elif holds != "silent":
                client.sendall(b"workbig 5000000\n" if holds == "slow reader" else b"block 1\n")
        wait_until(lambda: taken(server) == THREADS, "all seats to be taken")
        wait_until(lambda: server.scoreboard.process(0)["not_accepting"] == 1, "no more to be accepted")
        late = server.connect()
        late.sendall(b"echo late\n")
        assert waits(late)
        assert server.scoreboard.process(0)["connections"] == THREADS
        clients.pop().close()
        assert read_line(late) == "late"
        for client in (*clients, late):
            client.close()
        wait_until(lambda: seats(server) == bytes([READY]) * THREADS, "all seats to be free")


def test_who_came_together_is_seated_as_seats_become_free(log: Path) -> None:
    with served("worker", log) as server:
        clients = full(server)
        clients.pop().close()
        wait_until(lambda: taken(server) == THREADS - 1, "one seat to be free")
        server.freeze()
        late = [server.connect() for _each in range(3)]
        for client in late:
            client.sendall(b"echo late\n")
        server.signal(signal.SIGCONT)
        for client in late:
            assert read_line(client) == "late"
            client.close()
        for client in clients:
            client.close()


def test_nobody_is_admitted_without_a_seat(log: Path) -> None:
    """Two came to two listeners in the same turn: the second is left to others, or until a seat is free."""
    loop = WorkerLoop.__new__(WorkerLoop)
    loop._free = deque()
    assert loop.admit(None) is None  # type: ignore[arg-type]


def test_every_seat_shows_what_its_connection_does(log: Path) -> None:
    with served("worker", log) as server:
        silent, works = server.connect(), server.connect()
        wait_until(lambda: taken(server) == 2, "both to have a seat")
        assert sorted(seats(server)) == sorted([READING, READING, READY, READY])
        works.sendall(b"block 0.3\n")
        assert read_line(works) == "blocked 0.3"
        silent.close()
        wait_until(lambda: taken(server) == 1, "a seat to be free")
        works.close()
        wait_until(lambda: taken(server) == 0, "both to be free")


def test_those_who_block_keep_nobody_waiting_who_has_a_seat(log: Path) -> None:
    with served("worker", log) as server:
        clients = full(server)
        for client in clients[:3]:
            server.hold("stay 1", client)
        assert server.ask("echo meanwhile", clients[3]) == "meanwhile"
        assert server.ask("workthread", clients[3]).startswith("worker "), "a thread for each seat"
        server.open_gate()
        assert [read_line(client) for client in clients[:3]] == ["1"] * 3
        for client in clients:
            client.close()


def test_seats_are_gone_when_the_process_leaves(log: Path) -> None:
    with served("worker", log) as server:
        clients = full(server)
        server.hold("hold done", clients[0])
        server.signal(signal.SIGUSR1)
        wait_until(lambda: seats(server).count(DEAD) == THREADS - 1, "those that are free to be gone")
        server.open_gate()
        assert read_line(clients[0]) == "done"
        for client in clients:
            client.close()
        assert server.wait() == 0


def test_who_fails_gives_its_seat_back(log: Path) -> None:
    class Brief(LineConnection):
        first_seconds = 0.1

    with served("worker", log, connection=Brief) as server:
        for _each in range(2 * THREADS):
            assert server.ask("fail") == ""
            with server.connect() as silent:
                assert read_line(silent) == "expired"
        assert server.log().count("RuntimeError: failed") == 2 * THREADS
        wait_until(lambda: taken(server) == 0, "all seats to be free")


def test_an_answer_from_memory_is_shown_in_its_seat_at_once(log: Path) -> None:
    class Remembering(LineConnection):
        def arrived(self, data: bytes, moment: Moment | None) -> Any:
            if data != b"again\n" or moment is None:
                return super().arrived(data, moment)
            self.transport.send_now(data)
            self.worker.remembered(b"client", b"host", b"line", len(data))
            self.peer.keepalives += 1
            return IDLE

    with served("worker", log, connection=Remembering) as server, server.connect() as one, server.connect() as other:
        for _each in range(3):
            assert server.ask("again", one) == "again"
        assert server.ask("again", other) == "again"
        wait_until(lambda: counts(server) == [0, 0, 1, 3], "all to be counted, each where its connection sits")
        assert seats(server).count(KEEPALIVE) == 2


def counts(server: Served) -> list[int]:
    return sorted(server.scoreboard.worker_view(0, thread)["my_access_count"] for thread in range(THREADS))
