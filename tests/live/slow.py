"""What the live tests of the MPMs share: scripts that wait until the test lets them go, and who is who of the server.

Nothing here depends on how long anything takes: a script says that it runs by a file, and ends when another appears.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

from tests.live_server import LiveServer, wait_until

SCRIPT = """#!/bin/sh
: > "../gate/started.$QUERY_STRING"
while [ ! -e ../gate/all ] && [ ! -e "../gate/$QUERY_STRING" ]; do sleep 0.05; done
printf 'Content-Type: text/plain\\n\\ndone %s\\n' "$QUERY_STRING"
"""
FILES = {"cgi-bin/slow.sh": SCRIPT, "htdocs/a.txt": "static\n"}
CONFIG = 'ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"\n'
MODULES = ("alias", "cgi", "authz_core")
MPMS = ("prefork", "worker", "event", "reactor")


class SlowServer(LiveServer):
    """A server with /a.txt and /cgi-bin/slow.sh?NAME, which answers when `let_go(NAME)` was called."""

    def __init__(self, mpm: str, config: str = "", modules: tuple[str, ...] = MODULES, **options: object) -> None:
        super().__init__(CONFIG + config, mpm=mpm, modules=modules, files=FILES, **options)  # type: ignore[arg-type]
        gate = self.root / "gate"
        gate.mkdir()
        gate.chmod(0o777)

    def let_go(self, name: str = "all") -> None:
        """Let one script end, or all."""
        (self.root / "gate" / name).touch()

    def started(self, name: str) -> bool:
        """Whether the script with this name has begun."""
        return (self.root / "gate" / f"started.{name}").exists()

    def begin(self, name: str, connection: socket.socket | None = None) -> socket.socket:
        """Ask for a slow script and wait until it runs."""
        connection = self.ask(f"/cgi-bin/slow.sh?{name}", connection)
        wait_until(lambda: self.started(name), 15, f"script {name}")
        return connection

    def ask(self, target: str, connection: socket.socket | None = None) -> socket.socket:
        """Send a request, on a new connection unless one is given."""
        connection = connection or self.connect(30)
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return connection

    def workers(self) -> list[int]:
        """The children, leaving ones included."""
        return [pid for pid in self.children() if ": worker " in title(pid)]


def title(pid: int) -> str:
    """A process's title, nothing where it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().strip("\0 ")
    except OSError:
        return ""


def generations(server: LiveServer) -> set[int]:
    """The generations that have processes now."""
    return {int(found[1]) for pid in server.children() if (found := re.search(r"generation (\d+)", title(pid)))}


def answer(connection: socket.socket) -> str:
    """One response; what came until the end where the connection was closed meanwhile."""
    data = b""
    while not complete(data) and (piece := connection.recv(65536)):
        data += piece
    return data.decode()


def complete(data: bytes) -> bool:
    """Whether this is a whole response, by its own account."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
    return bool(end) and (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n"))
