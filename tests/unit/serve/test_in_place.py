"""A request that is all that has come, and waits for nothing, is answered where it arrives; others by a coroutine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.exchange import Exchange, Peer
from mpmserver.http.errors import HTTPError
from mpmserver.serve.connection import Connection
from mpmserver.serve.outcome import Outcome
from tests.memory import MemoryTransport, Slot, drive, log_of, world

GET = b"GET %b HTTP/1.1\r\nHost: memory.example\r\n%b\r\n"
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello'\n"
CONFIGURATION = """
ScriptAlias /cgi-bin/ {root}/cgi-bin/
Redirect /old /new
ErrorDocument 404 /sorry.txt
CustomLog access_log "%>s %b"
<Directory {root}/htdocs>
FallbackResource disabled
</Directory>
"""


class Slow(MemoryTransport):
    """Takes so many bytes at once; the rest when it has been waited for."""

    def __init__(self, takes: int) -> None:
        super().__init__([])
        self.takes = takes

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        return sum(super(Slow, self).send_now(piece) for piece in pieces)

    def send_now(self, data: bytes | memoryview) -> int:
        return super().send_now(data[: self.takes])


class Gone(MemoryTransport):
    """A client that has left."""

    def send_now(self, data: bytes | memoryview) -> int:
        raise BrokenPipeError


def connection_to(tmp_path: Path, transport: MemoryTransport) -> Connection:
    made = world(tmp_path, CONFIGURATION.format(root=tmp_path))
    (tmp_path / "htdocs" / "a.txt").write_text("text")
    (tmp_path / "htdocs" / "sorry.txt").write_text("sorry")
    (tmp_path / "cgi-bin").mkdir()
    script = tmp_path / "cgi-bin" / "hello"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    peer = Peer(("127.0.0.1", 8080), ("127.0.0.2", 50000))
    return Connection(made, transport, None, peer, Slot())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "status", "ending"),
    [(b"/a.txt", b"200 OK", b"\r\n\r\ntext"), (b"/old", b"302 Found", b"</body></html>\n")],
)
def test_what_waits_for_nothing_is_answered_at_once(tmp_path: Path, path: bytes, status: bytes, ending: bytes) -> None:
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)
    for count in (1, 2):
        assert connection.arrived(GET % (path, b"")) is Outcome.IDLE
        assert transport.output.startswith(b"HTTP/1.1 " + status)
        assert transport.output.endswith(ending)
        assert (connection.peer.keepalives, connection.received, transport.sent) == (count, 0, 0)
        transport.output.clear()


@pytest.mark.parametrize(("path", "text"), [(b"/nothing", b"sorry"), (b"/cgi-bin/hello", b"hello")])
def test_what_has_to_wait_is_answered_by_a_coroutine(tmp_path: Path, path: bytes, text: bytes) -> None:
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(GET % (path, b""))
    assert not isinstance(step, Outcome)
    assert drive(step) is Outcome.IDLE
    assert text in transport.output
    assert connection.peer.keepalives == 1


@pytest.mark.parametrize("takes", [0, 1, 20])
def test_what_the_client_does_not_take_at_once_is_sent_by_a_coroutine(tmp_path: Path, takes: int) -> None:
    transport = Slow(takes)
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(GET % (b"/a.txt", b""))
    assert not isinstance(step, Outcome)
    assert len(transport.output) == takes
    assert drive(step) is Outcome.IDLE
    assert transport.output.startswith(b"HTTP/1.1 200 OK\r\n") and transport.output.endswith(b"\r\n\r\ntext")


def test_a_connection_that_is_not_kept_ends_behind_its_answer(tmp_path: Path) -> None:
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(GET % (b"/a.txt", b"Connection: close\r\n"))
    assert not isinstance(step, Outcome)
    assert transport.output.endswith(b"\r\n\r\ntext") and not transport.closed
    assert drive(step) is Outcome.CLOSED
    assert transport.closed


def test_a_client_that_has_left_ends_its_connection(tmp_path: Path) -> None:
    transport = Gone([])
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(GET % (b"/a.txt", b""))
    assert not isinstance(step, Outcome)
    assert drive(step) is Outcome.CLOSED
    assert transport.closed
    assert not [line for line in log_of(connection.world) if "Traceback" in line]


def test_a_head_that_is_refused_is_answered_by_a_coroutine(tmp_path: Path) -> None:
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(b"GET /a.txt HTTP/1.1\r\nHost: a b\r\n\r\n")
    assert not isinstance(step, Outcome)
    assert drive(step) is Outcome.CLOSED
    assert transport.output.startswith(b"HTTP/1.1 400 ")


def test_a_bug_costs_its_request_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)

    def broken(x: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(connection.world.resolver, "map_to_storage", broken)
    step = connection.arrived(GET % (b"/a.txt", b""))
    assert not isinstance(step, Outcome)
    assert drive(step) is Outcome.CLOSED
    assert transport.output.startswith(b"HTTP/1.1 500 ")
    assert [line for line in log_of(connection.world) if "ZeroDivisionError" in line]


@pytest.mark.parametrize("head", [GET % (b"/a.txt", b""), GET % (b"/a.txt", b"") * 2], ids=["one", "two"])
def test_an_error_of_ours_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    """Whatever it says: the request has begun, so it is not begun again, nor answered as a head that is wrong."""
    transport = MemoryTransport([])
    connection = connection_to(tmp_path, transport)
    logged = []
    monkeypatch.setattr("mpmserver.serve.connection.log_request", lambda *request: logged.append(request))
    monkeypatch.setattr("mpmserver.serve.connection.deliverable", OnceWrong())
    step = connection.arrived(head)
    assert (step if isinstance(step, Outcome) else drive(step)) is Outcome.CLOSED
    assert transport.closed
    assert not transport.output
    assert len(logged) == 1
    assert [line for line in log_of(connection.world) if "Traceback" in line]


class OnceWrong:
    """A step that breaks the first time."""

    def __init__(self) -> None:
        self.broken = False

    def __call__(self, x: Exchange) -> Exchange:
        if not self.broken:
            self.broken = True
            raise HTTPError(400)
        return x


def test_the_next_head_has_its_own_time_behind_a_body(tmp_path: Path) -> None:
    transport = MemoryTransport([b"body"])
    connection = connection_to(tmp_path, transport)
    step = connection.arrived(b"POST /a.txt HTTP/1.1\r\nHost: memory.example\r\nContent-Length: 4\r\n\r\n", None)
    assert not isinstance(step, Outcome)
    drive(step)
    assert transport.output.startswith(b"HTTP/1.1 ")
    assert connection.head_deadline is None
