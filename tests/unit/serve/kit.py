"""What tests of connections share: a site in memory that may remember, its access log, and a slow client."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mpmserver.core.exchange import Peer
from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.moment import Moment
from mpmserver.core.recall.sightings import Sightings
from mpmserver.core.world import World
from mpmserver.net.waits import sleep
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.memory import MemoryTransport, Slot, drive
from tests.unit.modules.test_log_config import KeepingSink, lines, logging_world

CONFIGURATION = """
ScriptAlias /cgi-bin/ {root}/cgi-bin/
ErrorDocument 404 /sorry.txt
CustomLog logs/x "{line}"
"""
LARGE = 1 << 17
TAKEN = 20
OLD = time.time() - 1000


class Slow(MemoryTransport):
    """A client that takes a few bytes at once, and has to be waited for then; or all that it is sent."""

    def __init__(self) -> None:
        super().__init__([])
        self.takes = TAKEN
        self.waited: Callable[[], object] = lambda: None
        """What is called when it has been waited for."""

    def send_now(self, data: bytes | memoryview) -> int:
        return super().send_now(data[: self.takes])

    def send_last(self, data: bytes | memoryview) -> int:
        return self.send_now(data)

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        if self.takes == TAKEN:
            await sleep(0)
            self.waited()
        return sum(super(Slow, self).send_now(piece) for piece in pieces)

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        return await self.send([os.pread(fd, count, offset)], seconds)


class Site:
    """A site, what it has logged, and one client."""

    def __init__(self, root: Path, line: str, more: str = "") -> None:
        """`line`: the format of the access log; `more`: directives."""
        self.world: World
        self.kept: dict[str, KeepingSink]
        self.world, self.kept = logging_world(root, CONFIGURATION.format(root=root, line=line) + more)
        for name, text in (("a.txt", "text"), ("sorry.txt", "sorry"), ("large.txt", "x" * LARGE)):
            (root / "htdocs" / name).write_text(text)
            os.utime(root / "htdocs" / name, (OLD, OLD))
        (root / "cgi-bin").mkdir()
        script = root / "cgi-bin" / "hello"
        script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello'\n")
        script.chmod(0o755)
        self.moment = Moment()
        self.moment.tick(time.time())
        self.transport = Slow()

    @property
    def lines(self) -> list[str]:
        """What the access log has been told."""
        return lines(self.kept)

    def connect(self) -> Connection:
        peer = Peer(("127.0.0.1", 8080), ("127.0.0.2", 50000))
        return Connection(self.world, self.transport, None, peer, Slot())  # type: ignore[arg-type]

    def remember(self, monkeypatch: pytest.MonkeyPatch, head: bytes) -> Connection:
        """Ask until the answer is remembered, with a client that takes all; return its connection."""
        monkeypatch.setattr(Sightings, "again", lambda sightings, mark: True)
        monkeypatch.setattr("mpmserver.core.recall.looks.RESTLESS", 0)
        self.world.recall = recall = begin(self.world.site, 1, blocking=True)
        assert recall is not None
        connection = self.connect()
        self.transport.takes = 2 * LARGE
        for _each in range(3):
            step = connection.arrived(head, self.moment)
            assert (step if isinstance(step, Outcome) else drive(step)) is Outcome.IDLE
        assert recall.hits + recall.resource_hits
        self.kept["logs/x"].kept.clear()
        self.transport.takes = TAKEN
        return connection


def get(path: bytes) -> bytes:
    """A request for a path."""
    return b"GET %b HTTP/1.1\r\nHost: memory.example\r\n\r\n" % path
