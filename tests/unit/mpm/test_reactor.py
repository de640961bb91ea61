"""reactor: the loop is never stopped by what blocks, and a full pool is an answer."""

from __future__ import annotations

import select
import time
from pathlib import Path

import pytest

from mpmserver.http.errors import HTTPError
from mpmserver.net.waits import offload
from tests.unit.mpm.kit import LineConnection, read_line, served, wait_until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_one_thread_answers_everything(log: Path) -> None:
    with served("reactor", log) as server, server.connect() as client:
        assert server.ask("thread", client) == "MainThread"
        assert server.ask("workthread", client) == "MainThread"


def test_the_loop_goes_on_while_the_pool_blocks(log: Path) -> None:
    with served("reactor", log, thread_pool_threads=2) as server:
        blockers = [server.connect() for _each in range(2)]
        for client in blockers:
            client.sendall(b"block 0.5\n")
        begin = time.monotonic()
        with server.connect() as client:
            for _each in range(20):
                assert server.ask("echo x", client) == "x"
        assert time.monotonic() - begin < 0.4
        for client in blockers:
            assert read_line(client) == "blocked 0.5"
            client.close()


class Refusable(LineConnection):
    """Answers 503 as a server would."""

    async def do_try(self, rest: bytes) -> bytes:
        try:
            await offload(time.sleep, float(rest))
        except HTTPError as error:
            return b"%d" % error.status
        return b"200"


def test_a_full_pool_is_a_503(log: Path) -> None:
    settings = {"thread_pool_threads": 1, "thread_pool_queue": 1}
    with served("reactor", log, connection=Refusable, **settings) as server:
        clients = [server.connect() for _each in range(3)]
        for client in clients:
            client.sendall(b"try 0.3\n")
            time.sleep(0.05)
        assert [read_line(client) for client in clients] == ["200", "200", "503"]
        wait_until(lambda: "thread pool is full" in server.log(), "the log line")
        for client in clients:
            client.close()


def test_a_coroutine_that_yields_lets_others_go_first(log: Path) -> None:
    class Long(LineConnection):
        async def do_spin(self, rest: bytes) -> bytes:
            end = time.monotonic() + float(rest)
            while time.monotonic() < end:
                await self.do_later(b"0 x")
            return b"done"

    with served("reactor", log, connection=Long) as server, server.connect() as spinner:
        spinner.sendall(b"spin 1.5\n")
        with server.connect() as client:
            for _each in range(10):
                assert server.ask("echo x", client) == "x"
        assert not select.select([spinner], [], [], 0)[0], "the others had to wait for its end"
        assert read_line(spinner) == "done"
