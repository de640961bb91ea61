"""Gists: two heads with the same one are read alike by the parser, in all that decides; anything odd stays in it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.gist import ABSENT, ANNOUNCING, READ, sieve, within
from mpmserver.http.head import whole_head
from mpmserver.http.limits import HeadLimits
from mpmserver.http.request import Request
from mpmserver.http.text import escape_logitem
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
        request.ambiguous_framing, {name: fields.get(name) for name in ASKED | READ | ANNOUNCING},
    )  # fmt: skip


def gist(head: bytes) -> tuple[bytes, bytes] | None:
    """What is the same for heads that mean the same; None for a head that has no gist."""
    found = sieve(ASKED).gist(head)
    return None if found is None else (head.partition(b"\r\n")[0], found)


def assert_read_alike(plain: bytes, other: bytes) -> None:
    """Where the parser finds `plain` good and the gist is the same, it finds `other` good, and the same."""
    if gist(plain) is None or gist(plain) != gist(other):
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


@given(heads(), st.randoms())
def test_the_order_of_fields_decides_nothing(head: bytes, random: Random) -> None:
    line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    random.shuffle(lines)
    assert gist(b"\r\n".join([line, *lines, b"", b""])) == gist(head)


def test_heads_of_the_wire_table() -> None:
    sent = [case.sent for case in CASES.values()]
    good = {gist(data): data for data in sent if whole_head(data, HeadLimits()) is not None}
    assert len(good) > 1
    for data in sent:
        plain = good.get(gist(data))
        if plain is not None:
            assert_read_alike(plain, data)


PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\nRange: a\r\n\r\n"


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(b"Host", b"A: b\r\nHost"),
        PLAIN.replace(b"\r\n\r\n", b"\r\nUser-Agent: \xe4\tb\r\nA:\r\n\r\n"),
        PLAIN.replace(b"Host", b"Hosts: y\r\nHost"),
        PLAIN.replace(b"Host", b"Hos: y\r\nH: z\r\nHost"),
        PLAIN.replace(b"Host", b"A: b\r\nA: b\r\nHost"),
        PLAIN.replace(b"Range: a", b"range: a").replace(b"Host", b"HOST"),
        b"GET / HTTP/1.1\r\nRange: a\r\n~: y\r\nHost: x\r\n\r\n",
    ],
)
def test_fields_that_decide_nothing_go(other: bytes) -> None:
    assert gist(other) == gist(PLAIN)
    assert whole_head(other, HeadLimits()) is not None


@pytest.mark.parametrize(
    "other",
    [
        PLAIN + b"A: b\r\n",
        PLAIN + b"A: b\r\n\r\n",
        PLAIN + PLAIN,
        PLAIN.replace(b"Host", b"A: b\r\n c\r\nHost"),
        PLAIN.replace(b"Host", b"A: b\nHost"),
        PLAIN.replace(b"Host", b"A: b\rc\r\nHost"),
        PLAIN.replace(b"Host", b"A : b\r\nHost"),
        PLAIN.replace(b"Host", b": b\r\nHost"),
        PLAIN.replace(b"Host", b"A: \0\r\nHost"),
        PLAIN.replace(b"Host", b"A\r\nHost"),
        PLAIN.replace(b"Host", b"host: y\r\nHost"),
        PLAIN.replace(b"Host", b"RANGE: b\r\nHost"),
        PLAIN.replace(b"Host", b"Content-Length: 1\r\nHost"),
        PLAIN.replace(b"Host", b"cONTENT-LENGTH: 0\r\nHost"),
        PLAIN.replace(b"Host", b"tRansfer-encoding: chunked\r\nHost"),
        PLAIN.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        PLAIN.replace(b"Host: x\r\n", b""),
        PLAIN.replace(b"Range: a", b"Range:"),
        PLAIN.replace(b"Range: a", b"Range: A"),
        PLAIN.replace(b"Range: a", b"X-Tab: a"),
        b"\r\n" + PLAIN,
        b"A: b\r\n" + PLAIN,
        PLAIN[:-2],
        PLAIN[:14],
    ],
)
def test_all_else_is_told_apart(other: bytes) -> None:
    assert gist(other) != gist(PLAIN)


def test_limits() -> None:
    many = PLAIN.replace(b"Host", b"A: b\r\nHost")
    assert within(HeadLimits(fields=3), many) and not within(HeadLimits(fields=2), many)
    assert within(HeadLimits(fields=0), many)
    assert not within(HeadLimits(field_size=len(many) - 10), many)
    least = b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 50 + b"\r\n"
    assert within(HeadLimits(fields=50), least) and not within(HeadLimits(fields=49), least)


def test_names_that_are_none_decide_nothing() -> None:
    known = sieve(frozenset({"", "a b", "*", "\xe4", "(x)|.", "-", "^"}))
    assert known.gist(PLAIN.replace(b"Range: a", b"b: c\r\n*: d\r\n^: e")) == b": d\n-\n: e\n-\n: x"
    assert not known.names[known.shown]


NAMES = st.frozensets(st.sampled_from(["a", "x-tab", "range", "cookie", "high", "none", "host", "accept", "expect"]))
VALUES = st.sampled_from([b"", b" x", b"  a b\t", b"x ", b'a"b', b" \\", b"%", b"\t\xe4 ", b" a-[b]"])


@given(heads(), NAMES, NAMES, VALUES)
def test_fields_are_found_as_the_parser_reads_them(
    head: bytes, shown: frozenset[str], read: frozenset[str], value: bytes
) -> None:
    head = head.replace(b"Accept:", b"a:" + value + b"\r\nAccept:")
    request = whole_head(head, HeadLimits())
    known = sieve(frozenset({"range"}), shown, read)
    assert set(known.names[known.shown]) == (shown | read) - {"range", "host", "expect"}
    found = known.match(head.partition(b"\r\n")[2])
    if request is None or found is None:
        return
    groups, fields = found.groups(ABSENT), request.headers.joined
    assert [known.fields(groups).get(name, "-") for name in known.names] == [
        fields.get(name, "-") for name in known.names
    ]
    names = known.names[known.shown]
    usual = [escape_logitem(fields.get(name, "-")) for name in names if name not in read or name not in fields]
    as_they_are = [value.decode("latin-1") for value in groups[known.shown]]
    assert (groups[-1] == b"") is (as_they_are != usual) or not names
