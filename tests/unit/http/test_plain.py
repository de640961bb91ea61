"""Plain heads: read in one go as the exact parser reads them, whatever was remembered, under every setting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http import plain
from mpmserver.http.connection import connection_options
from mpmserver.http.errors import HTTPError
from mpmserver.http.head import exact_parts, find_head_end, parse_head, whole_head
from mpmserver.http.host import HOSTS, split_host
from mpmserver.http.limits import HeadLimits
from mpmserver.http.plain import plain_parts
from tests.unit.http.test_peers import heads
from tests.wire.cases import CASES

STRICT = HeadLimits()
SETTINGS = (
    STRICT,
    HeadLimits(strict=False),
    HeadLimits(require_methods="RegisteredMethods"),
    HeadLimits(allow09=False),
    HeadLimits(line=30, field_size=30),
    HeadLimits(fields=2),
    HeadLimits(fields=0),
)
USUAL = b"GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nX-Tab:\tb\tc \r\nHigh: \xe4\r\naccept: b\r\n\r\n"


def exact(head: bytes, limits: HeadLimits) -> object:
    """What the exact parser makes of a head: its parts, or its refusal."""
    try:
        line, headers = exact_parts(head, limits)
    except HTTPError as error:
        return error.status, error.log
    return line, headers.items(), headers.joined


def assert_same(head: bytes) -> None:
    """Twice under each setting: what one has put into the memos is there for the next."""
    for _ in range(2):
        for limits in SETTINGS:
            parts = plain_parts(head, limits)
            if parts is not None:
                assert exact(head, limits) == (parts[0], parts[1].items(), parts[1].joined)


@given(heads())
def test_drawn_heads(head: bytes) -> None:
    assert_same(head)


@pytest.mark.parametrize("name", CASES)
def test_heads_of_the_wire_table(name: str) -> None:
    sent = CASES[name].sent
    assert_same(sent)
    end = find_head_end(sent, 0)
    if end > 0:
        assert_same(sent[:end])


def test_what_is_usual_is_plain() -> None:
    for limits in (*SETTINGS[:4], SETTINGS[-1]):
        assert plain_parts(USUAL, limits) is not None
        assert whole_head(USUAL, limits) == parse_head(USUAL, limits)


@pytest.mark.parametrize(
    ("head", "limits", "status"),
    [
        (b"PURGE / HTTP/1.1\r\nHost: x\r\n\r\n", HeadLimits(require_methods="RegisteredMethods"), 501),
        (b"GET /" + b"a" * 60 + b" HTTP/1.1\r\nHost: x\r\n\r\n", HeadLimits(line=40), 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 60 + b"\r\n\r\n", HeadLimits(field_size=40), 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", HeadLimits(fields=2), 400),
        (b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", STRICT, 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", STRICT, 400),
    ],
)
def test_what_another_server_allows_is_still_refused(head: bytes, limits: HeadLimits, status: int) -> None:
    """A lax server has read the same head first, and again in between."""
    lax = HeadLimits(strict=False, line=10**6, field_size=10**6, fields=0)
    for _ in range(2):
        assert parse_head(head, lax).method in ("GET", "PURGE")
        assert whole_head(head, limits) is None
        with pytest.raises(HTTPError) as caught:
            parse_head(head, limits)
        assert caught.value.status == status


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"\r\n" + USUAL, USUAL[:-1], USUAL + b"x", USUAL + USUAL,
        b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
        USUAL.replace(b"/a/b", b"http://x/a"), USUAL.replace(b"/a", b"//a"), USUAL.replace(b"\r\nX", b"\nX"),
        USUAL.replace(b"\xe4", b"\0"), USUAL.replace(b"X-Tab", b" X-Tab"), USUAL.replace(b"Host: x\r\n", b""),
        USUAL.replace(b"Host: x", b"Host:"), USUAL.replace(b"accept: b", b"Host: y"),
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_exact_parser(data: bytes) -> None:
    assert whole_head(data, STRICT) is None


def test_one_request_does_not_see_another() -> None:
    """What is remembered is shared; what belongs to a request is not."""
    first, second = parse_head(USUAL, STRICT), parse_head(USUAL, STRICT)
    first.headers.set("Accept", "changed")
    first.headers.unset("X-Tab")
    assert second.headers.get("Accept") == "*/*, b"
    assert parse_head(USUAL, STRICT) == second


def test_memos_are_bounded() -> None:
    for number in range(3000):
        head = f"GET /{number} HTTP/1.1\r\nHost: h{number}\r\nX: {number}\r\nY: {'y' * 600}{number}\r\n\r\n".encode()
        assert parse_head(head, STRICT).host == f"h{number}"
        connection_options(f"x{number}")
    assert len(plain._LINES) <= 1024
    assert len(plain._FIELDS) <= 1024
    assert max(len(line) for line in plain._FIELDS) <= 512
    assert len(HOSTS) <= 256


@given(st.from_regex(r"[A-Za-z0-9.\-_\[\]:/]{0,12}", fullmatch=True))
def test_hosts_are_read_as_strictly_as_asked(value: str) -> None:
    """The memo of strict answers never speaks for a lax server, nor the other way round."""
    for strict in (True, False, True):
        try:
            answer = split_host(value, strict=strict)
        except HTTPError:
            assert value not in HOSTS or not strict
        else:
            assert not strict or HOSTS[value] == answer


END = re.compile(rb"\n\r?\n")


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"A: b"])), st.integers(0, 20))
def test_the_first_blank_line_ends_a_head(rest: list[bytes], seen: int) -> None:
    first = b"GET / HTTP/1.1\r\n"
    data = first + b"".join(rest)
    begin = max(len(first) - 1, seen - 2)
    match = END.search(data, begin)
    assert find_head_end(bytearray(data), seen) == (match.end() if match else -1)
