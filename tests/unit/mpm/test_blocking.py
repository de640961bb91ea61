"""What a thread that blocks asks of the system for each request, counted; its title."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mpmserver.mpm import blocking
from mpmserver.mpm.blocking import BlockingThread
from tests.unit.mpm.kit import served
from tests.unit.mpm.lines import LineConnection


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


def test_a_request_is_one_receive_and_one_send(tmp_path: Path) -> None:
    with served("prefork", tmp_path / "log", connection=CountedConnection) as server, server.connect() as client:
        server.ask("calls", client)
        server.ask("calls", client)
        for number in range(5):
            server.ask(f"echo {number}", client)
        assert json.loads(server.ask("calls", client)) == {"recv": 6, "sendmsg": 6}


def test_a_new_connection_is_given_its_times_and_no_more(tmp_path: Path) -> None:
    with served("prefork", tmp_path / "log", connection=CountedConnection) as server, server.connect() as client:
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
