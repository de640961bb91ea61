"""How bodies are sent: what goes out in one piece, what the kernel sends, and what is handed to who remembers it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.body import Content, OpenFile, Response, Unmeasured
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.recall.memo import Memo
from mpmserver.http.head import parse_head
from mpmserver.http.limits import HeadLimits
from mpmserver.serve.input import NO_REQUEST_BODY
from mpmserver.serve.output import SMALL_FILE, Sender
from tests.memory import world


class Transport:
    """Keeps the calls of a sender."""

    def __init__(self, blocking: bool) -> None:
        self.fd = -1
        self.blocking = blocking
        self.calls: list[tuple[str, bytes]] = []

    async def send(self, pieces: Sequence[bytes], seconds: float, more: bool = False) -> int:
        self.calls.append(("send", b"".join(pieces)))
        return len(self.calls[-1][1])

    def send_now(self, data: bytes) -> int:
        self.calls.append(("send", data))
        return len(data)

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        self.calls.append(("sendfile", os.pread(fd, count, offset)))
        return len(self.calls[-1][1])


def exchange(tmp_path: Path, response: Response, head: bytes = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n") -> Exchange:
    made = world(tmp_path, "")
    request = parse_head(head, HeadLimits())
    x = Exchange(request, Peer(("127.0.0.1", 80), ("127.0.0.1", 5)), made.site.main, NO_REQUEST_BODY, made)
    x.response = response
    x.memo = Memo(request.headers)
    return x


def send(x: Exchange, blocking: bool = False) -> Transport:
    transport = Transport(blocking)
    connection: Any = type("Connection", (), {"transport": transport})()
    coroutine = Sender(connection, x).send()
    if coroutine is not None:
        with pytest.raises(StopIteration):
            coroutine.send(None)
    return transport


def file_of(tmp_path: Path, data: bytes) -> int:
    path = tmp_path / "file"
    path.write_bytes(data)
    return os.open(path, os.O_RDONLY)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_small_file_goes_out_with_its_head(tmp_path: Path, blocking: bool) -> None:
    data = b"x" * SMALL_FILE
    x = exchange(tmp_path, Response(200, OpenFile(file_of(tmp_path, data), len(data))))
    transport = send(x, blocking)
    (call,) = transport.calls
    head, _, body = call[1].partition(b"\r\n\r\n")
    assert (call[0], body) == ("send", data)
    assert head.startswith(b"HTTP/1.1 200 OK\r\nDate: ") and head.endswith(b"\r\nContent-Length: 65536")
    assert x.memo is not None
    assert (x.memo.head, x.memo.body, x.sent_body) == (head + b"\r\n\r\n", data, len(data))
    assert type(x.memo.body) is bytes


def test_a_large_file_is_sent_by_the_kernel(tmp_path: Path) -> None:
    data = b"y" * (SMALL_FILE + 1)
    x = exchange(tmp_path, Response(200, OpenFile(file_of(tmp_path, data), len(data))))
    transport = send(x)
    assert [name for name, _data in transport.calls] == ["send", "sendfile"]
    assert transport.calls[1][1] == data
    assert x.memo is not None and x.memo.body is None
    assert x.sent_body == len(data)


def test_ranges_of_a_file_go_out_in_one_piece(tmp_path: Path) -> None:
    body = OpenFile(file_of(tmp_path, b"0123456789"), 10, (b"<", (1, 2), b"|", (8, 2), b">"))
    transport = send(exchange(tmp_path, Response(206, body)))
    (call,) = transport.calls
    assert call[1].endswith(b"\r\nContent-Length: 7\r\n\r\n<12|89>")


@pytest.mark.parametrize("blocking", [False, True])
def test_a_file_that_became_shorter_breaks_the_connection(tmp_path: Path, blocking: bool) -> None:
    x = exchange(tmp_path, Response(200, OpenFile(file_of(tmp_path, b"short"), 9)))
    with pytest.raises(ConnectionAbortedError):
        send(x, blocking)
    assert x.memo is not None and x.memo.body is None
    assert x.sent_body == 9


@pytest.mark.parametrize(
    ("error", "expected"), [(BlockingIOError(), ["send", "sendfile"]), (OSError(95, "unsupported"), ["send"])]
)
def test_a_file_that_is_not_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, expected: list[str]
) -> None:
    def preadv(fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        raise error

    monkeypatch.setattr(os, "preadv", preadv)
    transport = send(exchange(tmp_path, Response(200, OpenFile(file_of(tmp_path, b"data"), 4))))
    assert [name for name, _data in transport.calls] == expected
    assert transport.calls[-1][1].endswith(b"data")


def test_what_is_remembered_is_what_was_sent(tmp_path: Path) -> None:
    x = exchange(tmp_path, Response(404, Unmeasured(b"page")))
    (call,) = send(x).calls
    assert call[1].endswith(b"Transfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\n\r\n")
    assert x.memo is not None and (x.memo.head or b"") + (x.memo.body or b"") == call[1]
    x = exchange(tmp_path, Response(200, Content(b"page")), b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    (call,) = send(x).calls
    assert x.memo is not None and (x.memo.head, x.memo.body) == (call[1], b"")


FIELDS = [
    ({}, {"ETag": '"1"', "Content-Length": "99"}, 3, {}, ['ETag: "1"', "Content-Length: 3"]),
    ({"Set-Cookie": "a"}, {"Link": "b"}, 3, {}, ["Set-Cookie: a", "Link: b", "Content-Length: 3"]),
    ({}, {"Vary": "A, b,a", "Link": "c"}, 3, {}, ["Vary: A,b", "Link: c", "Content-Length: 3"]),
    ({"vary": "b"}, {"Vary": "B c"}, 3, {}, ["vary: b,c", "Content-Length: 3"]),
    ({}, {"Vary": ""}, 3, {}, ["Vary: ", "Content-Length: 3"]),
    ({}, {"Date": "x", "Server": "y", "Transfer-Encoding": "chunked"}, 3, {}, ["Content-Length: 3"]),
    ({"Content-Length": "8"}, {"Link": "c"}, 3, {}, ["Content-Length: 3", "Link: c"]),
    ({}, {"Keep-Alive": "mine"}, 3, {}, ["Keep-Alive: mine", "Content-Length: 3"]),
    ({}, {"Content-Type": "mine", "Link": "c"}, 3, {"content_type": "text/x"},
     ["Content-Type: text/x", "Link: c", "Content-Length: 3"]),
    ({}, {"Link": "c"}, 3,
     {"content_type": "text/x", "content_encoding": "gzip", "content_languages": ["en", "de", "en"]},
     ["Link: c", "Content-Length: 3", "Content-Type: text/x", "Content-Encoding: gzip", "Content-Language: en,de"]),
    ({}, {"Content-Language": "de, fr"}, 3, {"content_languages": ["en", "DE"]},
     ["Content-Language: en,DE,fr", "Content-Length: 3"]),
    ({}, {"Vary": "a"}, 3, {"env": {"force-no-vary": "1"}}, ["Content-Length: 3", "Connection: close"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "fields", "length", "more", "lines"), FIELDS)
def test_the_lines_of_a_head(
    tmp_path: Path, before: dict[str, str], fields: dict[str, str], length: int, more: dict[str, Any], lines: list[str]
) -> None:
    x = exchange(tmp_path, Response(200, Content(b"x" * length)))
    x.err_headers_out.extend(before.items())
    x.headers_out.extend(fields.items())
    for name, value in more.items():
        setattr(x, name, value)
    (call,) = send(x).calls
    assert call[1].partition(b"\r\n\r\n")[0].decode().split("\r\n")[3:] == lines


def test_an_answer_without_content_says_nothing_of_it(tmp_path: Path) -> None:
    x = exchange(tmp_path, Response(304))
    x.headers_out.extend({"ETag": '"1"', "Content-Length": "9"}.items())
    x.content_type = "text/plain"
    (call,) = send(x).calls
    assert call[1].decode().split("\r\n")[3:] == ['ETag: "1"', "", ""]
    assert x.content_type is None
