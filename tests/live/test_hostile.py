"""Clients that mean no good, under each MPM: the server answers others, no child dies, nothing leaks.

Every test leaves the server to `_unharmed`: it answers, its children are the very same processes, their error log holds
no traceback, and each of them has as many open descriptors as before.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from tests.live_server import HOST, POOLS, Live, LiveServer, processes, wait_until

LARGE = 8 << 20
CONFIG = """
ScriptAlias /cgi-bin/ ${ROOT}/cgi-bin/
Timeout 4
KeepAliveTimeout 2
RequestReadTimeout header=3-6,MinRate=500 body=3,MinRate=500
"""
PREFORK = "StartServers 4\nMinSpareServers 4\nMaxSpareServers 250\nMaxRequestWorkers 250\nServerLimit 250\n"
FILES: dict[str, str | bytes] = {
    "htdocs/index.html": "fine\n",
    "htdocs/large.bin": b"0123456789abcdef" * (LARGE // 16),
    "cgi-bin/echo.sh": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\ncat\n",
    "cgi-bin/endless.sh": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec yes\n",
}
HEAD = f"Host: {HOST}\r\n".encode()
STAGES = {
    "before a byte": (b"", 0),
    "in the line": (b"GET / HT", 0),
    "in the head": (b"GET / HTTP/1.1\r\n" + HEAD[:7], 0),
    "behind the head": (b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", 0),
    "in the answer": (b"GET /large.bin HTTP/1.1\r\n" + HEAD + b"\r\n", 4096),
    "in a file's body": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nabc", 0),
    "in a script's body": (b"POST /cgi-bin/echo.sh HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nabc", 0),
    "in a chunk": (b"POST /cgi-bin/echo.sh HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\nabc", 0),
    "in a script's answer": (b"GET /cgi-bin/endless.sh HTTP/1.1\r\n" + HEAD + b"\r\n", 4096),
    "owed a 100": (
        b"POST /cgi-bin/echo.sh HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        25,
    ),
    "behind a pipeline": (b"GET / HTTP/1.1\r\n" + HEAD + b"\r\nGET / HTTP/1.1\r\n" + HEAD + b"\r\nGET /", 0),
    "in the lingering": (b"GET / HTTP/1.1\r\nBad Header\r\n\r\n" + b"x" * 100, 10),
}


@pytest.fixture(scope="module", params=sorted(POOLS))
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    extra = PREFORK if request.param == "prefork" else ""
    with LiveServer(CONFIG + extra, mpm=request.param, files=FILES) as live:
        _warm(live)
        _reset_at_every_stage(live)
        yield live


@pytest.fixture(scope="module")
def warm(server: LiveServer) -> int:
    """How many descriptors a child has that has done all it can do; one that was forked later has yet to get there."""
    return max(_settle(server).values())


@pytest.fixture(autouse=True)
def unharmed(server: LiveServer, warm: int) -> Iterator[None]:
    """Look at the server before and after a test; see the module's docstring."""
    before = {pid: max(count, warm) for pid, count in _settle(server).items()}
    yield
    wait_until(lambda: server.get("/").body == b"fine\n", 10, "an answer")
    with contextlib.suppress(AssertionError):  # what is asserted next says more
        wait_until(lambda: _same(before, server.descriptors()), 15, "the descriptors to be given back")
    now = server.descriptors()
    assert _same(before, now), f"{before}, then {now}"
    assert "Traceback" not in server.error_log() + server.stderr()


def _same(before: dict[int, int], now: dict[int, int]) -> bool:
    """Whether those of before are all there with no more than they had; a pool may have grown under the load."""
    return all(pid in now and now[pid] <= count for pid, count in before.items())


def _settle(server: Live) -> dict[int, int]:
    """Wait until nothing moves: two looks in a row that see the same."""
    seen: list[dict[int, int]] = []

    def steady() -> bool:
        seen.append(server.descriptors())
        time.sleep(0.2)
        return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

    wait_until(steady, 15, "the server to be at rest")
    return seen[-1]


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def _read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := client.recv(65536)):
        data += piece
    return data


