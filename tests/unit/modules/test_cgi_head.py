"""The head of a script's output: lines, endings, limits, Status, and where the fields go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.core.exchange import Exchange
from mpmserver.http.dates import http_date
from mpmserver.http.errors import HTTPError
from mpmserver.modules.cgi.head import HEAD_MOST, HEADS_MOST, LINE_MOST, ScriptHead, _heads, apply_head
from tests.unit.modules.kit import SiteKit

MODIFIED = "Wed, 15 Nov 2023 08:49:37 GMT"


def fed(output: bytes) -> tuple[ScriptHead, bytes]:
    head, buffer = ScriptHead(), bytearray(output)
    del buffer[: head.feed(buffer)]
    return head, bytes(buffer)


@pytest.mark.parametrize(
    ("output", "fields", "rest"),
    [
        (b"A: 1\n\nbody", [("A", "1")], b"body"),
        (b"A: 1\r\nB:2\r\n\r\nbody", [("A", "1"), ("B", "2")], b"body"),
        (b"A:  \t 1 \n\n", [("A", "1 ")], b""),
        (b"A:\n\n\nx", [("A", "")], b"\nx"),
        (b": 1\n\n", [("", "1")], b""),
        (b"A: b:c\n\n", [("A", "b:c")], b""),
        (b"A: 1\0x\n\n", [("A", "1")], b""),
        (b"\nbody", [], b"body"),
        (b"A: \xe4\n\n", [("A", "\xe4")], b""),
    ],
)
def test_fields(output: bytes, fields: list[tuple[str, str]], rest: bytes) -> None:
    head, left = fed(output)
    assert head.complete
    assert (head.fields, left) == (fields, rest)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_head_that_comes_again_means_the_same(end: bytes) -> None:
    lines = end.join([b"A: 1", b"Status: 404 No", b"", b""])
    for rest in (b"", b"body", b"a\n\nb\r\n\r\n"):
        head, left = fed(lines + rest)
        assert (head.complete, head.decided, head.fields, head.status, left) == (
            True, True, [("A", "1")], "404 No", rest,
        )  # fmt: skip


def test_only_so_many_heads_are_kept() -> None:
    for number in range(3 * HEADS_MOST):
        head, left = fed(b"Number: %d\n\nrest" % number)
        assert (head.fields, left) == ([("Number", str(number))], b"rest")
        assert len(_heads) <= HEADS_MOST
    fed(b"A: " + b"x" * HEAD_MOST + b"\n\n")
    assert all(len(text) <= HEAD_MOST for text in _heads)


@pytest.mark.parametrize(
    ("output", "begun", "bad", "overlong"),
    [
        (b"", False, None, False),
        (b"A: 1", False, None, False),
        (b"A: 1\n", True, None, False),
        (b"<html>\n", True, "<html>", False),
        (b"A: 1\nno field\n\n", True, "no field", False),
        (b"A: " + b"x" * (LINE_MOST - 4) + b"\n", True, None, False),
        (b"A: " + b"x" * (LINE_MOST - 3) + b"\n", False, None, True),
    ],
)
def test_heads_that_are_none(output: bytes, begun: bool, bad: str | None, overlong: bool) -> None:
    head, _rest = fed(output)
    assert not head.complete
    assert (head.begun, head.bad_line, head.overlong) == (begun, bad, overlong)


@given(st.binary(max_size=200), st.integers(1, 20))
def test_pieces_make_no_difference(output: bytes, size: int) -> None:
    whole, left = fed(output)
    head, buffer = ScriptHead(), bytearray()
    for start in range(0, len(output), size):
        buffer += output[start : start + size]
        del buffer[: head.feed(buffer)]
    assert (head, bytes(buffer)) == (whole, left)


@pytest.mark.parametrize(
    ("value", "number", "line"),
    [
        ("200", 200, "200 OK"),
        ("404 Not Here", 404, "404 Not Here"),
        ("404 ", 404, "404 "),
        ("599", 599, "599 "),
        ("700 Odd", 700, "700 Odd"),
        ("20x", 20, "500 Internal Server Error"),
        ("99", 99, "500 Internal Server Error"),
        ("2000", 2000, "500 Internal Server Error"),
        ("", 0, "500 Internal Server Error"),
        ("abc", 0, "500 Internal Server Error"),
        ("099 x", 99, "500 Internal Server Error"),
    ],
)
def test_status(value: str, number: int, line: str) -> None:
    head, _rest = fed(f"Status: {value}\n\n".encode())
    assert (head.status_number, head.status_line) == (number, line)


def test_no_status() -> None:
    head, _rest = fed(b"A: 1\n\n")
    assert head.status_number is None
    assert head.status_line is None


@pytest.fixture
def site(tmp_path: Path) -> SiteKit:
    return SiteKit(tmp_path, "")


def applied(x: Exchange, output: bytes) -> Exchange:
    head, _rest = fed(output)
    apply_head(x, head)
    return x


def test_where_fields_go(site: SiteKit) -> None:
    x = site.exchange("/")
    x.err_headers_out.add("X-A", "0")
    x.err_headers_out.add("Set-Cookie", "first")
    applied(
        x,
        b"Content-Type: TEXT/HTML; Charset=UTF-8 \nx-a: 1\nX-A: 2\nSet-Cookie: a\nset-cookie: b\nETag: e\n"
        b"Location: /x\nContent-Length: 5\nTransfer-Encoding: chunked\nContent-Range: r\nX-B: 3\n"
        b"Last-Modified: " + MODIFIED.encode() + b"\n\n",
    )
    assert x.content_type == "text/html; Charset=UTF-8"
    assert x.err_headers_out.items() == [
        ("X-A", "0, 1, 2"), ("X-B", "3"), ("Set-Cookie", "first"), ("Set-Cookie", "a"), ("Set-Cookie", "b"),
    ]  # fmt: skip
    assert x.headers_out.items() == [
        ("ETag", "e"), ("Location", "/x"), ("Content-Length", "5"), ("Content-Range", "r"), ("Last-Modified", MODIFIED),
    ]  # fmt: skip


def test_a_date_in_the_future_is_now(site: SiteKit) -> None:
    x = applied(site.exchange("/"), b"Last-Modified: Wed, 15 Nov 2099 08:49:37 GMT\n\n")
    assert x.headers_out.get("Last-Modified") == http_date(int(x.request_time))


@pytest.mark.parametrize(
    ("method", "field", "output", "status"),
    [
        ("GET", ("If-None-Match", '"e"'), b'ETag: "e"\n\n', 304),
        ("HEAD", ("If-None-Match", '"e"'), b'ETag: "e"\n\n', 304),
        ("GET", ("If-Modified-Since", MODIFIED), b"Last-Modified: " + MODIFIED.encode() + b"\n\n", 304),
        ("GET", ("If-Match", '"x"'), b'ETag: "e"\n\n', 412),
        ("GET", ("If-None-Match", '"x"'), b'ETag: "e"\n\n', None),
        ("POST", ("If-None-Match", '"e"'), b'ETag: "e"\n\n', None),
        ("GET", ("If-None-Match", '"e"'), b'Status: 200 OK\nETag: "e"\n\n', None),
    ],
)
def test_conditions(site: SiteKit, method: str, field: tuple[str, str], output: bytes, status: int | None) -> None:
    x = site.exchange("/", method, [field])
    if status is None:
        assert applied(x, output).status == 200
        return
    with pytest.raises(HTTPError) as caught:
        applied(x, output)
    assert caught.value.status == status
