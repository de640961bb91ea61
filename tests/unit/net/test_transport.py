"""What a transport does when the kernel takes little, nothing, or everything at once."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mpmserver.net.transport import SENDFILE_TURN, PlainTransport
from mpmserver.net.waits import Ready, TimedOut, TimeoutClass

LARGE = b"0123456789abcdef" * (1 << 16)


def drive(coroutine: Coroutine[Any, Any, int], theirs: socket.socket) -> tuple[int, bytes, list[Any]]:
    """Drive a sender, reading what it sends whenever it waits; its answer, what arrived, the waits."""
    arrived = bytearray()
    waits: list[Any] = []
    theirs.setblocking(False)
    while True:
        try:
            waits.append(coroutine.send(None))
        except StopIteration as end:
            return end.value, bytes(arrived + read_all(theirs)), waits
        arrived += read_all(theirs)


def read_all(theirs: socket.socket) -> bytes:
    arrived = bytearray()
    while True:
        try:
            arrived += theirs.recv(1 << 20)
        except BlockingIOError:
            return bytes(arrived)


@pytest.mark.parametrize(
    "pieces", [[], [b"", b""], [b"head"], [b"head", b"body"], [b"head", LARGE, b"", LARGE, b"end"]]
)
def test_all_pieces_are_sent_in_order(pieces: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = PlainTransport(ours, blocking=False)
        given = list(pieces)
        sent, arrived, waits = drive(transport.send(pieces, 5.0), theirs)
    whole = b"".join(pieces)
    assert arrived == whole
    assert sent == transport.sent == len(whole)
    assert pieces == given
    assert all(isinstance(wait, Ready) for wait in waits)
    assert bool(waits) is (len(whole) > 1000)


def test_nothing_to_send_asks_nothing_of_a_socket_that_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(StopIteration) as end:
            PlainTransport(ours, blocking=False).send([b""], 5.0).send(None)
        assert end.value.value == 0


@pytest.mark.parametrize("file", [False, True])
def test_a_blocking_sender_waits_no_longer_than_told(file: bool, tmp_path: Path) -> None:
    """A client that takes nothing any more: what fitted is counted, then the time is up."""
    ours, theirs = socket.socketpair()
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    with ours, theirs, path.open("rb") as opened:
        transport = PlainTransport(ours, blocking=True)
        seconds = 0.05
        sending = (
            transport.sendfile(opened.fileno(), 0, len(LARGE), seconds) if file else transport.send([LARGE], seconds)
        )
        began = time.monotonic()
        with pytest.raises(TimedOut):
            sending.send(None)
        assert 0.04 < time.monotonic() - began < 3
        theirs.setblocking(False)
        assert transport.sent == len(read_all(theirs)) > 0


@pytest.mark.parametrize("blocking", [False, True])
def test_a_file_that_became_shorter_ends_early(blocking: bool, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with ours, theirs, path.open("rb") as opened:
        transport = PlainTransport(ours, blocking)
        sent, arrived, _ = drive(transport.sendfile(opened.fileno(), 1, 100, 5.0), theirs)
    assert (sent, arrived, transport.sent) == (4, b"hort", 4)


def test_a_client_that_takes_all_leaves_others_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop lets others go first each time it has sent `SENDFILE_TURN` bytes in a row."""
    taken: list[int] = []

    def sendfile(out: int, fd: int, offset: int, count: int) -> int:
        taken.append(count)
        return count

    monkeypatch.setattr(os, "sendfile", sendfile)
    path = tmp_path / "file"
    path.write_bytes(b"x")
    ours, theirs = socket.socketpair()
    with ours, theirs, path.open("rb") as opened:
        size = 2 * SENDFILE_TURN + 1
        sent, _, waits = drive(PlainTransport(ours, blocking=False).sendfile(opened.fileno(), 0, size, 5.0), theirs)
    assert sent == sum(taken) == size
    assert [type(wait) for wait in waits] == [Ready, Ready]


