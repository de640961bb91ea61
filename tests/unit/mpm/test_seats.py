"""event's seats: the listener drives what takes long without blocking, counted as a worker that is busy."""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from mpmserver.core.scoreboard import READY, WRITING
from mpmserver.net.waits import seat, work
from tests.unit.mpm.kit import Served, read_line, served, wait_until
from tests.unit.mpm.lines import AT_ONCE, HELD, LineConnection

THREADS = 4
MPMS = ["prefork", "worker", "event", "reactor"]


class Seated(LineConnection):
    """Says that what follows takes long, then waits as a script is waited for."""

    async def do_seat(self, rest: bytes) -> bytes:
        await seat()
        return await self.do_pipe(rest)

    async def do_seathold(self, rest: bytes) -> bytes:
        await seat()
        return await self.do_hold(rest)

    async def do_seatthread(self, rest: bytes) -> bytes:
        self.worker.busy(WRITING)
        await seat()
        await self.do_hold(rest)
        return threading.current_thread().name.encode()

    async def do_seatwork(self, rest: bytes) -> bytes:
        await seat()
        await work()
        await self.do_hold(rest)
        return threading.current_thread().name.encode()

    async def do_seatblock(self, rest: bytes) -> bytes:
        await seat()
        return await self.do_stay(rest)

    async def do_seattwice(self, rest: bytes) -> bytes:
        await seat()
        return await self.do_seat(rest)

    async def do_seatbig(self, rest: bytes) -> bytes:
        await seat()
        return b"x" * int(rest)

    async def do_seatfail(self, rest: bytes) -> bytes:
        await seat()
        raise RuntimeError("failed in its seat")

    async def do_standguarded(self, rest: bytes) -> bytes:
        """Says that it finds no seat; when it is told to stop it says so in a file."""
        self.transport.send_now(HELD)
        try:
            await seat()
        finally:
            Path(rest.decode()).write_text("cleaned up")
        return b""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def busy(server: Served) -> int:
    return sum(status != READY for status in server.scoreboard.statuses(0)[:THREADS])


def ask_all(clients: list[socket.socket], line: str) -> None:
    for number, client in enumerate(clients):
        client.sendall(f"{line} {number}\n".encode())


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("line", ["seat 0.05 x", "seattwice 0.05 x"])
def test_a_seat_changes_no_answer(mpm: str, line: str, log: Path) -> None:
    with served(mpm, log, connection=Seated) as server, server.connect() as client:
        assert [server.ask(line, client) for _each in range(2)] == ["x", "x"]
        assert server.ask("echo after", client) == "after"
    assert server.log() == ""


def test_the_listener_drives_it_in_a_seat_until_it_is_answered(log: Path) -> None:
    with served("event", log, connection=Seated) as server, server.connect() as client:
        server.hold("seatthread", client)
        wait_until(lambda: busy(server) == 1, "a seat to be taken")
        # what has a seat is not the listener's work as well
        wait_until(lambda: server.scoreboard.statuses(0)[-1] == READY, "the listener to have no work")
        assert server.ask("echo meanwhile") == "meanwhile"
        assert busy(server) == 1
        server.open_gate()
        assert read_line(client) == "MainThread"
        wait_until(lambda: busy(server) == 0, "the seat to be free")
        assert server.ask("seattwice 0 x", client) == "x"
        wait_until(lambda: busy(server) == 0, "the one seat to be free")


