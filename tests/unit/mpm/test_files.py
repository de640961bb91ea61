"""Large files under the loops: they go on by themselves, and nobody else has to wait for that."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from tests.unit.mpm.kit import read_line, served
from tests.unit.mpm.lines import LineConnection

LOOPS = ("event", "reactor", "reactor poll", "reactor select")
SIZE = 48 << 20
PIECE = 1 << 18


class FileConnection(LineConnection):
    """Also sends files; a client that says nothing is given up soon."""

    first_seconds = 0.3

    async def do_file(self, rest: bytes) -> bytes:
        fd = os.open(rest, os.O_RDONLY)
        try:
            return b"%d" % await self.transport.sendfile(fd, 0, os.fstat(fd).st_size, 5.0)
        finally:
            os.close(fd)


class Reader(threading.Thread):
    """A client that takes a file a piece at a time, and the end of it when the test is `done` with the others."""

    def __init__(self, client: socket.socket, path: Path) -> None:
        super().__init__()
        self.client = client
        self.received = 0
        self.answer = ""
        self.done = threading.Event()
        client.sendall(b"file %b\n" % os.fsencode(path))

    def run(self) -> None:
        while self.received < SIZE:
            data = self.client.recv(min(PIECE, SIZE - self.received))
            if not data:
                return
            self.received += len(data)
            self.done.wait(20 if self.received > SIZE // 2 else 0.004)
        self.answer = read_line(self.client)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    with path.open("wb") as opened:
        opened.truncate(SIZE)
    return path


@pytest.mark.parametrize("mpm", LOOPS)
def test_others_are_served_and_expire_while_files_are_sent(mpm: str, tmp_path: Path, file: Path) -> None:
    with served(mpm, tmp_path / "log", connection=FileConnection) as server:
        readers = [Reader(server.connect(), file) for _each in range(2)]
        for reader in readers:
            reader.start()
        with server.connect() as silent, server.connect() as client:
            for number in range(20):
                assert server.ask(f"echo {number}", client) == str(number)
            assert read_line(silent) == "expired"
        for reader in readers:
            reader.done.set()
            reader.join()
            assert reader.answer == str(SIZE)
            reader.client.close()
    assert server.log() == ""


@pytest.mark.parametrize("mpm", LOOPS)
def test_a_client_that_leaves_in_the_midst_of_a_file(mpm: str, tmp_path: Path, file: Path) -> None:
    with served(mpm, tmp_path / "log", connection=FileConnection) as server:
        leaving, staying = (Reader(server.connect(), file) for _each in range(2))
        assert leaving.client.recv(PIECE)
        leaving.client.close()
        staying.done.set()
        staying.start()
        staying.join()
        assert staying.answer == str(SIZE)
        assert server.ask("echo still here", staying.client) == "still here"
        staying.client.close()
    assert server.log() == ""