@pytest.mark.parametrize("blocking", [False, True])
def test_a_head_and_the_beginning_of_a_file_go_out_at_once(blocking: bool, tmp_path: Path) -> None:
    """A socket that blocks gets the head alone: there is no sendfile() that wouldn't wait."""
    ours, theirs = socket.socketpair()
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with ours, theirs, path.open("rb") as opened:
        transport = PlainTransport(ours, blocking)
        sent = transport.sendfile_now(b"head", opened.fileno(), 2, 5)
        assert theirs.recv(100) == (b"head" if blocking else b"head23456")
        assert sent == transport.sent == (4 if blocking else 9)


def test_a_loop_goes_on_with_a_file_in_its_coroutine_s_place(tmp_path: Path) -> None:
    """It is told when all was sent, and the coroutine finds that done; an error waits for the coroutine, too."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    path = tmp_path / "file"
    path.write_bytes(LARGE)
    with ours, theirs, path.open("rb") as opened:
        sending = PlainTransport(ours, blocking=False).sendfile(opened.fileno(), 0, len(LARGE), 5.0)
        waited = sending.send(None)
        assert type(waited) is Ready and waited.go_on is not None
        arrived = b""
        while not waited.go_on():
            arrived += read_all(theirs)
        assert arrived + read_all(theirs) == LARGE
        with pytest.raises(StopIteration) as end:
            sending.send((ours.fileno(),))
        assert end.value.value == len(LARGE)
        sending = PlainTransport(ours, blocking=False).sendfile(opened.fileno(), 0, len(LARGE), 5.0)
        waited = sending.send(None)
        theirs.close()
        assert waited.go_on() is True
        with pytest.raises(OSError, match="pipe"):
            sending.send((ours.fileno(),))


@pytest.mark.parametrize("blocking", [False, True])
def test_the_last_bytes_go_out_with_the_end(blocking: bool) -> None:
    with connected() as (ours, theirs):
        transport = PlainTransport(ours, blocking)
        assert transport.send_last(b"answer") == transport.sent == 6
        assert theirs.recv(100) == b"answer"
        assert theirs.recv(100) == b""
        transport.shutdown_write()


def test_the_end_waits_for_what_the_kernel_did_not_take() -> None:
    with connected() as (ours, theirs):
        transport = PlainTransport(ours, blocking=False)
        large = LARGE * 16
        sent = transport.send_last(large)
        assert 0 < sent == transport.sent < len(large)
        while taken := transport.send_last(large[sent:]):  # the kernel goes on moving what it has to the other end
            sent += taken
        _, arrived, _ = drive(transport.send([large[sent:]], 5.0), theirs)
        assert arrived == large[: len(arrived)]


def test_what_the_client_sent_too_much_costs_it_nothing_of_the_answer() -> None:
    """The end is told before the socket is closed: closing one with unread bytes drops what is not on its way."""
    with connected() as (ours, theirs):
        theirs.sendall(b"unread")
        transport = PlainTransport(ours, blocking=False)
        transport.send_last(b"answer")
        transport.close()
        assert theirs.recv(100) == b"answer"


def test_a_socket_is_told_not_to_block_where_a_file_is_sent_by_the_kernel(tmp_path: Path) -> None:
    """Other calls say so themselves."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    ours, theirs = socket.socketpair()
    with ours, theirs, path.open("rb") as opened:
        transport = PlainTransport(ours, blocking=False)
        assert transport.recv_now(10) is None
        assert type(transport.recv(10, TimeoutClass.HEAD, 5.0).send(None)) is Ready
        assert os.get_blocking(ours.fileno())
        transport.sendfile_now(b"head", opened.fileno(), 0, 5)
        assert not os.get_blocking(ours.fileno())


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection, the server's first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours, theirs:
        theirs.settimeout(5)
        yield ours, theirs
