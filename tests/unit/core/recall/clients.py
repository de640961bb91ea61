"""A site in memory and its clients: connections without a server."""

from __future__ import annotations

import time
from pathlib import Path

from mpmserver.core.exchange import Peer
from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.moment import Moment
from mpmserver.core.world import World
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.memory import MemoryTransport, Slot, drive, world

OPEN = '<Directory "{root}/htdocs">\nOptions FollowSymLinks\nAllowOverride All\nRequire all granted\n</Directory>\n'


class Client:
    """One connection; `ask` sends bytes and returns what came back."""

    def __init__(self, made: World, local: str = "127.0.0.1", remote: str = "127.0.0.9") -> None:
        self.transport = MemoryTransport([])
        self.slot = Slot()
        peer = Peer((local, 8080), (remote, 50000))
        self.connection = Connection(made, self.transport, None, peer, self.slot)  # type: ignore[arg-type]
        self.moment = Moment()
        self.closed = False

    def ask(self, data: bytes, at: float | None = None) -> bytes:
        assert not self.closed
        self.moment.tick(time.time() if at is None else at)
        self.transport.output.clear()
        step = self.connection.arrived(data, self.moment)
        self.closed = (step if isinstance(step, Outcome) else drive(step)) is Outcome.CLOSED
        return bytes(self.transport.output)


def head(path: str = "/a.html", *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/{version}", "Host: memory.example", *fields, "", "")).encode()


def site(root: Path, text: str = "", blocking: bool = False) -> World:
    write(root, "a.html", b"first\n")
    return site_of(root, text, blocking)


def site_of(root: Path, text: str, blocking: bool = False) -> World:
    made = world(root, OPEN.format(root=root) + text)
    made.recall = begin(made.site, 1, blocking)
    return made


def asked_as_it_expires(root: Path) -> World:
    """A site whose file has been asked for, and twice more a second later each: Expires went with the date."""
    made = site(root, 'ExpiresActive On\nExpiresDefault "access plus 1 minute"\n')
    client = Client(made)
    client.ask(head())
    for second in range(2):
        answer = client.ask(head(), 1_800_000_000.0 + second)
        assert f"Date: Fri, 15 Jan 2027 08:00:0{second} GMT\r\n".encode() in answer
        assert f"Expires: Fri, 15 Jan 2027 08:01:0{second} GMT\r\n".encode() in answer
        assert b"Cache-Control: max-age=60\r\n" in answer
    return made


def write(root: Path, name: str, data: bytes) -> None:
    """A file that has not changed for a while, as `restless` has it."""
    path = root / "htdocs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    time.sleep(2 * RESTLESS / 1e9)


RESTLESS = 15_000_000


def counts(made: World) -> tuple[int, int, int]:
    assert made.recall is not None
    return made.recall.hits, made.recall.resource_hits, made.recall.misses


def reasons(made: World) -> set[str]:
    assert made.recall is not None
    return set(made.recall.reasons)


def hear(made: World) -> None:
    """As the loop does before it answers."""
    assert made.recall is not None
    if made.recall.watches is not None:
        made.recall.watches.read()
