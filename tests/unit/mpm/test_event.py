"""event: which thread does what, Apache's arithmetic of connections, and its counts in the scoreboard."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.core.scoreboard import READY, Scoreboard
from mpmserver.mpm.event import EventLoop
from mpmserver.net.waits import offload
from tests.unit.mpm.kit import Served, read_line, served, wait_until
from tests.unit.mpm.lines import LineConnection


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def connections(server: Served) -> tuple[int, int, int, int]:
    process = server.scoreboard.process(0)
    return tuple(process[name] for name in ("connections", "write_completion", "keep_alive", "lingering"))  # type: ignore[return-value]


def busy_workers(server: Served, threads: int = 4) -> int:
    return sum(status != READY for status in server.scoreboard.statuses(0)[:threads])


def test_the_listener_answers_and_workers_do_what_blocks(log: Path) -> None:
    with served("event", log) as server, server.connect() as client:
        assert server.ask("thread", client) == "MainThread"
        assert server.ask("workthread", client).startswith("worker ")
        assert server.ask("thread", client) == "MainThread", "a new request begins with the listener"


def test_keep_alive_connections_whose_requests_come_all_at_once_are_answered(log: Path) -> None:
    figures = {"threads_per_child": 1, "max_request_workers": 1, "async_request_worker_factor": 1000.0}
    with served("event", log, **figures) as server:
        clients = [server.connect() for _each in range(300)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        server.freeze()
        for number, client in enumerate(clients):
            client.sendall(f"work {number}\n".encode())
        server.signal(signal.SIGCONT)
        for number, client in enumerate(clients):
            assert read_line(client) == str(number)
            client.close()
        wait_until(lambda: connections(server) == (0, 0, 0, 0), "all to be let go, each once")
        assert server.ask("work after") == "after"
    assert server.log() == ""


def test_a_slow_reader_holds_no_worker(log: Path) -> None:
    with served("event", log, async_request_worker_factor=20.0) as server:
        clients = [server.connect(receive_buffer=4096) for _each in range(6)]
        for client in clients:
            client.sendall(b"workbig 5000000\n")
        wait_until(lambda: connections(server)[1] == 6, "all six to be in write completion")
        wait_until(lambda: busy_workers(server) == 0, "the workers to be free")
        assert server.ask("workthread").startswith("worker ")
        for client in clients:
            assert len(read_line(client)) == 5_000_000
            client.close()


def test_what_may_block_goes_on_with_a_worker_after_it_was_parked(log: Path) -> None:
    class Told(LineConnection):
        async def do_both(self, rest: bytes) -> bytes:
            first = await self.do_workthread(b"")
            await self.transport.send([b"x" * 5_000_000], 5.0)
            return first + b" " + await self.do_thread(b"")

    with served("event", log, connection=Told) as server, server.connect(receive_buffer=4096) as client:
        client.sendall(b"both\n")
        wait_until(lambda: connections(server)[1] == 1, "the write to be parked")
        first, second = read_line(client).lstrip("x").rsplit("worker", 1)
        assert first.startswith("worker")
        assert second.strip().isdigit()


def test_what_has_a_function_called_goes_on_with_the_listener(log: Path) -> None:
    class Told(LineConnection):
        async def do_called(self, rest: bytes) -> bytes:
            called = await offload(threading.current_thread)
            return called.name.encode() + b", " + await self.do_thread(rest)

    with served("event", log, connection=Told) as server, server.connect() as client:
        called, went_on = server.ask("called", client).split(", ")
        assert called.startswith("worker ")
        assert went_on == "MainThread"
        wait_until(lambda: busy_workers(server) == 0, "the worker to be free")


def test_a_script_blocks_a_worker_only_after_work(log: Path) -> None:
    with served("event", log) as server:
        clients = [server.connect() for _each in range(4)]
        for client in clients:
            client.sendall(b"pipe 0.3 x\n")
        time.sleep(0.1)
        assert busy_workers(server) == 0, "a pipe is waited for by the listener"
        for client in clients:
            assert read_line(client) == "x"
            client.close()


def test_with_no_idle_worker_nothing_is_accepted_and_keep_alives_are_shed(log: Path) -> None:
    with served("event", log, async_request_worker_factor=20.0) as server:
        idle = server.connect()
        assert server.ask("echo 1", idle) == "1"
        blockers = [server.connect() for _each in range(5)]
        for client in blockers:
            assert server.ask("echo 2", client) == "2", "accepted while there are idle workers"
        for client in blockers[:4]:
            server.hold("stay 1", client)
        wait_until(lambda: busy_workers(server) == 4, "all workers to be busy")
        late = server.connect()
        late.sendall(b"echo late\n")
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.recv(1)
        wait_until(lambda: server.scoreboard.process(0)["not_accepting"] == 1, "no more to be accepted")
        blockers[4].sendall(b"stay 1\n")
        assert idle.recv(100) == b"", "idle connections are closed when a request finds no worker"
        server.open_gate()
        late.settimeout(5)
        assert read_line(late) == "late"
        for client in (*blockers, idle, late):
            client.close()
        wait_until(lambda: connections(server) == (0, 0, 0, 0), "all to be gone")


def test_the_limit_of_connections(log: Path) -> None:
    """ThreadsPerChild 4 + AsyncRequestWorkerFactor 0.5 * 4 idle workers = 6."""
    with served("event", log, async_request_worker_factor=0.5) as server:
        clients = [server.connect() for _each in range(6)]
        for number, client in enumerate(clients):
            assert server.ask(f"echo {number}", client) == str(number)
        seventh = server.connect()
        seventh.sendall(b"echo 7\n")
        seventh.settimeout(0.2)
        with pytest.raises(TimeoutError):
            seventh.recv(1)
        clients.pop().close()
        seventh.settimeout(5)
        assert read_line(seventh) == "7"
        for client in (*clients, seventh):
            client.close()


@pytest.mark.parametrize("mpm", ["event", "reactor"])
def test_connections_are_counted_by_what_they_wait_for(mpm: str, log: Path) -> None:
    with served(mpm, log, async_request_worker_factor=20.0) as server:
        clients = [server.connect(receive_buffer=4096) for _each in range(4)]
        server.ask("echo 1", clients[0])
        clients[1].sendall(b"big 5000000\n")
        server.ask("quit 1", clients[2])
        wait_until(lambda: connections(server) == (4, 1, 1, 1), "one of each kind")
        clients[2].shutdown(socket.SHUT_WR)
        wait_until(lambda: connections(server) == (3, 1, 1, 0), "the lingering one to be gone")
        for client in clients:
            client.close()
        wait_until(lambda: connections(server) == (0, 0, 0, 0), "all to be gone")


def test_a_seat_that_gets_free_shows_what_was_answered_from_memory() -> None:
    """A loop shows that of its own entry only, at the end of each turn."""
    board = Scoreboard.create(1, 2, 1)
    loop = EventLoop.__new__(EventLoop)
    loop.slot, seat = board.worker(0, 1), board.worker(0, 0)
    loop._free, loop._standing, loop._handed = deque(), deque(), 1
    seat.remembered(b"127.0.0.1", b"host:80", b"GET /large HTTP/1.1", 1000)
    assert board.worker_view(0, 0)["access_count"] == 0
    task: Any = SimpleNamespace(connection=SimpleNamespace(worker=seat))
    loop._stand_up(task)
    shown = board.worker_view(0, 0)
    assert (shown["access_count"], shown["bytes_served"], shown["status"]) == (1, 1000, READY)
    assert task.connection.worker is loop.slot
    assert list(loop._free) == [seat]
    board.close()


def test_the_arithmetic() -> None:
    loop = EventLoop.__new__(EventLoop)
    loop._threads, loop._handed = 25, 5
    assert loop.idle_workers == 20
    assert loop.busy() == 5
    loop._handed = 30
    assert loop.idle_workers == -5
    assert loop.busy() == 25
