"""Chunks, both ways: limits, splits at any octet, and h11 as the other end."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.chunked import LAST_CHUNK, BadTrailer, ChunkedDecoder, encode_chunk
from mpmserver.http.errors import HTTPError
from mpmserver.http.limits import HeadLimits

UNSAFE = HeadLimits(strict=False)


def decode(wire: bytes, step: int = 65536, size: int = 65536, limits: HeadLimits | None = None) -> ChunkedDecoder:
    """Feed ``wire`` in steps; the body is left in ``decode.body``."""
    decoder, _ = decode_body(wire, step, size, limits)
    return decoder


def decode_body(
    wire: bytes, step: int = 65536, size: int = 65536, limits: HeadLimits | None = None
) -> tuple[ChunkedDecoder, bytes]:
    decoder = ChunkedDecoder(limits)
    body = b""
    for at in range(0, len(wire), step):
        decoder.feed(wire[at : at + step])
        while piece := decoder.read(size):
            assert len(piece) <= size
            body += piece
    return decoder, body


def test_encode() -> None:
    assert encode_chunk(b"a" * 26) == b"1a\r\n" + b"a" * 26 + b"\r\n"
    assert encode_chunk(b"") == b""
    assert LAST_CHUNK == b"0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_body_trailers_and_leftover(step: int) -> None:
    wire = b'3;x="y"\r\nabc\r\n0A \r\n0123456789\r\n0\r\nX: y\r\nZ: 1\r\n 2\r\n\r\nGET /'
    decoder, body = decode_body(wire, step)
    assert body == b"abc0123456789"
    assert decoder.done
    assert decoder.trailers.items() == [("X", "y"), ("Z", "1 2")]
    assert decoder.leftover == b"GET /"
    assert decoder.read(10) == b""


def test_read_gives_what_is_there() -> None:
    decoder = ChunkedDecoder()
    decoder.feed(b"5\r\nab")
    assert decoder.read(1) == b"a"
    assert decoder.read(10) == b"b"
    assert decoder.read(10) == b""
    decoder.feed(b"cde\r\n2\r\nfg\r\n0\r\n\r")
    assert decoder.read(10) == b"cdefg"
    assert not decoder.done
    assert decoder.leftover == b""
    decoder.feed(b"\n")
    assert decoder.read(10) == b""
    assert decoder.done


def test_read_gives_one_chunk_where_it_is_asked_to() -> None:
    decoder = ChunkedDecoder()
    decoder.feed(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert [decoder.read(100, one=True) for _ in range(3)] == [b"hello", b" world", b""]
    assert decoder.done


def test_a_line_of_zeros_is_cheap() -> None:
    """Sizes are matched without going back over their digits."""
    wire = b"0" * 8180 + b"x\r\n"
    for _ in range(200):
        with pytest.raises(HTTPError):
            decode(wire)


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"x", 400),
        (b"3\n", 400),
        (b" 3", 400),
        (b"3 x", 400),
        (b"3;\x01", 400),
        (b"3" + b" " * 11, 400),
        (b"3\r\nabcX", 400),
        (b"3\r\nabc\r\r", 400),
        (b"\r\n", 400),
        (b"3;" + b"a" * 8190, 413),
        (b"8000000000000000\r\n", 413),
        (b"10000000000000000\r\n", 413),
        (b"0\r\nX : y\r\n\r\n", 400),
        (b"0\r\nX: " + b"y" * 9000, 400),
        (b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n", 400),
        (b"0\r\n" + b"X: y\r\n" * 3000, 400),
        (b"0\r\nX: y\r\n" + (b" " * 8000 + b"z\r\n") * 110, 400),
    ],
)
@pytest.mark.parametrize("step", [1, 65536])
def test_refused(wire: bytes, status: int, step: int) -> None:
    """As soon as it is known, and however it arrives."""
    with pytest.raises(HTTPError) as caught:
        decode(wire, step)
    assert (caught.value.status, caught.value.close) == (status, True)


def test_what_apache_logs() -> None:
    with pytest.raises(HTTPError) as caught:
        decode(b"x\r\n")
    assert caught.value.log == "AH01590: Error reading/parsing chunk  "
    with pytest.raises(HTTPError) as caught:
        decode(b"0\r\nX : y\r\n\r\n")
    assert caught.value.log == "AH02426: Request header field name is malformed: X : y"
    assert caught.value.log_more == (("info", "AH02656: Error while reading HTTP trailer: 400"),)
    assert isinstance(caught.value, BadTrailer)


def test_a_broken_body_stays_broken() -> None:
    decoder = ChunkedDecoder()
    decoder.feed(b"3\r\nabcd")
    with pytest.raises(HTTPError):
        decoder.read(10)
    decoder.feed(b"0\r\n\r\n")
    with pytest.raises(HTTPError):
        decoder.read(10)
    assert not decoder.done


def test_unsafe_takes_bare_line_feeds() -> None:
    decoder, body = decode_body(b"3\nabc\n0\nX: y\n\n", 1, limits=UNSAFE)
    assert (body, decoder.done, decoder.trailers.get("x")) == (b"abc", True, "y")
    with pytest.raises(HTTPError):
        decode(b"3\rabc\r\n0\r\n\r\n", limits=UNSAFE)


def test_many_octets_in_linear_time() -> None:
    """Eight megabytes in small chunks and small pieces: quadratic copying would take minutes."""
    wire = encode_chunk(b"x" * 1000) * 8000 + LAST_CHUNK
    decoder = ChunkedDecoder()
    decoder.feed(wire)
    total = 0
    while piece := decoder.read(4096):
        total += len(piece)
    assert (total, decoder.done) == (8_000_000, True)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 50), st.integers(1, 60))
def test_h11_encodes_what_we_decode(pieces: list[bytes], step: int, size: int) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Transfer-Encoding", "chunked")]))
    wire = b"".join(client.send(h11.Data(piece)) or b"" for piece in pieces)
    wire += client.send(h11.EndOfMessage(headers=[("X-Sum", "1")])) or b""
    decoder, body = decode_body(wire + b"next", step, size)
    assert body == b"".join(pieces)
    assert decoder.trailers.items() == [("X-Sum", "1")]
    assert decoder.leftover == b"next"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_h11_decodes_what_we_encode(pieces: list[bytes]) -> None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    server.receive_data(b"".join(map(encode_chunk, pieces)) + LAST_CHUNK)
    body = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        assert not isinstance(event, type(h11.NEED_DATA))
        if isinstance(event, h11.Data):
            body += bytes(event.data)
    assert body == b"".join(pieces)
