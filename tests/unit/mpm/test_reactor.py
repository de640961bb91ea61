"""reactor: the loop is never stopped by what blocks, and a full pool is an answer."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from mpmserver.http.errors import HTTPError
from tests.unit.mpm.kit import read_line, served, wait_until
from tests.unit.mpm.lines import SECONDS, LineConnection


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
            server.hold("stay 1", client)
        with server.connect() as client:
            for _each in range(20):
                assert server.ask("echo x", client) == "x"
        server.open_gate()
        for client in blockers:
            assert read_line(client) == "1"
            client.close()


class Refusable(LineConnection):
    """Answers 503 as a server would."""

    async def do_try(self, rest: bytes) -> bytes:
        try:
            return await self.do_stay(rest)
        except HTTPError as error:
            return b"%d" % error.status


def test_a_full_pool_is_a_503(log: Path) -> None:
    settings = {"thread_pool_threads": 1, "thread_pool_queue": 1}
    with served("reactor", log, connection=Refusable, **settings) as server:
        running, *others = [server.connect() for _each in range(3)]
        server.hold("try 200", running)
        for client in others:
            client.sendall(b"try 200\n")
        refused = select.select(others, [], [], SECONDS)[0]
        assert [read_line(client) for client in refused] == ["503"]
        server.open_gate()
        assert read_line(running) == "200"
        assert [read_line(client) for client in others if client not in refused] == ["held 200"]
        wait_until(lambda: "thread pool is full" in server.log(), "the log line")
        for client in (running, *others):
            client.close()


def test_a_coroutine_that_yields_lets_others_go_first(log: Path) -> None:
    class Long(LineConnection):
        async def do_spin(self, rest: bytes) -> bytes:
            while not select.select([self.gate], [], [], 0)[0]:
                await self.do_later(b"0 x")
            return b"done"

    with served("reactor", log, connection=Long) as server, server.connect() as spinner:
        spinner.sendall(b"spin\n")
        with server.connect() as client:
            for _each in range(10):
                assert server.ask("echo x", client) == "x"
        server.open_gate()
        assert read_line(spinner) == "done"
