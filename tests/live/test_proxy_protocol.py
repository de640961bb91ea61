"""The PROXY protocol under every MPM: whole and in pieces, wrong, late, and beside clients that need none."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from tests.live_server import LiveServer, wait_until

MPMS = ["prefork", "worker", "event", "reactor"]
V1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([9, 8, 7, 6, 1, 1, 1, 1]) + struct.pack(">HH", 77, 80)
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"
REQUEST = b"GET /who.sh HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEPT = REQUEST.replace(b"Connection: close\r\n", b"")
CONFIG = """
LogLevel info
TimeOut 3
RemoteIPProxyProtocol On
AddHandler cgi-script .sh
<Directory "${ROOT}/htdocs">
Options +ExecCGI
</Directory>
<Location /only>
Require ip 1.2.3.4
</Location>
LogFormat "%h %{c}a %{remote}p" who
CustomLog logs/who.log who
"""
FILES: dict[str, str | bytes] = {
    "htdocs/who.sh": "#!/bin/sh\necho Content-Type: text/plain\necho\necho $REMOTE_ADDR\n",
    "htdocs/only": "for one\n",
}
MODULES = ("authz_core", "authz_host", "cgi", "mime", "reqtimeout", "remoteip")


@pytest.fixture(params=MPMS)
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    with LiveServer(CONFIG, mpm=request.param, files=FILES, modules=MODULES) as live:
        yield live
        assert "Traceback" not in live.error_log()


def exchange(server: LiveServer, *pieces: bytes | float) -> bytes:
    """Send the pieces, waiting where a number stands; everything that comes back."""
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                client.sendall(piece)
        received = b""
        while data := client.recv(65536):
            received += data
        return received


def client_of(answer: bytes) -> str:
    """The address that the script has seen, whether its answer came in chunks or not."""
    found = re.search(rb"^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$", answer.partition(b"\r\n\r\n")[2], re.MULTILINE)
    return found[0].decode() if found else answer.decode("latin-1")


def bytewise(data: bytes) -> list[bytes | float]:
    return [piece for index in range(len(data)) for piece in (data[index : index + 1], 0.002)]


def test_headers_whole_and_in_pieces(server: LiveServer) -> None:
    for header, client in ((V1, "1.2.3.4"), (V2, "9.8.7.6"), (LOCAL, "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
        assert client_of(exchange(server, header + REQUEST)) == client
        assert client_of(exchange(server, header, 0.05, REQUEST)) == client
        assert client_of(exchange(server, *bytewise(header + REQUEST))) == client
    wait_until(lambda: len(_who(server)) == 12, 5, "the log")
    assert set(_who(server)[:3]) == {"1.2.3.4 127.0.0.1 1234"}


def _who(server: LiveServer) -> list[str]:
    return server.root.joinpath("logs/who.log").read_text().splitlines()


def test_one_header_for_all_requests_of_a_connection(server: LiveServer) -> None:
    only = b"GET /only HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(server, V1 + only + only, 0.1, KEPT, 0.1, only, REQUEST)
    assert answer.count(b"for one\n") == 3
    assert answer.count(b"1.2.3.4\n") == 2
    assert b"403 Forbidden" in exchange(server, V2 + only.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


def test_what_is_no_header_ends_the_connection(server: LiveServer) -> None:
    for begin in (REQUEST, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(20), b"PROXY TCP5 a b 1 2\r\n"):
        assert exchange(server, begin) == b""
    assert "AH03499: RemoteIPProxyProtocol: unknown family 'TCP5'" in server.error_log()
    assert _who(server) == []


def test_the_client_leaves_too_early(server: LiveServer) -> None:
    for begin in (b"PRO", V1[:20], V2[:16]):
        with server.connect() as client:
            client.sendall(begin)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(10) == b""
    words = "AH10634: RemoteIPProxyProtocol: connection closed before a complete header was received"
    wait_until(lambda: server.error_log().count(words) >= 3, 5, "the messages")
    assert client_of(exchange(server, V1 + REQUEST)) == "1.2.3.4"


def test_a_header_that_does_not_come(server: LiveServer) -> None:
    began = time.monotonic()
    assert exchange(server, V1[:20]) == b""
    assert 2 < time.monotonic() - began < 12, "mod_reqtimeout has 20 seconds"
    assert "AH10184: failed reading input" in server.error_log()
    assert "AH01382: Request header read timeout" in server.error_log()
    wait_until(lambda: len(_who(server)) == 1, 5, "its line")
    assert _who(server)[0].startswith("127.0.0.1 127.0.0.1 ")


def test_many_who_wait_stop_nobody(live_server: Callable[..., LiveServer]) -> None:
    server = live_server(CONFIG, mpm="reactor", files=FILES, modules=MODULES)
    waiting = [server.connect() for _ in range(200)]
    for client in waiting:
        client.sendall(V1[:20])
    assert client_of(exchange(server, V1 + REQUEST)) == "1.2.3.4"
    for client in waiting[:5]:
        client.sendall(V1[20:] + REQUEST)
        assert b"1.2.3.4" in client.recv(65536) + client.recv(65536)
    for client in waiting:
        client.close()


def test_exceptions_and_virtual_hosts(live_server: Callable[..., LiveServer]) -> None:
    config = CONFIG.replace("RemoteIPProxyProtocol On", "") + (
        "<VirtualHost *:${PORT}>\nServerName a\nRemoteIPProxyProtocol On\n"
        "RemoteIPProxyProtocolExceptions 127.0.0.0/8\n</VirtualHost>\n"
    )
    server = live_server(config, files=FILES, modules=MODULES)
    assert client_of(exchange(server, REQUEST)) == "127.0.0.1"
    assert exchange(server, V1 + REQUEST).startswith(b"HTTP/1.1 400 ")
    assert "AH03492: RemoteIPProxyProtocol: enabled on 0.0.0.0:" in server.error_log()


def test_the_status_page_shows_the_client(live_server: Callable[..., LiveServer]) -> None:
    config = "ExtendedStatus On\nRemoteIPHeader X-Client\n<Location /status>\nSetHandler server-status\n</Location>\n"
    server = live_server(config, modules=(*MODULES, "status"))
    assert b"<td>8.8.4.4</td>" in server.get("/status", {"X-Client": "8.8.4.4"}).body