def _warm(server: LiveServer) -> None:
    """Have every thread run a script at once: what it keeps from then on (its poller's descriptor) is no leak."""
    clients = [server.connect() for _ in range(4 if server.mpm == "prefork" else 8)]
    for client in clients:
        head = b"POST /cgi-bin/echo.sh HTTP/1.1\r\n" + HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\n"
        client.sendall(head)
    wait_until(lambda: _scripts(server) >= len(clients), 15, "scripts in every thread")
    for client in clients:
        client.sendall(b"x")
        assert _read(client, LARGE).startswith(b"HTTP/1.1 200 ")
        client.close()


def _scripts(server: LiveServer) -> int:
    """How many processes the children have started."""
    found = processes().values()
    children = {process.pid for process in found if process.parent == server.pid}
    return sum(process.parent in children for process in found)


def _reset_at_every_stage(server: LiveServer) -> None:
    for data, answer in STAGES.values():
        for pause in (0.0, 0.05):
            client = server.connect()
            client.sendall(data)
            if answer:
                assert _read(client, answer)
            time.sleep(pause)
            _reset(client)


def test_a_client_that_resets(server: LiveServer) -> None:
    _reset_at_every_stage(server)


def test_a_client_that_half_closes(server: LiveServer) -> None:
    for stage, (data, _answer) in STAGES.items():
        with server.connect() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            got = client.recv(65536)
            if stage in ("in the head", "in a file's body"):
                assert got.startswith(b"HTTP/1.1 400 "), stage
            if stage == "in a chunk":  # the script may have begun to answer before it is known that no more will come
                assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 200 ")), stage
            _reset(client)


def test_two_hundred_clients_that_send_one_byte(server: LiveServer) -> None:
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.sendall(b"G")
    try:
        if server.mpm == "reactor":  # elsewhere a head that is being received has a thread, as in Apache
            assert server.get("/", timeout=15).body == b"fine\n"
    finally:
        for client in clients:
            client.close()


def test_a_slow_reader_of_a_large_file(server: LiveServer) -> None:
    with server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.sendall(b"GET /large.bin HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
        got = b""
        for _ in range(20):
            got += client.recv(4096)
            time.sleep(0.05)
        while piece := client.recv(1 << 20):
            got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == FILES["htdocs/large.bin"]


def test_a_reader_that_stops(server: LiveServer) -> None:
    """Time-out ends it; until then others are served."""
    with server.connect(timeout=20) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.sendall(b"GET /cgi-bin/endless.sh HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert client.recv(4096)
        assert server.get("/").status == 200
        before = server.access_log().count("endless.sh")
        wait_until(lambda: server.access_log().count("endless.sh") > before, 20, "the end of its time")
        with pytest.raises(ConnectionError):  # noqa: PT012 - what had been sent comes first, then the end
            while client.recv(1 << 20):
                pass
            raise ConnectionResetError


def test_garbage(server: LiveServer) -> None:
    chance = random.Random(20)
    for size in (1, 2, 3, 10, 100, 1000, 10000):
        for _ in range(4):
            with server.connect() as client:
                client.sendall(chance.randbytes(size))
                client.shutdown(socket.SHUT_WR)
                got = client.recv(65536)
                assert not got or got[:9] in (b"HTTP/1.1 ", b"<!DOCTYPE")


@pytest.mark.parametrize(
    ("start", "piece", "status"),
    [
        (b"GET /", b"a" * 4096, b"414"),
        (b"GET / HTTP/1.1\r\n" + HEAD, b"X-Field: value\r\n" * 64, b"400"),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X: ", b"v" * 4096, b"400"),
        (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"e" * 4096, b"413"),
        (
            b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-Field: value\r\n" * 64,
            b"400",
        ),
    ],
    ids=["line", "fields", "field", "chunk extension", "trailer"],
)
def test_what_never_ends(server: LiveServer, start: bytes, piece: bytes, status: bytes) -> None:
    with server.connect() as client:
        client.sendall(start)
        sent, got = 0, b""
        while not got and sent < LARGE:
            try:
                sent += client.send(piece)
                client.settimeout(0.02)
                got = client.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            finally:
                client.settimeout(10)
        assert got[9:12] == status, got[:100]
        assert sent < LARGE
