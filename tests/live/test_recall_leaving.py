"""Who goes on sending behind the last answer of a connection isn't cut off, whether or not that comes from memory."""

from __future__ import annotations

import select
import time
from contextlib import ExitStack
from functools import partial

from tests.live_server import LiveServer, wait_until

CONFIG = """
Recall On
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


class Asker:
    """Asks a server time and again."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.asked = 0

    def enough_from_memory(self) -> bool:
        """Ask so many times; whether that was enough of it: what another child has remembered shows a second later."""
        for _ in range(TIMES):
            self._ask()
        return self.server.recalled() > TIMES // 4

    def all_logged(self) -> bool:
        """Whether there is one line for each answer: that of the last is written behind its end."""
        return self.server.access_log().count('"GET /page.txt HTTP/1.1" 200 5\n') == self.asked

    def _ask(self) -> None:
        """Ask, and go on sending: a connection that was closed is reset by the first piece, and refuses the second."""
        with self.server.connect() as client:
            client.sendall(HEAD)
            end = select.poll()
            end.register(client, select.POLLRDHUP)
            assert end.poll(10_000)  # it has all been sent; nothing has been read, which a reset would throw away
            for _ in range(2):
                time.sleep(0.005)
                client.sendall(b"more")
            received = b""
            while data := client.recv(65536):
                received += data
        assert received.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in received
        assert received.endswith(b"\r\n\r\npage\n")
        self.asked += 1


def test_who_sends_on_is_not_cut_off() -> None:
    start = partial(LiveServer, CONFIG, modules=("authz_core", "status"), files={"htdocs/page.txt": "page\n"})
    with ExitStack() as stack:
        askers = [Asker(stack.enter_context(start(mpm=mpm))) for mpm in ("prefork", "worker", "event", "reactor")]
        time.sleep(2.2)  # it has not changed for a while
        for asker in askers:
            wait_until(asker.enough_from_memory, 15, f"answers from the memory of {asker.server.mpm}")
            wait_until(asker.all_logged, 10, f"all lines of {asker.server.mpm}")
            assert "Traceback" not in asker.server.error_log()
