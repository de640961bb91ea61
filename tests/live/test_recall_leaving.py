"""Who goes on sending behind the last answer of a connection isn't cut off, whether or not that comes from memory."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.live_server import LiveServer

CONFIG = """
KeepAlive Off
<Directory "${ROOT}">
Require all granted
</Directory>
<Location "/server-status">
SetHandler server-status
</Location>
"""
HEAD = b"GET /page.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
TIMES = 30
"""Enough for each child of prefork to have remembered it."""


def test_who_sends_on_is_not_cut_off() -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                LiveServer(CONFIG, mpm=mpm, modules=("authz_core", "status"), files={"htdocs/page.txt": "page\n"})
            )
            for mpm in ("prefork", "worker", "event", "reactor")
        ]
        time.sleep(2.2)  # it has not changed for a while
        for server in servers:
            for _ in range(TIMES):
                _ask(server)
            lines = server.get("/server-status?auto").body.decode().splitlines()
            hits = [int(line.split()[1]) for line in lines if line.startswith(("RecallHits:", "RecallResourceHits:"))]
            assert sum(hits) > TIMES // 4, server.mpm
            assert server.access_log().count(' 200 5\n') >= TIMES
            assert "Traceback" not in server.error_log()


def _ask(server: LiveServer) -> None:
    """Ask, and go on sending: a connection that was closed would be reset by the first piece, and refuse the second."""
    with server.connect() as client:
        client.sendall(HEAD)
        for _ in range(2):
            time.sleep(0.005)
            client.sendall(b"more")
        received = b""
        while data := client.recv(65536):
            received += data
    assert received.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in received
    assert received.endswith(b"\r\n\r\npage\n")
