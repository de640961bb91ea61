"""A loop's turns: who is answered from memory goes first, and coroutines are begun in order, a few in each turn."""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.recall.moment import Moment
from mpmserver.serve.begun import Begun
from mpmserver.serve.outcome import IDLE
from tests.unit.mpm.kit import read_line, served, wait_until
from tests.unit.mpm.lines import LineConnection

LOOPS = ("worker", "event", "reactor")
SECONDS = 0.1
LONG = 0.5
"""No test is stopped for so long that what comes after it would be over, too."""
MANY = 6


class Remembering(LineConnection):
    """Answers one line from memory, by the time; others may take the interpreter for a while."""

    def arrived(self, data: bytes, moment: Moment | None) -> Any:
        if data.startswith(b"guarded "):
            return self._begun(data)
        if data != b"again\n" or moment is None:
            return super().arrived(data, moment)
        self.transport.send_now(b"%f\n" % time.monotonic())
        self.peer.keepalives += 1
        return IDLE

    def _begun(self, data: bytes) -> Begun:
        """An answer that has begun when its coroutine is made."""
        self.buffer += data
        return Begun(self.serve())

    async def do_spin(self, rest: bytes) -> bytes:
        """Say when it is, and take the interpreter; then the line ends."""
        begin = time.monotonic()
        self.transport.send_now(b"%f" % begin)
        while time.monotonic() < begin + float(rest):
            pass
        return b""


def wait_for_the_first(clients: Sequence[socket.socket]) -> None:
    """Until one has the interpreter: then what all have sent has arrived."""
    assert select.select(clients, [], [], 20.0)[0]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.mark.parametrize("mpm", LOOPS)
def test_what_is_remembered_waits_for_one_turn_at_most(mpm: str, log: Path) -> None:
    with served(mpm, log, connection=Remembering, threads_per_child=MANY + 1, max_request_workers=MANY + 1) as server:
        clients = [server.connect() for _each in range(MANY + 1)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        *spinning, asking = clients
        server.freeze()
        for client in spinning:
            client.sendall(f"spin {SECONDS}\n".encode())
        asking.sendall(b"again\n")
        server.signal(signal.SIGCONT)
        said, asked = [], []
        for _each in range(MANY // 2 + 1):
            said.append(float(read_line(asking)))
            asking.sendall(b"again\n")
            asked.append(time.monotonic())
        begun = [float(read_line(client)) for client in spinning]
        for before, after in zip(asked, said[1:], strict=False):
            assert sum(before < each < after for each in begun) <= 1, "it has its answer in the next turn"
        assert begun == sorted(begun), "who came first is begun first"
        assert said[0] < begun[0], "it came last, with all the others"
        for client in clients:
            client.close()
        wait_until(lambda: server.scoreboard.process(0)["connections"] == 0, "all to be let go")
    assert server.log() == ""


@pytest.mark.parametrize("mpm", LOOPS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_an_order_reaches_those_who_have_not_begun(mpm: str, number: signal.Signals, log: Path) -> None:
    with served(mpm, log, connection=Remembering) as server:
        clients = [server.connect() for _each in range(4)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        server.freeze()
        for client in clients:
            client.sendall(f"spin {SECONDS if number == signal.SIGUSR1 else LONG}\n".encode())
        server.signal(signal.SIGCONT)
        wait_for_the_first(clients)
        server.signal(number)
        answered = [read_line(client) != "" for client in clients]
        for client in clients:
            client.close()
        assert server.wait() == 0
        assert all(answered) if number == signal.SIGUSR1 else not all(answered)
    assert server.log() == ""


@pytest.mark.parametrize("mpm", LOOPS)
def test_an_answer_that_has_begun_before_its_coroutine_is_cleaned_up(mpm: str, log: Path, tmp_path: Path) -> None:
    with served(mpm, log, connection=Remembering) as server:
        clients = [server.connect() for _each in range(4)]
        for client in clients:
            assert server.ask("echo 1", client) == "1"
        server.freeze()
        for client in clients[1:]:
            client.sendall(f"spin {LONG}\n".encode())
        clients[0].sendall(b"guarded %b\n" % bytes(tmp_path / "guarded"))
        server.signal(signal.SIGCONT)
        wait_for_the_first(clients[1:])
        server.signal(signal.SIGTERM)
        answered = [read_line(client) != "" for client in clients]
        for client in clients:
            client.close()
        assert server.wait() == 0
    assert not all(answered[1:])
    assert (tmp_path / "guarded").read_text() == "cleaned up"
    assert server.log() == ""
