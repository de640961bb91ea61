"""One day in the life of a site, under every MPM and every multiplexer.

The same short story for each pairing: static files, ranges, a script that echoes more than all buffers hold, .htaccess,
error documents, pipelining, many clients at once, a graceful restart in between, and a clean end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from tests.live_server import LiveServer, wait_until

PAIRINGS = [
    ("prefork", ""),
    ("worker", ""),
    ("event", ""),
    ("reactor", "Multiplexer epoll"),
    ("reactor", "Multiplexer poll"),
    ("reactor", "Multiplexer select"),
]
CONFIG = """
ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"
KeepAliveTimeout 2
<Directory "${ROOT}">
Require all granted
AllowOverride All
</Directory>
ErrorDocument 404 /sorry.txt
"""
FILES: dict[str, str | bytes] = {
    "htdocs/index.html": "welcome\n",
    "htdocs/sorry.txt": "sorry\n",
    "htdocs/big.bin": bytes(range(256)) * 8192,
    "htdocs/typed/.htaccess": "AddType text/x-special .txt\n",
    "htdocs/typed/a.txt": "typed\n",
    "cgi-bin/hello.sh": "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho hello from $REQUEST_METHOD\n",
    "cgi-bin/echo.sh": "#!/bin/sh\necho 'Content-Type: application/octet-stream'\necho\nexec cat\n",
}


@pytest.fixture(params=PAIRINGS, ids=lambda pairing: "-".join(" ".join(pairing).split()))
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    mpm, extra = request.param
    with LiveServer(CONFIG + extra + "\n", mpm=mpm, files=FILES) as live:
        yield live


def test_a_day_in_the_life_of_a_site(server: LiveServer) -> None:
    _serves_files(server)
    _serves_scripts(server)
    _serves_many_at_once(server)
    first = set(server.children())
    server.signal(signal.SIGUSR1)
    wait_until(lambda: bool(server.children()) and not first & set(server.children()), 15, "new children")
    _serves_files(server)
    assert "Traceback" not in server.error_log()


def _serves_files(server: LiveServer) -> None:
    index = server.get("/")
    assert (index.status, index.body) == (200, b"welcome\n")
    part = server.get("/big.bin", {"Range": "bytes=1000000-1000009"})
    assert (part.status, part.body) == (206, FILES["htdocs/big.bin"][1000000:1000010])
    assert server.get("/big.bin").body == FILES["htdocs/big.bin"]
    missing = server.get("/nothing")
    assert (missing.status, missing.body) == (404, b"sorry\n")
    typed = server.get("/typed/a.txt")
    assert dict(typed.headers)["Content-Type"] == "text/x-special"
    request = b"GET /typed/a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert server.request(request * 40 + last).count(b"HTTP/1.1 200 OK") == 41


def _serves_scripts(server: LiveServer) -> None:
    assert server.get("/cgi-bin/hello.sh").body == b"hello from GET\n"
    data = bytes(range(256)) * 4096
    assert server.get("/cgi-bin/echo.sh", method="POST", body=data, timeout=30).body == data


def _serves_many_at_once(server: LiveServer) -> None:
    failures: list[str] = []

    def client() -> None:
        for _ in range(10):
            answer = server.get("/index.html")
            if (answer.status, answer.body) != (200, b"welcome\n"):
                failures.append(f"{answer.status}: {answer.body!r}")

    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
