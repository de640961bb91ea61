"""The head parser beside two others: what we accept, h11 and httptools accept, and they read the same.

The other direction does not hold and need not: h11 repairs, httptools is lenient. Where we accept more than
a peer, the generator leaves it out and says so:

* h11 has no octets above 0x7E in targets, no codings but chunked, and folds a value without what is around it;
* httptools has a closed list of methods, refuses folded values, and knows only the targets of RFC 9112 3.2.
"""

from __future__ import annotations

import h11
import httptools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import Chunked, Length
from mpmserver.http.head import find_head_end, parse_head
from mpmserver.http.limits import HeadLimits
from mpmserver.http.request import Request
from tests.wire.simulate import Connection

STRICT = HeadLimits()
Fields = list[tuple[bytes, bytes]]
Read = tuple[bytes, bytes, Fields]

GOOD_FIELDS = ("A: b", "Accept:*/*", "X-Tab:\tb\tc ", "Empty:", "Cookie: a=b; c=d", "High: \xe4", "Content-Length: 3",
               "Transfer-Encoding: chunked", "Connection: close", "Range: bytes=0-1,5-6")  # fmt: skip
BAD_FIELDS = ("A : b", ": b", "A(: b", "nothing", "A: b\x00", "A: b\x01", "A: \x7f", "Host: y", "Content-Length: +3",
              "Content-Length: 3, 4", "Transfer-Encoding: gzip", " folded", "A\xe4: b", "A: b\rc")  # fmt: skip
TARGETS = ("/", "/a/b?c=d", "/%41%2e", "/a;b=c", "http://x/a?b", "/a?b?c", "//a", "/~!$&'()*+,;=:@")
BAD_TARGETS = ("", "/a b", "/\x01", "a", "/a#b", "*", "/\x7f", "http://x:y/")
ENDS = st.sampled_from(["\r\n"] * 20 + ["\n", "\r", "\r\r\n"])


def mostly(good: tuple[str, ...], bad: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(good * 4 + bad)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Request heads, about half of them broken somewhere."""
    method = draw(mostly(("GET", "POST", "HEAD", "OPTIONS", "PUT"), ("G(T", "")))
    target = draw(mostly(TARGETS, BAD_TARGETS))
    protocol = draw(mostly(("HTTP/1.1", "HTTP/1.0"), ("HTTP/1.10", "http/1.1", "HTTP/1", "")))
    fields = ["Host: x", *draw(st.lists(mostly(GOOD_FIELDS, BAD_FIELDS), max_size=4))]
    lines = [f"{method} {target} {protocol}", *draw(st.permutations(fields)), ""]
    return "".join(line + draw(ENDS) for line in lines).encode("latin-1")


def ours(head: bytes) -> Request | None:
    """What we read, None where we refuse or wait for more."""
    if find_head_end(bytearray(head), 0) != len(head):
        return None
    try:
        return parse_head(head, STRICT)
    except HTTPError:
        return None


def comparable(request: Request) -> Read:
    """Method, target and fields without those that a smuggled length or an absolute target changes."""
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.items()]
    return request.method.encode(), request.target.encode("latin-1"), _without_length(fields)


def _without_length(fields: Fields) -> Fields:
    return sorted(field for field in fields if field[0] not in (b"content-length", b"host"))


def h11_read(head: bytes) -> Read | None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    return event.method, event.target, _without_length([(bytes(name), bytes(value)) for name, value in event.headers])


class Reader:
    """httptools' callbacks."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: Fields = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def httptools_read(head: bytes) -> Read | None:
    reader = Reader()
    parser = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(head)
    except httptools.HttpParserError:
        return None
    return (parser.get_method(), reader.target, _without_length(reader.fields)) if reader.complete else None


@given(heads())
def test_what_we_accept_h11_accepts(head: bytes) -> None:
    request = ours(head)
    assume(request is not None)
    assert request is not None
    assume(b"Transfer-Encoding: chunked" not in head or head.count(b"Transfer-Encoding") == 1)
    assert h11_read(head) == comparable(request)


@given(heads())
def test_what_we_accept_httptools_accepts(head: bytes) -> None:
    request = ours(head)
    assume(request is not None)
    assert request is not None
    assume(b"\n folded" not in head)
    assume(head.count(b"Transfer-Encoding") + head.count(b"Content-Length") < 2)
    assert httptools_read(head) == comparable(request)


def test_the_generator_makes_both_kinds() -> None:
    """The two tests above would be empty if everything, or nothing, were refused."""
    seen = {"accepted": 0, "refused": 0}

    @given(heads())
    def count(head: bytes) -> None:
        seen["refused" if ours(head) is None else "accepted"] += 1

    count()
    assert min(seen.values()) > 40, seen


@given(heads(), st.binary(max_size=20), st.integers(1, 40))
def test_splits_change_nothing(head: bytes, body: bytes, step: int) -> None:
    """However the octets arrive, the same requests are read and the same refusals made."""
    wire = head + body
    try:
        whole = Connection(wire)
    except EOFError:
        with pytest.raises(EOFError):
            Connection(wire, step)
        return
    pieces = Connection(wire, step)
    assert pieces.statuses == whole.statuses
    assert pieces.requests == whole.requests
    assert pieces.bodies == whole.bodies


@given(st.binary(max_size=80))
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    """No octets make the parser raise anything but HTTPError."""
    try:
        connection = Connection(noise + b"\r\n\r\n")
    except EOFError:
        return
    assert all(400 <= error.status < 500 for error in connection.errors)


@given(st.integers(0, 2**63 - 1), st.booleans())
def test_lengths_agree_with_httptools(octets: int, chunked: bool) -> None:
    """The framing that we choose is the one that httptools acts on."""
    field = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {octets}"
    head = f"POST / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n".encode()
    request = ours(head)
    assert request is not None
    assert isinstance(request.framing, Chunked) if chunked else request.framing == Length(octets)
    assert httptools_read(head) == comparable(request)
