"""Graceful restarts: the same process id, new code, nothing refused; and what happens when the new is broken."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.live.slow import generations
from tests.live_server import HOST, PROJECT, LiveServer, free_port, wait_until

MPMS = ("prefork", "worker", "event", "reactor")


def restart(server: LiveServer, number: int) -> None:
    """Restart gracefully and wait until only the new generation serves."""
    server.signal(signal.SIGUSR1)
    wait_until(lambda: generations(server) == {number}, 30, f"generation {number}")


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer(mpm="prefork", modules=("authz_core",), files={"htdocs/a.txt": "a" * 3000}) as server:
        yield server


def test_a_broken_configuration_is_refused_with_file_and_line(server: LiveServer) -> None:
    good = (server.root / "conf/httpd.conf").read_text()
    server.write("conf/httpd.conf", good + "\nNonsense yes\n")
    line = good.count("\n") + 2
    server.signal(signal.SIGUSR1)
    wait_until(lambda: "Invalid command 'Nonsense'" in server.error_log(), 10, "the complaint")
    assert f"AH00526: Syntax error on line {line} of {server.root}/conf/httpd.conf:" in server.error_log()
    assert generations(server) == {1}
    server.connect().close()
    server.write("conf/httpd.conf", good)
    restart(server, 2)


def test_a_broken_configuration_survives_hangup_too(server: LiveServer) -> None:
    good = (server.root / "conf/httpd.conf").read_text()
    server.write("conf/httpd.conf", good + "\n<Directory />\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: "was not closed" in server.error_log(), 10, "the complaint")
    assert generations(server) == {1}


def test_ports_come_and_go(server: LiveServer) -> None:
    other = free_port()
    path = server.root / "conf/httpd.conf"
    old = path.read_text()
    path.write_text(old + f"Listen {HOST}:{other}\n")
    restart(server, 2)
    socket.create_connection((HOST, other), 5).close()
    path.write_text(old)
    restart(server, 3)
    wait_until(lambda: not listening(other), 10, "nobody to listen there")
    server.connect().close()


def listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection((HOST, port), 5):
        return True
    return False


def test_a_port_that_is_taken_keeps_the_old_generation(server: LiveServer) -> None:
    path = server.root / "conf/httpd.conf"
    old = path.read_text()
    with socket.create_server((HOST, 0)) as taken:
        path.write_text(old + f"Listen {HOST}:{taken.getsockname()[1]}\n")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: "AH00072: make_sock: could not bind" in server.error_log(), 10, "the complaint")
        assert "older children serve on" not in server.error_log(), "the old image should have found out itself"
        assert generations(server) == {1}
        server.connect().close()
    path.write_text(old)
    restart(server, 2)


FRAGILE = """
import os, sys
from mpmserver.core.module import Module

def post_config(configuration):
    if os.path.exists(configuration.path("broken")) and "-t" not in sys.argv:
        raise RuntimeError("the new code is broken")

MODULE = Module("fragile", post_config=post_config)
"""


def test_new_code_that_fails_after_the_check_leaves_the_children_alone() -> None:
    root_module = {"fragile.py": FRAGILE}
    server = LiveServer("LoadModule fragile_module fragile", mpm="prefork", modules=("authz_core",), files=root_module)
    server.environment["PYTHONPATH"] = f"{PROJECT}{os.pathsep}{server.root}"
    with server:
        pid = server.pid
        (server.root / "broken").touch()
        server.signal(signal.SIGUSR1)
        wait_until(lambda: "the new code is broken" in server.error_log(), 10, "the failure")
        wait_until(lambda: "older children serve on" in server.error_log(), 10, "what becomes of it")
        assert generations(server) == {1}
        server.connect().close()
        (server.root / "broken").unlink()
        restart(server, 2)
        assert server.pid == pid
        (server.root / "broken").touch()
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.error_log().count("the new image failed") == 2, 10, "the second failure")
        server.stop()
        assert not (server.root / "logs/httpd.pid").exists()


PAGED = """
import os, jinja2
from mpmserver.core.module import Module
from mpmserver.core.templates import Page

MODULE = Module("paged", pages=(Page("page.html", jinja2.Environment, os.path.dirname(__file__)),))
"""


def test_pages_that_cannot_be_made() -> None:
    """There is no start without them, and no restart: what is being served goes on."""
    cannot = "mpmserver: Cannot make the pages of the server: "
    complaint = f"{cannot}[Errno 2] No such file or directory: "
    server = LiveServer("LoadModule paged_module paged", modules=("authz_core",), files={"paged.py": PAGED})
    server.environment["PYTHONPATH"] = f"{PROJECT}{os.pathsep}{server.root}"
    page = server.root / "page.html"
    with pytest.raises(AssertionError, match=re.escape(f"ended with 1:\n{complaint}'{page}'\n")):
        server.start()
    page.write_text("first\n{% for %}")
    with pytest.raises(AssertionError, match=re.escape(f"ended with 1:\n{cannot}{page}:2: ")):
        server.start()
    page.write_text("")
    with server:
        page.unlink()
        server.signal(signal.SIGUSR1)
        wait_until(lambda: "older children serve on" in server.error_log(), 10, "what becomes of it")
        wait_until(lambda: f"{complaint}'{page}'" in server.error_log(), 10, "the reason")
        assert generations(server) == {1}
        server.connect().close()
        page.touch()
        restart(server, 2)


def test_changing_the_mpm_under_load_costs_no_request() -> None:
    body = "b" * 20_000
    with LiveServer(mpm="event", modules=("authz_core",), files={"htdocs/b.txt": body}) as server:
        clients = [Client(server) for _ in range(4)]
        for client in clients:
            client.start()
        for number, mpm in enumerate(("prefork", "worker", "reactor", "event"), 2):
            server.mpm = mpm
            server.write_config("", modules=("authz_core",))
            restart(server, number)
        for client in clients:
            client.stop()
        assert not [failure for client in clients for failure in client.failures]
        assert sum(client.answers for client in clients) > 100
        answers = sum(client.answers for client in clients)
        wait_until(lambda: len(server.access_log().splitlines()) == answers, 15, f"{answers} log lines")


class Client(threading.Thread):
    """Requests over keep-alive connections, a new one every ten requests; what goes wrong is kept.

    A server that stops may close a connection between two requests (it says so by Connection: close).
    """

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self.port = server.port
        self.answers = 0
        self.failures: list[str] = []
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                self._one_connection()
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(20)

    def _one_connection(self) -> None:
        with socket.create_connection((HOST, self.port), 10) as connection, connection.makefile("rb") as stream:
            for number in range(10):
                close = "Connection: close\r\n" if number == 9 else ""
                try:
                    connection.sendall(f"GET /b.txt HTTP/1.1\r\nHost: x\r\n{close}\r\n".encode())
                    line = stream.readline()
                except ConnectionError:
                    line = b""
                if not line and number:
                    return  # closed while it was idle: legal for a server, and a client tries again
                head = {}
                assert line == b"HTTP/1.1 200 OK\r\n", line
                while (line := stream.readline()) != b"\r\n":
                    name, _, value = line.decode().partition(":")
                    head[name.lower()] = value.strip()
                data = stream.read(int(head["content-length"]))
                assert len(data) == 20_000, len(data)
                self.answers += 1
                if head.get("connection") == "close":
                    return
