"""A file that is not in memory is read where it stops nobody before it is sent."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from mpmserver.net import transport
from mpmserver.net.transport import SENDFILE_CHUNK, PlainTransport
from mpmserver.net.waits import Offload

SIZE = 3 * SENDFILE_CHUNK // 2
"""A chunk and a half."""


def _send(path: Path, blocking: bool) -> tuple[bytes, list[Any]]:
    """Send a file over a pair of sockets; what arrived, and the waits on the way (each answered)."""
    ours, theirs = socket.socketpair()
    waits: list[Any] = []
    arrived = bytearray()
    theirs.setblocking(False)
    with ours, theirs, path.open("rb") as file:
        coroutine = PlainTransport(ours, blocking).sendfile(file.fileno(), 0, SIZE, 5.0)
        try:
            while True:
                wait = coroutine.send(None)
                waits.append(wait)
                if isinstance(wait, Offload):
                    wait.function()
                else:
                    arrived += theirs.recv(1 << 22)
        except StopIteration as end:
            sent = end.value
        while len(arrived) < SIZE:
            arrived += theirs.recv(1 << 22)
    assert sent == SIZE
    return bytes(arrived), waits


@pytest.mark.parametrize("cold", [True, False])
def test_the_loops_read_a_cold_file_elsewhere(tmp_path: Path, cold: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    monkeypatch.setattr(transport, "_is_cold", lambda fd, offset: cold)
    arrived, waits = _send(path, blocking=False)
    assert arrived == path.read_bytes()
    assert sum(isinstance(wait, Offload) for wait in waits) == (2 if cold else 0)


def test_a_file_in_memory_is_not_cold(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5000)
    path.read_bytes()
    with path.open("rb") as file:
        assert not transport._is_cold(file.fileno(), 0)
        assert not transport._is_cold(file.fileno(), 1 << 30)
