"""What a thread that blocks asks of the system for each request, counted; its title, and worker's logs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mpmserver.mpm import blocking, worker
from mpmserver.mpm.blocking import BlockingThread
from mpmserver.mpm.worker import LogWriter
from tests.unit.mpm.kit import LineConnection, served


class Counted:
    """A socket that counts the calls of its methods."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._socket, name)


class CountedConnection(LineConnection):
    """`calls` answers what the socket was asked for since the last time."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        transport: Any = self.transport
        self.counted = transport.socket = Counted(transport.socket)

    async def do_calls(self, _rest: bytes) -> bytes:
        calls = dict(self.counted.calls)
        self.counted.calls.clear()
        return json.dumps(calls).encode()


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_a_request_is_one_receive_and_one_send(mpm: str, tmp_path: Path) -> None:
    with served(mpm, tmp_path / "log", connection=CountedConnection) as server, server.connect() as client:
        server.ask("calls", client)
        server.ask("calls", client)
        for number in range(5):
            server.ask(f"echo {number}", client)
        assert json.loads(server.ask("calls", client)) == {"recv": 6, "sendmsg": 6}


@pytest.mark.parametrize("mpm", ["prefork", "worker"])
def test_a_new_connection_is_given_its_times_and_no_more(mpm: str, tmp_path: Path) -> None:
    with served(mpm, tmp_path / "log", connection=CountedConnection) as server, server.connect() as client:
        calls = json.loads(server.ask("calls", client))
    assert calls["setsockopt"] == 1
    assert "setblocking" not in calls


def test_the_title_follows_a_second_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing it for each connection would cost more than the connection: it stays busy until nobody comes."""
    thread = BlockingThread.__new__(BlockingThread)
    shown: list[int] = []
    thread._show_busy, thread._shown = shown.append, False
    for _connection in range(3):
        thread._show(True)
    thread._show(False)
    thread._show(False)
    thread._show(True)
    assert shown == [1, 0, 1]
    assert blocking.TITLE_SECONDS >= 1


class Sinks:
    """A child that counts how often its logs were written."""

    def __init__(self) -> None:
        self.flushed = 0

    def flush_logs(self) -> None:
        self.flushed += 1


def log_writer(monkeypatch: pytest.MonkeyPatch) -> tuple[LogWriter, Any]:
    monkeypatch.setattr(worker, "LOG_SECONDS", 0)
    child: Any = Sinks()
    return LogWriter(child), child


def test_one_write_is_for_all_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, child = log_writer(monkeypatch)
    for _each in range(10):
        writer.ask()
    assert child.flushed == 0
    writer.write()
    assert child.flushed == 1
    writer.ask()
    writer.write()
    assert child.flushed == 2


def test_who_asks_while_it_is_written_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, child = log_writer(monkeypatch)
    asked_anew: list[bool] = []

    def flush() -> None:
        child.flushed += 1
        writer.ask()
        asked_anew.append(writer._asked)

    child.flush_logs = flush
    writer.ask()
    writer.write()
    writer.write()
    assert asked_anew == [True, True]


def test_when_the_writer_has_left_each_writes_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, child = log_writer(monkeypatch)
    writer.ask()
    writer.leave()
    assert child.flushed == 1
    writer.ask()
    writer.ask()
    assert child.flushed == 3
