"""The PROXY header's parser: versions, limits, complaints (those of Apache 2.4.71), and partial arrival."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.modules.remoteip.proxy_header import (
    V2_SIGNATURE,
    BadHeader,
    Header,
    NotAHeader,
    read_header,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
IPV4 = bytes([9, 8, 7, 6, 10, 0, 0, 1]) + struct.pack(">HH", 1111, 80)
IPV6 = bytes.fromhex("20010db8000000000000000000000001" * 2) + struct.pack(">HH", 2222, 443)
MAPPED = bytes.fromhex("00000000000000000000ffff01020304" * 2) + struct.pack(">HH", 3, 4)


def version_2(command: int, protocol: int, data: bytes, size: int | None = None) -> bytes:
    return V2_SIGNATURE + bytes([command, protocol]) + struct.pack(">H", len(data) if size is None else size) + data


GOOD: list[tuple[bytes, tuple[str, int] | None]] = [
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\n", ("1.2.3.4", 1234)),
    (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", ("2001:db8::1", 1)),
    (b"PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n", ("::ffff:1.2.3.4", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n", None),
    (b"PROXY TCP4 1.2.3.4 anything 1234\r\n", ("1.2.3.4", 1234)),
    (b"PROXY  TCP4  1.2.3 x  1  2 3\r\n", ("1.2.3", 1)),
    (b"PROXY TCP4 1.2.3.4 x 65536 2\r\n", ("1.2.3.4", 0)),
    (b"PROXY TCP4 1.2.3.4 x -1 2\r\n", ("1.2.3.4", 65535)),
    (b"PROXY TCP4 1.2.3.4 x 12ab 2\r\n", ("1.2.3.4", 12)),
    (b"PROXY TCP4 1.2.3.4 x 99999999999 2\r\n", ("1.2.3.4", 59391)),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2" + b" " * 76 + b"\r\n", ("1.2.3.4", 1)),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nX: y\r\n", ("1.2.3.4", 1)),
    (version_2(0x21, 0x11, IPV4), ("9.8.7.6", 1111)),
    (version_2(0x21, 0x21, IPV6), ("2001:db8::1", 2222)),
    (version_2(0x21, 0x21, MAPPED), ("1.2.3.4", 3)),
    (version_2(0x20, 0x00, b""), None),
    (version_2(0x20, 0x31, b"anything"), None),
    (version_2(0x21, 0x11, IPV4 + b"\x04\x00\xc9" + bytes(201)), ("9.8.7.6", 1111)),
]

BAD = [
    (b"PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", "AH03499: RemoteIPProxyProtocol: unknown family 'TCP5' in header '"),
    (b"PROXY TCP4 1.2.3.4\r\n", "AH03497: RemoteIPProxyProtocol: no destination-address found in header '"),
    (b"PROXY TCP4 1.2.3.4 x\r\n", "AH03497: RemoteIPProxyProtocol: no client-port found in header '"),
    (b"PROXY          \r\n", "AH03497: RemoteIPProxyProtocol: no family found in header '"),
    (b"PROXY TCP4     \r\n", "AH03497: RemoteIPProxyProtocol: no client-address found in header '"),
    (b"PROXY TCP4 ::1 x 1 2\r\n", "AH03500: RemoteIPProxyProtocol: invalid client-address '::1' found in header '"),
    (b"PROXY TCP6 [::1] x 1 2\r\n", "AH03500: RemoteIPProxyProtocol: invalid client-address '[::1]' found in header"),
    (b"PROXY TCP4 1.2.3.4 x y 2\r\n", "AH03501: RemoteIPProxyProtocol: error parsing port 'y' in header '"),
    (b"PROXY TCP4 1.2.3.400 x 1 2\r\n", "(EAI 2)Name or service not known: AH03502: RemoteIPProxyProtocol: error"),
    (b"PROXY TCP6 1.2.3.4 x 1 2\r\n", "(EAI 9)Address family for hostname not supported: AH03502: RemoteIPProxy"),
    (b"PROXY TCP4 . 5.6.7.8 1 2\r\n", "(EAI 2)Name or service not known: AH03502: RemoteIPProxyProtocol: error con"),
    (b"PROXY TCP4 1.2.3.4 5.6\0 1 2\r\n", "AH03497: RemoteIPProxyProtocol: no client-port found in header 'PROXY TC"),
    (b"PROXY " + b"x" * 101 + b"\r\n", "AH10185: RemoteIPProxyProtocol header too long, got 94 expected 93"),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + b"x" * 76 + b"\r\n",
        "AH10185: RemoteIPProxyProtocol header too long, got 78 expected 77"),
    (b"PROXY " + b"x" * 9000, "AH10185: RemoteIPProxyProtocol header too long, got 8991 expected 93"),
    (version_2(0x21, 0x00, b""), "AH10183: RemoteIPProxyProtocol: unsupported protocol 00"),
    (version_2(0x21, 0x12, IPV4), "AH10183: RemoteIPProxyProtocol: unsupported protocol 12"),
    (version_2(0x21, 0x31, bytes(216)), "AH10183: RemoteIPProxyProtocol: unsupported protocol 31"),
    (version_2(0x22, 0x11, IPV4), "AH03507: RemoteIPProxyProtocol: unsupported command 22"),
    (version_2(0x21, 0x11, IPV4[:11]), "AH10597: RemoteIPProxyProtocol: address length 11 too short for TCPv4"),
    (version_2(0x21, 0x21, IPV6[:35]), "AH10598: RemoteIPProxyProtocol: address length 35 too short for TCPv6"),
    (version_2(0x21, 0x11, IPV4, 217), "AH10186: RemoteIPProxyProtocol protocol header length too long"),
]  # fmt: skip

NONE = [
    REQUEST,
    b"PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    V2_SIGNATURE[:-1] + b"X\x21\x11\x00\x0c",
    version_2(0x11, 0x11, IPV4),
    b"\r\nPROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
]

UNFINISHED = [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 " + b"x" * 500,
    b"PROXY TCP4 1.2\rx 5.6.7.8 1 2\r\n",
    V2_SIGNATURE + b"\x21\x11\x00",
    version_2(0x21, 0x11, IPV4, 13),
]


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_whole_headers(data: bytes, client: tuple[str, int] | None) -> None:
    assert read_header(data + REQUEST) == Header(len(data), client)


@pytest.mark.parametrize("data", [data for data, _client in GOOD])
def test_a_header_that_arrives_byte_by_byte(data: bytes) -> None:
    for size in range(len(data)):
        assert read_header(data[:size]) is None
    assert read_header(data) is not None


@pytest.mark.parametrize(("data", "message"), BAD)
def test_wrong_headers(data: bytes, message: str) -> None:
    with pytest.raises(BadHeader) as caught:
        read_header(data)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", NONE)
def test_something_else(data: bytes) -> None:
    with pytest.raises(NotAHeader):
        read_header(data)
    assert read_header(data[:14]) is None


@pytest.mark.parametrize("data", UNFINISHED)
def test_unfinished_headers(data: bytes) -> None:
    assert read_header(data) is None


BEGINNINGS = [b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", V2_SIGNATURE + b"\x21"]


@given(st.binary(max_size=300), st.sampled_from(BEGINNINGS))
def test_whatever_comes_is_a_header_or_is_refused(rest: bytes, begin: bytes) -> None:
    try:
        header = read_header(begin + rest)
    except (BadHeader, NotAHeader):
        return
    assert header is None or 0 < header.size <= len(begin + rest)
