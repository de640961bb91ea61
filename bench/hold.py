"""Idle clients: a program that opens connections, asks for a file on each, and holds them.

`python -m bench.hold PORT COUNT NUMBER` prints `held COUNT` when all have been answered and prints, when its input is
closed, `open N`: how many of them the server has not closed meanwhile. One address has some 28,000 ports, so each
program (NUMBER) has addresses of 127.0.0.0/8 of its own. `Held` starts as many of them as it takes.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from typing import Self

_EACH_ADDRESS = 15_000
_BIND_ADDRESS_NO_PORT = 24
"""Linux's IP_BIND_ADDRESS_NO_PORT, which Python's socket module names from 3.12 on: the port is chosen when it is known
to whom, so those of connections to other servers, which the kernel keeps for a minute, may be taken again."""
_SPARE = 100
_TOGETHER = 100
_REQUEST = b"GET /small.html HTTP/1.1\r\nHost: localhost\r\nUser-Agent: idle\r\n\r\n"


def main(port: int, count: int, number: int) -> None:
    """Open, hold, say how many are left."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    held: list[socket.socket] = []
    for start in range(0, count, _TOGETHER):
        indices = range(start, min(count, start + _TOGETHER))
        opened = [_connect(port, f"127.0.{number + 1}.{index // _EACH_ADDRESS + 1}") for index in indices]
        for connection in opened:
            _answered(connection)
        held += opened
    print("held", len(held), flush=True)
    sys.stdin.read()
    print("open", sum(map(_is_open, held)), flush=True)


def _connect(port: int, address: str) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(20)
    connection.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    connection.bind((address, 0))
    connection.connect(("127.0.0.1", port))
    connection.sendall(_REQUEST)
    return connection


def _answered(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    while len(body) < length:
        body += _more(connection)
    connection.setblocking(False)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the server has closed a connection that was to be held")
    return data


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class Held:
    """So many idle connections to a port, for as long as the context lasts."""

    def __init__(self, port: int, count: int, core: int | None) -> None:
        each = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _SPARE
        shares = [min(each, count - start) for start in range(0, count, each)]
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self._programs = [
            subprocess.Popen(
                [*pin, sys.executable, "-m", "bench.hold", str(port), str(share), str(number)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number, share in enumerate(shares)
        ]  # fmt: skip
        self.count = count

    def __enter__(self) -> Self:
        said = [self._line(program) for program in self._programs]
        if sum(said) != self.count:
            self.__exit__()
            raise ConnectionError(f"{sum(said)} of {self.count} connections could be held")
        return self

    def left(self) -> int:
        """End holding; how many the server had kept open until now."""
        for program in self._programs:
            if program.stdin is not None:
                program.stdin.close()
        return sum(map(self._line, self._programs))

    def __exit__(self, *_error: object) -> None:
        for program in self._programs:
            program.kill()
            for stream in (program.stdin, program.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            program.wait()

    @staticmethod
    def _line(program: subprocess.Popen[str]) -> int:
        words = program.stdout.readline().split() if program.stdout is not None else []
        return int(words[1]) if words else 0


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
