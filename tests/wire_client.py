"""A byte-exact HTTP/1.1 client for tests: it sends what it is told and parses what comes back, repairing nothing.

Pure functions over one connected socket; used by ``live_server`` and the differential harness.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

#: For so many seconds nothing has come from a server that keeps a connection open, and has logged its answer.
QUIET = 0.05


@dataclass(frozen=True, slots=True)
class Response:
    """One response as it stood on the wire, the body without its transfer coding.

    ``complete`` is false when the connection ended (or the framing broke) before the body's end.
    """

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool = True
    trailers: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> list[str]:
        """All values of a header, in order; names compare without case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The first value of a header, or ``None``."""
        return next(iter(self.values(name)), None)

    @property
    def status_line(self) -> str:
        return f"{self.version} {self.status} {self.reason}"


@dataclass(frozen=True, slots=True)
class Received:
    """All bytes of a connection, and how it ended: ``closed``, or ``timeout`` when the server kept it open."""

    received: bytes
    ended: str


def exchange(
    connection: socket.socket,
    sends: Sequence[bytes],
    timeout: float = 10.0,
    *,
    half_close: bool = False,
    methods: Sequence[str] = ("GET",),
    take_leave: bool = False,
) -> Received:
    """Send each part, waiting for a whole answer (to ``methods``) between two, and read until the server closes.

    ``half_close`` ends our direction with the last part: both come at once (MSG_MORE), so whoever has read the part
    need not wait to see the end. A reset counts as closed: what came before it is returned. ``take_leave`` ends our
    direction, too, where the server keeps the connection open behind its last answer: nobody waits until it gives up.
    """
    deadline = time.monotonic() + timeout
    chunks: list[bytes] = []
    try:
        for index, part in enumerate(sends):
            if index:
                _read_answers(connection, chunks, deadline, methods, index)
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            last = half_close and index == len(sends) - 1
            connection.sendall(part, socket.MSG_MORE if last else 0)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
    except TimeoutError:
        return Received(b"".join(chunks), "timeout")
    except OSError:
        pass  # the server answered and closed before it had read everything: its answer is still to be read
    try:
        if take_leave:
            _read_and_leave(connection, chunks, deadline, methods)
        while _read_some(connection, chunks, deadline):
            pass
    except TimeoutError:
        return Received(b"".join(chunks), "timeout")
    except OSError:
        pass
    return Received(b"".join(chunks), "closed")


def _read_answers(
    connection: socket.socket, chunks: list[bytes], deadline: float, methods: Sequence[str], count: int
) -> None:
    """Read until ``count`` answers (interim ones, too) have come whole, or the server closes."""
    while _read_some(connection, chunks, deadline):
        responses, _ = parse_responses(b"".join(chunks), methods)
        if sum(response.complete for response in responses) >= count:
            return


def _read_and_leave(connection: socket.socket, chunks: list[bytes], deadline: float, methods: Sequence[str]) -> None:
    """Read until nothing comes for a while and all answers are there, as their heads tell; then end our direction."""
    while time.monotonic() < deadline:
        try:
            if not _read_some(connection, chunks, min(deadline, time.monotonic() + QUIET)):
                return
        except TimeoutError:
            responses, _ = parse_responses(b"".join(chunks), methods)
            final = [response for response in responses if response.status >= 200]
            if len(final) == len(methods) and all(map(_ends_by_itself, final, methods)):
                connection.shutdown(socket.SHUT_WR)
                return


def _ends_by_itself(response: Response, method: str) -> bool:
    """Whether it is whole without the connection's end."""
    if method == "HEAD" or response.status in (204, 304):
        return True
    return response.complete and bool(response.header("content-length") or response.header("transfer-encoding"))


def _read_some(connection: socket.socket, chunks: list[bytes], deadline: float) -> bool:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    connection.settimeout(remaining)
    data = connection.recv(262144)
    chunks.append(data)
    return bool(data)


def parse_responses(data: bytes, methods: Sequence[str]) -> tuple[list[Response], bytes]:
    """Split a connection's bytes into responses to ``methods`` (the last one repeats); the rest is what is no response.

    Interim responses (1xx) are in the list and answer no method.
    """
    responses: list[Response] = []
    answered = 0
    while data.startswith(b"HTTP/") and b"\r\n\r\n" in data:
        method = methods[min(answered, len(methods) - 1)]
        response, data = _one_response(data, method)
        responses.append(response)
        answered += response.status >= 200 or response.status == 101
        if not response.complete:
            break
    return responses, data


def _one_response(data: bytes, method: str) -> tuple[Response, bytes]:
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    version, _, tail = lines[0].partition(" ")
    status, _, reason = tail.partition(" ")
    headers = tuple(_field(line) for line in lines[1:])
    code = int(status) if status.isdigit() else 0
    trailers: tuple[tuple[str, str], ...] = ()
    named = {name.lower(): value for name, value in headers}
    if method == "HEAD" or 100 <= code < 200 or code in (204, 304):
        body, complete = b"", True
    elif "chunked" in named.get("transfer-encoding", "").lower():
        body, trailers, rest, complete = _dechunk(rest)
    elif named.get("content-length", "").isdigit():
        size = int(named["content-length"])
        body, rest, complete = rest[:size], rest[size:], len(rest) >= size
    else:
        body, rest, complete = rest, b"", True
    return Response(version, code, reason, headers, body, complete, trailers), rest


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


def _dechunk(data: bytes) -> tuple[bytes, tuple[tuple[str, str], ...], bytes, bool]:
    body = bytearray()
    while True:
        line, separator, data = data.partition(b"\r\n")
        try:
            size = int(line.split(b";", 1)[0], 16)
        except ValueError:
            return bytes(body), (), line + separator + data, False
        if size == 0:
            break
        body += data[:size]
        if data[size : size + 2] != b"\r\n":
            return bytes(body), (), b"", False
        data = data[size + 2 :]
    trailers: list[tuple[str, str]] = []
    while True:
        line, separator, data = data.partition(b"\r\n")
        if not line:
            return bytes(body), tuple(trailers), data, bool(separator)
        trailers.append(_field(line.decode("latin-1")))
