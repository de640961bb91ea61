"""Gists: two heads with the same one are read alike by the parser, in all that decides; anything odd stays in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.gist import READ, finder, sieve, within
from mpmserver.http.head import whole_head
from mpmserver.http.limits import HeadLimits
from mpmserver.http.request import Request
from tests.unit.http.test_peers import BAD_FIELDS, GOOD_FIELDS, heads
from tests.wire.cases import CASES

ASKED = frozenset({"range", "x-tab"})
LIMITS = (HeadLimits(), HeadLimits(strict=False), HeadLimits(fields=3), HeadLimits(field_size=40), HeadLimits(fields=0))
LINES = st.sampled_from([
    *GOOD_FIELDS, *BAD_FIELDS, "range: 1", "HOST: x", "connection:keep-alive", "Expect: 100-continue", "X: " + "y" * 50,
    "", "\t", "GET / HTTP/1.1", "A: b\nC: d", "Ranger: 1", "Rang: 1",
])  # fmt: skip


def decided(request: Request) -> tuple[object, ...]:
    """All of a request but the fields that nobody asks for, and its size."""
    fields = request.headers.joined
    return (
        request.request_line, request.method, request.target, request.version, request.uri, request.host, request.port,
        request.keep_alive, request.keep_alive_asked, request.expect_continue, request.framing,
        request.ambiguous_framing, {name: fields.get(name) for name in ASKED | READ},
    )  # fmt: skip


def assert_read_alike(plain: bytes, other: bytes) -> None:
    """Where the parser finds `plain` good and the gist is the same, it finds `other` good, and the same."""
    gist = sieve(ASKED)
    if gist(plain) != gist(other):
        return
    for limits in LIMITS:
        read = whole_head(plain, limits)
        if read is not None and within(limits, other):
            again = whole_head(other, limits)
            assert again is not None, other
            assert decided(read) == decided(again)


@given(heads(), st.data())
def test_drawn_heads(head: bytes, data: st.DataObject) -> None:
    """A head beside itself with lines put in, taken out, or anything behind it."""
    lines = head.split(b"\r\n")
    for line in data.draw(st.lists(LINES, max_size=3)):
        lines.insert(data.draw(st.integers(0, len(lines))), line.encode("latin-1"))
    if data.draw(st.booleans()):
        del lines[data.draw(st.integers(0, len(lines) - 1))]
    other = b"\r\n".join(lines)
    assert_read_alike(head, other)
    assert_read_alike(other, head)


def test_heads_of_the_wire_table() -> None:
    sent = [case.sent for case in CASES.values()]
    good = {sieve(ASKED)(data): data for data in sent if whole_head(data, HeadLimits()) is not None}
    assert good
    for data in sent:
        plain = good.get(sieve(ASKED)(data))
        if plain is not None:
            assert_read_alike(plain, data)


PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\nRange: a\r\n\r\n"


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(b"Host", b"A: b\r\nHost"),
        PLAIN.replace(b"\r\n\r\n", b"\r\nUser-Agent: \xe4\tb\r\nA:\r\n\r\n"),
        PLAIN.replace(b"Host", b"Hosts: y\r\nHost"),
        PLAIN.replace(b"Host", b"A: b\r\nA: b\r\nHost"),
    ],
)
def test_fields_that_decide_nothing_go(other: bytes) -> None:
    assert sieve(ASKED)(other) == sieve(ASKED)(PLAIN) == PLAIN
    assert whole_head(other, HeadLimits()) is not None


@pytest.mark.parametrize(
    "other",
    [
        PLAIN + b"A: b\r\n",
        PLAIN + b"A: b\r\n\r\n",
        PLAIN + PLAIN,
        PLAIN.replace(b"Host", b"A: b\r\n c\r\nHost"),
        PLAIN.replace(b"Host", b"A: b\nHost"),
        PLAIN.replace(b"Host", b"A : b\r\nHost"),
        PLAIN.replace(b"Host", b"A: \0\r\nHost"),
        PLAIN.replace(b"Host", b"A\r\nHost"),
        PLAIN.replace(b"Host", b"host: y\r\nHost"),
        PLAIN.replace(b"Host", b"RANGE: b\r\nHost"),
        PLAIN.replace(b"Host", b"Content-Length: 1\r\nHost"),
        PLAIN.replace(b"Host", b"tRansfer-encoding: chunked\r\nHost"),
        b"\r\n" + PLAIN,
        b"A: b\r\n" + PLAIN,
        PLAIN[:-2],
        PLAIN.replace(b"Range: a", b"range: a"),
    ],
)
def test_all_else_stays(other: bytes) -> None:
    assert sieve(ASKED)(other) != PLAIN


def test_limits() -> None:
    many = PLAIN.replace(b"Host", b"A: b\r\nHost")
    assert within(HeadLimits(fields=3), many) and not within(HeadLimits(fields=2), many)
    assert within(HeadLimits(fields=0), many)
    assert not within(HeadLimits(field_size=len(many) - 10), many)


def test_names_that_are_none_decide_nothing() -> None:
    assert sieve(frozenset({"", "a b", "*", "\xe4", "(x)|."}))(PLAIN.replace(b"Range: a", b"b: c\r\n*: d")) == (
        b"GET / HTTP/1.1\r\nHost: x\r\n*: d\r\n\r\n"
    )
    assert finder(frozenset())(PLAIN) == {}


@given(heads(), st.frozensets(st.sampled_from(["a", "x-tab", "range", "cookie", "high", "none", "host"])))
def test_fields_are_found_as_the_parser_reads_them(head: bytes, names: frozenset[str]) -> None:
    head = head.replace(b"Accept:", b"a: second \r\nAccept:")
    request = whole_head(head, HeadLimits())
    if request is not None:
        fields = request.headers.joined
        assert finder(names)(head) == {name: fields[name] for name in names if name in fields}
