"""Whether a connection goes on, and what it says about that; the facts are live Apache 2.4.71's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.memory import exchange, world

ENVIRONMENT = """
MaxKeepAliveRequests 3
SetEnvIf X-D . downgrade-1.0
SetEnvIf X-F . force-response-1.0
SetEnvIf X-N . nokeepalive
SetEnvIf X-V . force-no-vary
"""


@pytest.mark.parametrize(
    ("version", "fields", "line", "connection"),
    [
        ("1.1", (), "HTTP/1.1", None),
        ("1.1", ("Connection: close",), "HTTP/1.1", "close"),
        ("1.1", ("Connection: keep-alive",), "HTTP/1.1", "Keep-Alive"),
        ("1.0", (), "HTTP/1.1", "close"),
        ("1.0", ("Connection: keep-alive",), "HTTP/1.1", "Keep-Alive"),
        ("1.1", ("X-D: 1",), "HTTP/1.1", "close"),
        ("1.1", ("X-D: 1", "Connection: keep-alive"), "HTTP/1.1", "Keep-Alive"),
        ("1.1", ("X-F: 1",), "HTTP/1.1", None),
        ("1.0", ("X-F: 1", "Connection: keep-alive"), "HTTP/1.0", "close"),
        ("1.1", ("X-F: 1", "X-D: 1"), "HTTP/1.0", "close"),
        ("1.1", ("X-N: 1",), "HTTP/1.1", "close"),
        ("1.1", ("X-N: 1", "Via: 1.1 proxy"), "HTTP/1.1", None),
        ("1.1", ("X-V: 1",), "HTTP/1.0", "close"),
    ],
)
def test_persistence(tmp_path: Path, version: str, fields: tuple[str, ...], line: str, connection: str | None) -> None:
    made = world(tmp_path, ENVIRONMENT)
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    head = "\r\n".join((f"GET /a.txt HTTP/{version}", "Host: memory.example", *fields)) + "\r\n\r\n"
    first, *rest = exchange(made, head.encode()).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    answered = dict(field.split(": ", 1) for field in rest)
    assert first == f"{line} 200 OK"
    assert answered.get("Connection") == connection
    assert answered.get("Keep-Alive") == ("timeout=5, max=3" if connection == "Keep-Alive" else None)


@pytest.mark.parametrize(
    ("asked", "changed", "connection"),
    [
        ("keep-alive", "set Connection close", "close"),
        ("keep-alive", "unset Connection", None),
        ("close", "unset Connection", None),
        ("close", "set Connection keep-alive", "Keep-Alive"),
        ("close", "set X y", "close"),
    ],
)
def test_a_request_is_what_modules_made_of_it(tmp_path: Path, asked: str, changed: str, connection: str | None) -> None:
    made = world(tmp_path, f"RequestHeader {changed}\n")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    head = exchange(made, f"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: {asked}\r\n\r\n".encode())
    answered = dict(field.split(": ", 1) for field in head.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
    assert answered.get("Connection") == connection


def test_keep_alive_is_the_connections_own(tmp_path: Path) -> None:
    made = world(tmp_path, "Header set Keep-Alive mine\n")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    request = b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n"
    assert b"Keep-Alive: mine" not in exchange(made, request % b"keep-alive")
    assert b"Keep-Alive: mine" in exchange(made, request % b"close")


def test_the_last_of_max_keep_alive_requests_says_so(tmp_path: Path) -> None:
    made = world(tmp_path, ENVIRONMENT)
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    got = exchange(made, b"GET /a.txt HTTP/1.1\r\nHost: memory.example\r\n\r\n" * 6)
    answers = got.split(b"HTTP/1.1 200 OK")[1:]
    assert [b"Connection: close" in answer for answer in answers] == [False, False, False, True]


def test_a_body_that_was_not_asked_for_ends_the_connection(tmp_path: Path) -> None:
    made = world(tmp_path, "<Location /no>\nRequire all denied\n</Location>\n")
    head = b"POST /no HTTP/1.1\r\nHost: memory.example\r\nContent-Length: 5\r\n"
    owed = exchange(made, head + b"Expect: 100-continue\r\n\r\n")
    assert owed.startswith(b"HTTP/1.1 403 ") and b"Connection: close" in owed
    assert b"Connection: close" not in exchange(made, head + b"\r\nhello")


@pytest.mark.parametrize("tail", [b"Content-Length: 50\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n10\r\nhello"])
def test_a_body_that_ends_too_early_is_answered_400(tmp_path: Path, tail: bytes) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    got = exchange(made, b"POST /a.txt HTTP/1.1\r\nHost: memory.example\r\n" + tail)
    assert got.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in got


def test_an_error_of_http_1_0_is_never_chunked_and_0_9_gets_no_head(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    assert b"chunked" not in exchange(made, b"GET /a.txt HTTP/1.0\r\nBad Header\r\n\r\n")
    assert exchange(made, b"GET /a.txt\r\n") == b"a"