def test_whoever_finds_no_seat_stands_in_line_and_nobody_is_accepted(log: Path) -> None:
    with served("event", log, connection=Seated, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(2 * THREADS)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        ask_all(clients, "seathold")
        wait_until(lambda: busy(server) == THREADS, "all seats to be taken")
        wait_until(lambda: server.scoreboard.process(0)["not_accepting"] == 1, "no more to be accepted")
        seated = select.select(clients, [], [], 0.1)[0]
        assert len(seated) <= THREADS, "no more at a time than there are seats"
        server.open_gate()
        assert [read_line(client) for client in clients] == [f"held {number}" for number in range(2 * THREADS)]
        wait_until(lambda: busy(server) == 0, "all seats to be free")
        assert server.ask("echo after") == "after"
        for client in clients:
            client.close()


def test_seats_are_those_of_the_threads(log: Path) -> None:
    """A thread that blocks takes a seat from those who don't, and the other way round: who came first is first."""
    with served("event", log, connection=Seated, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(THREADS + 2)]
        wait_until(lambda: server.scoreboard.process(0)["connections"] == THREADS + 2, "all to be accepted")
        ask_all(clients[:THREADS], "seathold")
        wait_until(lambda: busy(server) == THREADS, "all seats to be taken")
        clients[THREADS].sendall(b"workthread\n")
        time.sleep(0.05)
        clients[THREADS + 1].sendall(b"seat 0 x\n")
        clients[THREADS].settimeout(0.1)
        with pytest.raises(TimeoutError):
            clients[THREADS].recv(1)
        server.open_gate()
        clients[THREADS].settimeout(10)
        assert read_line(clients[THREADS]).startswith("worker ")
        assert read_line(clients[THREADS + 1]) == "x"
        for client in clients:
            client.close()


@pytest.mark.parametrize(("line", "answer"), [("seatwork", "worker "), ("seatblock x", "x")])
def test_what_blocks_after_all_keeps_its_seat(line: str, answer: str, log: Path) -> None:
    with served("event", log, connection=Seated) as server, server.connect() as client:
        server.hold(line, client)
        seen = set()
        for _each in range(50):
            seen.add(busy(server))
            time.sleep(0.001)
        assert seen == {1}
        server.open_gate()
        assert read_line(client).startswith(answer)
        wait_until(lambda: busy(server) == 0, "the seat to be free")


def test_a_slow_reader_gives_its_seat_up(log: Path) -> None:
    with served("event", log, connection=Seated, async_request_worker_factor=20.0) as server:
        clients = [server.connect(receive_buffer=4096) for _each in range(THREADS + 2)]
        for client in clients:
            client.sendall(b"seatbig 5000000\n")
        wait_until(lambda: server.scoreboard.process(0)["write_completion"] == THREADS + 2, "all to be written")
        wait_until(lambda: busy(server) == 0, "the seats to be free")
        assert server.ask("seat 0 x") == "x"
        for client in clients:
            assert len(read_line(client)) == 5_000_000
            client.close()


def test_who_fails_or_leaves_gives_its_seat_up(log: Path) -> None:
    with served("event", log, connection=Seated) as server:
        for _each in range(2 * THREADS):
            assert server.ask("seatfail") == ""
        assert server.log().count("RuntimeError: failed in its seat") == 2 * THREADS
        clients = [server.connect() for _each in range(THREADS)]
        ask_all(clients, "seathold")
        wait_until(lambda: busy(server) == THREADS, "all seats to be taken")
        for client in clients:
            client.close()
        assert server.ask("seat 0 x") == "x"
        wait_until(lambda: busy(server) == 0, "the seats to be free")


def test_a_graceful_stop_lets_those_who_stand_have_their_turn(log: Path) -> None:
    with served("event", log, connection=Seated, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(THREADS + 3)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        ask_all(clients, "seathold")
        wait_until(lambda: busy(server) == THREADS, "all seats to be taken")
        server.signal(signal.SIGUSR1)
        server.open_gate()
        for number, client in enumerate(clients):
            assert read_line(client) == f"held {number}"
            client.close()
        assert server.wait() == 0
    assert server.log() == ""


def test_a_stop_at_once_cleans_up_behind_those_who_sit_and_those_who_stand(log: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with served("event", log, connection=Seated, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(THREADS + 1)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        ask_all(clients[:THREADS], "seathold")
        wait_until(lambda: busy(server) == THREADS, "all seats to be taken")
        server.hold(f"standguarded {marker}", clients[-1])
        before = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - before < AT_ONCE
        for client in clients:
            client.close()
    assert marker.exists()
    assert server.log() == ""
