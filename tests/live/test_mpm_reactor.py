"""The reactor: what is slow delays nobody else, under each multiplexer; select says when it is at its end."""

from __future__ import annotations

import resource
import select
import socket

import pytest

from tests.live.slow import MODULES, SlowServer, answer
from tests.live_server import wait_until
from tests.require import require_library

MULTIPLEXERS = ("epoll", "poll", "select")
AUTH = (*MODULES, "authn_core", "authn_file", "auth_basic", "authz_user")
PROTECTED = """
ReactorProcesses 1
ThreadPool threads=1
<Location /locked.txt>
  AuthType Basic
  AuthName locked
  AuthUserFile "${ROOT}/conf/users"
  Require valid-user
</Location>
"""


@pytest.mark.parametrize("multiplexer", MULTIPLEXERS)
def test_a_slow_script_delays_no_file(multiplexer: str) -> None:
    with SlowServer("reactor", f"ReactorProcesses 1\nMultiplexer {multiplexer}\n") as server:
        running = [server.begin(str(number)) for number in range(3)]
        for _each in range(5):
            assert server.get("/a.txt").body == b"static\n"
        assert not select.select(running, [], [], 0)[0]
        server.let_go()
        for number, connection in enumerate(running):
            assert f"done {number}" in answer(connection)
            connection.close()


def test_a_password_hash_delays_no_file() -> None:
    require_library("bcrypt")
    import bcrypt  # noqa: PLC0415 (an extra)

    server = SlowServer("reactor", PROTECTED, AUTH)
    server.write("conf/users", b"user:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(14)) + b"\n")
    server.write("htdocs/locked.txt", "locked\n")
    with server, server.connect(60) as slow, server.connect() as quick:
        slow.sendall(
            b"GET /locked.txt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
        )
        for _each in range(3):
            assert "static" in answer(server.ask("/a.txt", quick))
        assert not select.select([slow], [], [], 0)[0], "the hash takes its time, and the files didn't wait for it"
        assert "locked" in answer(slow)


def test_select_says_when_it_is_out_of_descriptors_and_goes_on() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("needs 3000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, hard))
    clients: list[socket.socket] = []
    try:
        with SlowServer("reactor", "ReactorProcesses 1\nMultiplexer select\n") as server:
            clients.append(server.ask("/a.txt"))
            assert "static" in answer(clients[0])
            for _each in range(1100):
                clients.append(server.connect())
                clients[-1].sendall(b"G")  # with nothing sent the kernel would hold it back (TCP_DEFER_ACCEPT)
            wait_until(lambda: "Multiplexer select is out of descriptors" in server.error_log(), 15, "the complaint")
            assert "static" in answer(server.ask("/a.txt", clients[0])), "those that it has are served"
            server.ask("/cgi-bin/slow.sh?1", clients[0])
            assert answer(clients[0]).startswith("HTTP/1.1 503 "), "there is no descriptor for a script's pipes"
            while clients:
                clients.pop().close()
            assert server.get("/a.txt").body == b"static\n"
            server.let_go()
            assert server.get("/cgi-bin/slow.sh?1").body == b"done 1\n"
            assert "Traceback" not in server.error_log()
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
