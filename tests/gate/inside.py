"""Requests in this process, counted: bytes go into a `Connection` as a loop hands them over, answers are dropped.

Everything else is real: the configuration, the files, the access log's sink (nobody flushes it meanwhile), the
scoreboard, and recall with either kind of freshness.
"""

from __future__ import annotations

import itertools
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from mpmserver.core.exchange import Peer
from mpmserver.core.logs import Opener
from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.moment import Moment
from mpmserver.core.scoreboard import Scoreboard
from mpmserver.net.waits import Ready, Seat, TimeoutClass, Wait
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.gate.ceilings import Cost
from tests.memory import MemoryTransport, world

LEVELS = ("one", "two", "three", "four")
HTACCESS = (
    "AddType text/x-rules .rules\n",
    "RewriteEngine On\nRewriteRule ^old-(.*)$ new-$1 [L]\n",
    'Header set X-Level "three"\nExpiresActive On\nExpiresByType text/html A3600\n',
    "AddCharset utf-8 .html\nRewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule (.*) index.html [L]\n",
)
REDIRECTS = """RewriteEngine On
RewriteCond %{HTTP_ACCEPT} text/turtle
RewriteRule ^term/(.*)$ https://example.org/term/$1.ttl [R=303,L]
RewriteRule ^term/(.*)$ https://example.org/term/$1.html [R=303,L]
"""
CONFIGURATION = """
MaxKeepAliveRequests 0
<Directory {root}/htdocs>
AllowOverride None
</Directory>
<Directory {root}/htdocs/rules>
AllowOverride All
</Directory>
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
CustomLog {root}/access_log combined
ScriptAlias /cgi-bin/ {root}/cgi-bin/
"""
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n"
SETTLED_SECONDS = 2.1
"""A file that was changed just before is not remembered."""
COUNTED = 20
WARM = 60


def lay_out(root: Path) -> None:
    """Make the site below `root`, and let it become old enough."""
    rules = root / "htdocs" / "rules"
    folder = rules
    for name, text in zip(LEVELS, HTACCESS, strict=True):
        folder = folder / name
        folder.mkdir(parents=True)
        (folder / ".htaccess").write_text(text, encoding="utf-8")
    (folder / "index.html").write_bytes(b"x" * 600)
    (rules / "ids").mkdir()
    (rules / "ids" / ".htaccess").write_text(REDIRECTS, encoding="utf-8")
    (root / "htdocs" / "small.html").write_bytes(b"x" * 612)
    (root / "cgi-bin").mkdir()
    (root / "cgi-bin" / "hello").write_text(SCRIPT, encoding="utf-8")
    (root / "cgi-bin" / "hello").chmod(0o755)
    time.sleep(SETTLED_SECONDS)


class Dropped(MemoryTransport):
    """A transport that keeps nothing of what is sent but its beginning."""

    def __init__(self) -> None:
        super().__init__([])
        self.last = b""

    def send_now(self, data: bytes | memoryview) -> int:
        self.last = bytes(data[:15])
        self.sent += len(data)
        return len(data)

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        self.last = pieces[0][:15]
        count = sum(map(len, pieces))
        self.sent += count
        return count

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        sent = len(os.pread(fd, count, offset))
        self.sent += sent
        return sent


class Inside:
    """A connection to a site, with recall (`looks`: files are looked at with each hit) or without (None)."""

    def __init__(self, root: Path, *, looks: bool | None) -> None:
        self.world = world(root, CONFIGURATION.format(root=root))
        self.opener = Opener()
        for module in self.world.site.modules:
            if module.open_logs is not None:
                module.open_logs(self.world.site, self.opener)
        self.moment: Moment | None = None
        if looks is not None:
            self.world.recall = begin(self.world.site, 1, looks)
            self.moment = Moment()
            self.moment.tick(time.time())
        self.transport = Dropped()
        peer = Peer(("127.0.0.1", 8080), ("127.0.0.1", 50_000))
        slot = Scoreboard.create(1, 1, 1).worker(0, 0)
        self.connection = Connection(self.world, self.transport, None, peer, slot)

    @property
    def hits(self) -> tuple[int, int]:
        """How many answers were recalled: by their head, and by their resource."""
        recall = self.world.recall
        return (0, 0) if recall is None else (recall.hits, recall.resource_hits)

    def ask(self, head: bytes) -> None:
        """One request; AssertionError where it has to wait for anything but scripts, or ends the connection."""
        step: Any = self.connection.arrived(head, self.moment)
        if not isinstance(step, Outcome):
            answer = None
            try:
                while True:
                    answer = answered(step.send(answer))
            except StopIteration as end:
                step = end.value
        assert step is Outcome.IDLE, f"{head!r}: {self.transport.last!r}"

    def warm(self, heads: Iterator[bytes]) -> None:
        """Ask until every cache has what it will have."""
        for head in itertools.islice(heads, WARM):
            self.ask(head)
        self.flush()

    def flush(self) -> None:
        """Have the access log written."""
        for sink in self.opener.sinks:
            sink.flush()

    def cost(self, heads: Iterator[bytes]) -> Cost:
        """What a request costs on average, of twenty."""
        asked = list(itertools.islice(heads, COUNTED))

        def work() -> None:
            for head in asked:
                self.ask(head)

        frames, bytecodes = counted(work)  # `work` and `ask` with their few bytecodes are part of the figure
        self.flush()
        return Cost(frames / COUNTED, bytecodes / COUNTED)


def answered(wait: Wait) -> tuple[int, ...] | None:
    """What a wait for a script is answered with, when all of it is there: so each run takes the same steps."""
    if isinstance(wait, Seat):
        return None
    assert isinstance(wait, Ready) and wait.kind is TimeoutClass.SCRIPT, f"waits: {wait}"
    poll = select.poll()
    for fd in wait.reads:
        poll.register(fd, 0)
        assert poll.poll(10_000), "the script doesn't end"
        poll.unregister(fd)
    return wait.reads


def counted(work: Callable[[], object]) -> tuple[int, int]:
    """How many Python functions `work` calls, and how many bytecodes it executes."""
    frames = bytecodes = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal frames, bytecodes
        if event == "call":
            frames += 1
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            bytecodes += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return frames, bytecodes


def head_of(path: str, *fields: str) -> bytes:
    """A request's head."""
    return ("\r\n".join([f"GET {path} HTTP/1.1", "Host: memory.example", *fields]) + "\r\n\r\n").encode()
