"""Request bodies read from a connection: framing, limits, 100 Continue, and all that clients do wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.core.body import BodyError
from mpmserver.core.settings import CoreDir
from mpmserver.http.framing import Chunked, Framing, Length
from mpmserver.http.limits import HeadLimits
from mpmserver.net.transport import PlainTransport
from mpmserver.net.waits import TimedOut, TimeoutClass
from mpmserver.serve.input import DISCARD_MOST, ConnectionBody, request_body


@dataclass
class FakeConnection:
    """What a body needs of its connection; the other end of the socket is `client`."""

    buffer: bytearray = field(default_factory=bytearray)
    seconds: float = 0.05
    received: int = 0

    def __post_init__(self) -> None:
        mine, self.client = socket.socketpair()
        self.transport = PlainTransport(mine, blocking=True)
        self.fd = self.transport.fd
        self.hosts = SimpleNamespace(default=SimpleNamespace(head_limits=HeadLimits()))

    def body_seconds(self) -> float:
        if self.seconds <= 0:
            raise TimedOut(TimeoutClass.BODY)
        return self.seconds

    def note_received(self, count: int) -> None:
        self.received += count

    def close(self) -> None:
        self.transport.close()
        self.client.close()


class Exchange:
    """As much of an exchange as a limit needs."""

    def __init__(self, limit: int) -> None:
        self.settings = {CoreDir: SimpleNamespace(limit_request_body=limit)}
        self.notes: dict[str, Any] = {}
        self.messages: list[str] = []
        self.server = self

    def __getitem__(self, kind: type) -> Any:
        return kind().finished()

    def log(self, level: int, module: str, message: str, x: object) -> None:
        self.messages.append(message)


Make = Callable[..., tuple[FakeConnection, ConnectionBody]]


@pytest.fixture
def make() -> Any:
    connections: list[FakeConnection] = []

    def body(framing: Framing, arrived: bytes = b"", expect: bool = False, limit: int = 0) -> Any:
        connection = FakeConnection(bytearray(arrived))
        connections.append(connection)
        request = SimpleNamespace(framing=framing, expect_continue=expect, has_body=True)
        made = request_body(connection, request)  # type: ignore[arg-type]
        assert isinstance(made, ConnectionBody)
        made.exchange = Exchange(limit)  # type: ignore[assignment]
        return connection, made

    yield body
    for connection in connections:
        connection.close()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def whole(body: ConnectionBody, count: int = 4096) -> bytes:
    async def read() -> bytes:
        pieces = []
        while data := await body.read(count):
            assert len(data) <= count
            pieces.append(data)
        return b"".join(pieces)

    result: bytes = run(read())
    return result


@pytest.mark.parametrize("count", [1, 3, 4096])
@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (Length(11), b"hello world"),
        (Chunked(), b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n"),
    ],
)
def test_a_body_that_came_with_its_head_and_what_follows_it(
    make: Make, framing: Framing, sent: bytes, count: int
) -> None:
    connection, body = make(framing, sent + b"GET /")
    assert whole(body, count) == b"hello world"
    assert bytes(connection.buffer) == b"GET /"
    assert body.done


@pytest.mark.parametrize(
    ("framing", "sent"), [(Length(11), b"hello world"), (Chunked(), b"b\r\nhello world\r\n0\r\n\r\n")]
)
def test_bytes_that_come_one_by_one(make: Make, framing: Framing, sent: bytes) -> None:
    connection, body = make(framing)
    got = b""
    for number in range(len(sent)):
        connection.client.send(sent[number : number + 1])
        while data := run(body.read_now(100)):
            got += data
    assert got == b"hello world"
    assert body.done
    assert run(body.read_now(100)) == b""
    assert connection.received == len(sent)


def test_nothing_there_is_none_and_not_the_end(make: Make) -> None:
    _connection, body = make(Length(3))
    assert run(body.read_now(10)) is None
    assert not body.done


def test_framing_alone_is_read_through_at_once(make: Make) -> None:
    connection, body = make(Chunked(), b"3\r")
    connection.client.send(b"\nabc\r\n")
    assert run(body.read_now(10)) == b"abc"


def test_100_continue_is_sent_when_the_body_is_first_wanted(make: Make) -> None:
    connection, body = make(Length(2), expect=True)
    assert run(body.read_now(10)) is None
    assert connection.client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.client.send(b"ok")
    assert whole(body) == b"ok"


@pytest.mark.parametrize(
    ("framing", "sent", "status", "cause"),
    [
        (Length(9), b"part", 400, BodyError.CUT_SHORT),
        (Chunked(), b"9\r\npart", 400, BodyError.CUT_SHORT),
        (Chunked(), b"", 400, BodyError.CUT_SHORT),
        (Chunked(), b"5\r\nhello\r\nZZ\r\n", 400, BodyError.BROKEN),
        (Chunked(), b"5\r\nhelloXX", 400, BodyError.BROKEN),
    ],
)
def test_a_body_that_breaks_off_or_is_none(make: Make, framing: Framing, sent: bytes, status: int, cause: str) -> None:
    connection, body = make(framing, sent)
    connection.client.shutdown(socket.SHUT_WR)
    with pytest.raises(BodyError) as caught:
        whole(body)
    assert (caught.value.status, caught.value.cause, caught.value.close) == (status, cause, True)
    assert body.failed
    assert not run(body.discard())
    with pytest.raises(BodyError):
        run(body.read(1))


def test_a_client_that_is_too_slow(make: Make) -> None:
    connection, body = make(Length(9), b"part")
    with pytest.raises(BodyError) as caught:
        whole(body)
    assert (caught.value.status, caught.value.cause) == (408, BodyError.LATE)
    _connection, body = make(Length(9))
    assert body.seconds_left() == 0.05
    _connection.seconds = 0
    with pytest.raises(BodyError):
        body.seconds_left()
    assert body.failed
    assert connection.received == 0


def test_a_reset_is_named_for_the_log(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    _connection, body = make(Length(9))

    async def recv(*arguments: object) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(PlainTransport, "recv", recv)
    with pytest.raises(BodyError) as caught:
        run(body.read(10))
    assert caught.value.cause == "(104)Connection reset by peer"
    assert body.failed


def test_limit_request_body(make: Make) -> None:
    _connection, body = make(Length(11), b"hello world", limit=10)
    with pytest.raises(BodyError) as caught:
        whole(body)
    assert caught.value.status == 413
    message = "AH01588: Requested content-length of 11 is larger than the configured limit of 10"
    assert body.exchange is not None
    assert body.exchange.messages == [message]  # type: ignore[attr-defined]
    _connection, body = make(Chunked(), b"b\r\nhello world\r\n0\r\n\r\n", limit=10)
    with pytest.raises(BodyError) as caught:
        whole(body, 4)
    assert caught.value.status == 413
    assert body.failed
    _connection, body = make(Length(11), b"hello world", limit=11)
    assert whole(body) == b"hello world"


@pytest.mark.parametrize(
    ("framing", "sent", "kept"),
    [
        (Length(5), b"hello", True),
        (Length(DISCARD_MOST + 1), b"hello", False),
        (Chunked(), b"5\r\nhello\r\n0\r\n\r\n", True),
        (Chunked(), b"ZZ\r\n", False),
        (Length(5), b"hell", False),
    ],
)
def test_what_is_left_is_discarded_where_that_is_cheap(make: Make, framing: Framing, sent: bytes, kept: bool) -> None:
    _connection, body = make(framing, sent)
    assert run(body.discard()) is kept


def test_a_body_that_was_never_asked_for_is_not_discarded(make: Make) -> None:
    _connection, body = make(Length(5), expect=True)
    assert not run(body.discard())


def test_a_request_without_a_body() -> None:
    request = SimpleNamespace(has_body=False)
    body = request_body(None, request)  # type: ignore[arg-type]
    assert (body.length, body.fd) == (0, -1)
    assert run(body.read(10)) == run(body.read_now(10)) == b""
    assert body.seconds_left() == float("inf")
    assert body.late().status == 408


class Watch:
    """Notes what it is told, and refuses what is too much."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.told: list[int | str | None] = []

    def before(self, length: int | None) -> None:
        self.told.append(f"length {length}")
        if length is not None and length > self.most:
            raise BodyError(413, BodyError.BROKEN)

    def took(self, count: int) -> None:
        self.told.append(count)
        self.most -= count
        if self.most < 0:
            raise BodyError(413, BodyError.BROKEN)


def test_who_looks_on_is_told_of_each_chunk(make: Make) -> None:
    _connection, body = make(Chunked(), b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    watch = body.watch = Watch(20)
    assert whole(body) == b"hello world"
    assert [told for told in watch.told if told != "length None"] == [5, 6]


@pytest.mark.parametrize(
    ("framing", "sent"), [(Length(11), b"hello world"), (Chunked(), b"b\r\nhello world\r\n0\r\n\r\n")]
)
def test_who_looks_on_may_refuse(make: Make, framing: Framing, sent: bytes) -> None:
    _connection, body = make(framing, sent)
    body.watch = Watch(10)
    with pytest.raises(BodyError) as caught:
        whole(body)
    assert caught.value.status == 413
    assert body.failed
    assert not body.can_be_skipped()


def test_nobody_looks_at_no_body() -> None:
    request = SimpleNamespace(has_body=False)
    body = request_body(None, request)  # type: ignore[arg-type]
    body.watch = Watch(0)
    assert body.watch is None
