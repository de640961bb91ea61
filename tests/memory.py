"""Requests without sockets: a compiled configuration and connections whose bytes stay in memory.

`world(tmp_path, text)` loads a configuration; `exchange(world, request)` sends bytes through a real `Connection` and
returns what came back. The driver here answers every wait on the spot, so scripts run too.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpmserver.config.load import LoadOptions, load
from mpmserver.config.node import Origin
from mpmserver.core.exchange import Peer
from mpmserver.core.settings import Level
from mpmserver.core.site import Server, Site
from mpmserver.core.world import World
from mpmserver.http.chunked import ChunkedDecoder
from mpmserver.modules.so import Catalog
from mpmserver.net.waits import Offload, Ready, TimedOut, TimeoutClass
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome

HEAD = """
ServerName memory.example
Listen 127.0.0.1:8080
TypesConfig {root}/mime.types
ErrorLog error_log
DocumentRoot {root}/htdocs
<Directory />
Require all granted
</Directory>
"""


@dataclass
class Log:
    """An error log that keeps its messages."""

    lines: list[str] = field(default_factory=list)

    def write(self, server: Server, level: Level, module: str, message: str, exchange: Any) -> None:
        self.lines.append(f"{module}:{level.name.lower()} {message}")

    def logs(self, level: Level, module: str, exchange: Any = None) -> bool:
        return level <= Level.INFO


class Slot:
    """A scoreboard entry that nobody reads."""

    def busy(self, status: int) -> None: ...
    def connected(self) -> None: ...
    def request(self, client: bytes, vhost: bytes, request_line: bytes) -> None: ...
    def done(self, sent: int, duration: int) -> None: ...
    def remembered(self, client: bytes, vhost: bytes, request_line: bytes, sent: int) -> None: ...


class MemoryTransport:
    """A transport that receives given pieces and keeps what is sent; at the end of the pieces the peer has closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.fd = -1
        self.blocking = True
        self.pieces = pieces
        self.output = bytearray()
        self.sent = 0
        self.closed = False
        self.at_most: list[int] = []
        """How many bytes `send_now` takes at most, each time; then all."""

    def recv_now(self, count: int) -> bytes | None:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > count:
            self.pieces.insert(0, piece[count:])
        return piece[:count]

    def receiver(self, seconds: float) -> Callable[[int], bytes]:
        return lambda count: self.recv_now(count) or b""

    async def recv(self, count: int, kind: TimeoutClass, seconds: float) -> bytes:
        return self.recv_now(count) or b""

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        return sum(self.send_now(piece) for piece in pieces)

    def send_now(self, data: bytes | memoryview) -> int:
        if self.at_most:
            data = data[: self.at_most.pop(0)]
        self.output += data
        self.sent += len(data)
        return len(data)

    def send_last(self, data: bytes | memoryview) -> int:
        return self.send_now(data)

    def sendfile_now(self, head: bytes, fd: int, offset: int, count: int) -> int:
        return self.send_now(head + os.pread(fd, count, offset))

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        return self.send_now(os.pread(fd, count, offset))

    def interrupt(self, how: int) -> None: ...
    def shutdown_write(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def world(tmp_path: Path, text: str) -> World:
    """Load `text` behind a minimal head, with `tmp_path` as ServerRoot; raises ConfigError."""
    (tmp_path / "htdocs").mkdir(exist_ok=True)
    (tmp_path / "mime.types").write_text("text/html html\ntext/plain txt\n")
    file = tmp_path / "httpd.conf"
    file.write_text(HEAD.format(root=tmp_path) + text)
    warnings: list[str] = []

    def warn(message: str, origin: Origin | None) -> None:
        warnings.append(message)

    loaded = load(LoadOptions(server_root=str(tmp_path), file=str(file)), Catalog(), warn)
    made = World(Site(loaded.configuration), loaded.context)
    for server in made.site.servers:
        server.error_log = Log()
    return made


def log_of(made: World) -> list[str]:
    """The error messages so far."""
    log = made.site.main.error_log
    assert isinstance(log, Log)
    return log.lines


@dataclass
class Answer:
    """One response, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes


def exchange(made: World, *pieces: bytes) -> bytes:
    """Send pieces over one connection and return everything that came back."""
    transport = MemoryTransport(list(pieces))
    connection = Connection(made, transport, None, Peer(("127.0.0.1", 8080), ("127.0.0.1", 50000)), Slot())  # type: ignore[arg-type]
    while transport.pieces:
        step = connection.arrived(transport.recv_now(65536) or b"")
        if (step if isinstance(step, Outcome) else drive(step)) is Outcome.CLOSED:
            break
    return bytes(transport.output)


def get(made: World, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Ask for one path and take the answer apart."""
    lines = [f"{method} {path} HTTP/1.1", "Host: memory.example", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    raw = exchange(made, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
    head, _, content = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
    if fields.get("transfer-encoding") == "chunked":
        decoder = ChunkedDecoder()
        decoder.feed(content)
        content = decoder.read(1 << 30)
        assert decoder.done
    return Answer(int(first.split()[1]), fields, content)


def drive(coroutine: Any) -> Outcome:
    """Answer each wait at once, as a blocking MPM would."""
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            wait = coroutine.throw(error) if error is not None else coroutine.send(value)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        value, error = None, None
        try:
            value = _answer(wait)
        except Exception as failure:  # noqa: BLE001 (thrown into the coroutine that waits)
            error = failure


def _answer(wait: Any) -> Any:
    if isinstance(wait, Offload):
        return wait.function()
    if not isinstance(wait, Ready):
        return None
    poll = select.poll()
    for fd in wait.reads:
        poll.register(fd, select.POLLIN)
    for fd in wait.writes:
        poll.register(fd, select.POLLOUT)
    found = tuple(fd for fd, _mask in poll.poll(5000))
    if not found:
        raise TimedOut(wait.kind)
    return found
