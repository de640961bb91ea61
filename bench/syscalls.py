"""System calls for one request of a hot keep-alive connection, by server."""

from __future__ import annotations

import shutil
import socket
import time
from collections import Counter
from collections.abc import Sequence

from bench.figures import Run, Section
from bench.measure import serving
from bench.peers import PEERS, Setting
from bench.running import Running
from bench.strace import calls

TITLE = "system calls"
REQUEST = b"GET /small.html HTTP/1.1\r\nHost: localhost\r\nUser-Agent: counted\r\n\r\n"
REQUESTS = 960
_WARM = 96
_AT_ONCE = 16
_PEERS = tuple(name for name in PEERS if name.startswith(("mpmserver", "apache", "nginx", "lighttpd")))


def measure(plan: Run) -> Section:
    """One client that waits for each answer, and sixteen that ask at the same time."""
    section = Section("syscalls", TITLE)
    if shutil.which("strace") is None:
        plan.say("  strace is not installed")
        return section
    for name in _PEERS:
        with serving((name,), Setting(plan.root, 0), None, plan) as servers:
            for server in servers:
                for clients in (1, _AT_ONCE):
                    try:
                        counted = _count(server, clients)
                    except OSError as error:
                        plan.say(f"  {name}: {error}")
                        continue
                    each = {call: count / REQUESTS for call, count in counted.most_common() if count >= REQUESTS / 100}
                    section.figures.setdefault(f"{clients} at once", {})[name] = each
                    told = ", ".join(f"{call} {count:.2f}" for call, count in each.items())
                    plan.say(f"  {name}, {clients} at once: {sum(each.values()):.2f}: {told}")
    return section


def _count(server: Running, clients: int) -> Counter[str]:
    connections = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(clients)]
    try:
        ask(connections, _WARM)
        time.sleep(0.3)
        return calls(server.children(), lambda: ask(connections, REQUESTS // clients))
    finally:
        for connection in connections:
            connection.close()


def ask(connections: Sequence[socket.socket], times: int) -> None:
    """Ask on every connection, then read every answer; so many times."""
    length = 0
    for _ in range(times):
        for connection in connections:
            connection.sendall(REQUEST)
        for connection in connections:
            length = _answer(connection, length)


def _answer(connection: socket.socket, length: int) -> int:
    """Read an answer that is as long as those before; where none was (0), tell how long they are."""
    received = b""
    while len(received) < length or not length:
        data = connection.recv(65_536)
        if not data:
            raise ConnectionError("the server has closed the connection")
        received += data
        head, end, _body = received.partition(b"\r\n\r\n")
        if not length and end:
            if not head.startswith(b"HTTP/1.1 200 "):
                raise ConnectionError(f"the server said {head[:60]!r}")
            length = len(head) + 4 + int(head.lower().split(b"content-length:")[1].split()[0])
    return length
