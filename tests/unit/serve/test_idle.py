"""What a connection holds while it is idle: nothing that only a request needs."""

from __future__ import annotations

from pathlib import Path

from mpmserver.core.exchange import Peer
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.memory import MemoryTransport, Slot, drive, world

HEAD = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"


def connection_to(tmp_path: Path) -> Connection:
    made = world(tmp_path, "<Directory />\nRequire all granted\n</Directory>\n")
    (tmp_path / "htdocs" / "a.txt").write_text("text")
    peer = Peer(("127.0.0.1", 8080), ("127.0.0.2", 50000))
    return Connection(made, MemoryTransport([]), None, peer, Slot())  # type: ignore[arg-type]


def answered(connection: Connection, data: bytes) -> Outcome:
    step = connection.arrived(data)
    return step if isinstance(step, Outcome) else drive(step)


def test_an_idle_connection_has_no_buffer_and_no_counts(tmp_path: Path) -> None:
    connection, other = connection_to(tmp_path), connection_to(tmp_path)
    for _each in range(3):
        assert answered(connection, HEAD) is Outcome.IDLE
        assert connection.buffer is other.buffer
        assert connection.received == connection.transport.sent == 0
    assert connection.peer.keepalives == 3


def test_the_shared_buffer_can_not_be_written_to(tmp_path: Path) -> None:
    connection, other = connection_to(tmp_path), connection_to(tmp_path)
    connection.buffer += b"GET"
    assert (bytes(connection.buffer), bytes(other.buffer)) == (b"GET", b"")


def test_a_head_in_pieces_and_two_at_once(tmp_path: Path) -> None:
    connection = connection_to(tmp_path)
    connection.transport = transport = MemoryTransport([HEAD[9:] + HEAD])
    assert answered(connection, HEAD[:9]) is Outcome.IDLE
    assert transport.output.count(b"200 OK") == 2
    assert connection.received == transport.sent == 0


def test_both_ends_of_a_connection() -> None:
    one, two = (Peer(("::1", 80), ("::2", port)) for port in (5, 6))
    assert (one.remote, two.remote) == (("::2", 5), ("::2", 6))
    assert one.number == one.number != two.number
