"""The PROXY protocol's header, versions 1 and 2: bytes in, the client's address out.

`read_header` looks at what has arrived so far and is called again when there is more; it keeps nothing. Lengths,
limits and complaints are Apache's: version 1 may have 108 bytes, version 2 216 behind its first 16. The protocol is
HAProxy's (proxy-protocol.txt).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final

from mpmserver.records import dataclass

V1_PREFIX: Final = b"PROXY "
V1_LEAST: Final = 15
"""Bytes of the shortest header, "PROXY UNKNOWN" with its line's end: with fewer nothing is decided."""
V1_MOST: Final = 108
V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
V2_HEAD: Final = 16
V2_MOST: Final = 216
LONGEST_LINE: Final = 8192
LOCAL, PROXY = 0, 1
TCP4, TCP6 = 0x11, 0x21
_LEAST_BODY: Final = {TCP4: 12, TCP6: 36}
_FAMILIES: Final = {"TCP4": (socket.AF_INET, r"[0-9.]*"), "TCP6": (socket.AF_INET6, r"[0-9a-fA-F:.]*")}
_PORT = re.compile(r"([+-]?)([0-9]+)", re.ASCII)
_UNSIGNED_LONG: Final = (1 << 64) - 1


class NotAHeader(Exception):
    """The connection begins with something else."""


class BadHeader(ValueError):
    """A header that is wrong; the message is Apache's."""


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header: how many bytes it has, and the client's address and port; None where it names no client."""

    size: int
    client: tuple[str, int] | None


def read_header(data: bytes | bytearray) -> Header | None:
    """Return the header at the beginning of `data`, None where more must come; raises NotAHeader or BadHeader."""
    if len(data) < V1_LEAST:
        return None
    if data.startswith(V2_SIGNATURE) and data[12] >> 4 == 2:
        return _version_2(data)
    if data.startswith(V1_PREFIX):
        return _version_1(data)
    raise NotAHeader


def _version_2(data: bytes | bytearray) -> Header | None:
    if len(data) < V2_HEAD:
        return None
    size = int.from_bytes(data[14:16], "big")
    if size > V2_MOST:
        raise BadHeader("AH10186: RemoteIPProxyProtocol protocol header length too long")
    if len(data) < V2_HEAD + size:
        return None
    command, protocol = data[12] & 0x0F, data[13]
    if command == LOCAL:
        return Header(V2_HEAD + size, None)
    if command != PROXY:
        raise BadHeader(f"AH03507: RemoteIPProxyProtocol: unsupported command {data[12]:02x}")
    least = _LEAST_BODY.get(protocol)
    if least is None:
        raise BadHeader(f"AH10183: RemoteIPProxyProtocol: unsupported protocol {protocol:02x}")
    if size < least:
        number, family = ("AH10597", "TCPv4") if protocol == TCP4 else ("AH10598", "TCPv6")
        raise BadHeader(f"{number}: RemoteIPProxyProtocol: address length {size} too short for {family}")
    return Header(V2_HEAD + size, _packed_address(bytes(data[V2_HEAD : V2_HEAD + least])))


def _packed_address(body: bytes) -> tuple[str, int]:
    """Source address and port of a version 2 header: addresses first, then the ports."""
    length = 4 if len(body) == _LEAST_BODY[TCP4] else 16
    ip = ipaddress.ip_address(body[:length])
    return str(getattr(ip, "ipv4_mapped", None) or ip), int.from_bytes(body[2 * length : 2 * length + 2], "big")


def _version_1(data: bytes | bytearray) -> Header | None:
    """As Apache, line by line until there is one whose first carriage return is followed by a line feed."""
    read = V1_LEAST
    while True:
        end = data.find(b"\r", 0, read)
        if end >= 0 and data[end + 1 : min(end + 2, read)] == b"\n":
            return Header(end + 2, _named_client(bytes(data[:end]).partition(b"\0")[0].decode("latin-1")))
        line_end = data.find(b"\n", read) + 1
        if not line_end:
            if len(data) - read < LONGEST_LINE:
                return None
            line_end = len(data)
        if line_end > V1_MOST:
            got, expected = line_end - read, V1_MOST - read
            raise BadHeader(f"AH10185: RemoteIPProxyProtocol header too long, got {got} expected {expected}")
        read = line_end


def _named_client(line: str) -> tuple[str, int] | None:
    """The client of a version 1 header; its destination's address and port are of no interest, as in Apache."""
    found = [word for word in line.split(" ") if word][1:]
    if not found:
        raise _missing("family", line)
    family = found[0]
    if family == "UNKNOWN":
        return None
    if family not in _FAMILIES:
        raise BadHeader(f"AH03499: RemoteIPProxyProtocol: unknown family '{family}' in header '{line}'")
    number, allowed = _FAMILIES[family]
    if len(found) < 2:
        raise _missing("client-address", line)
    host = found[1]
    if not re.fullmatch(allowed, host):
        raise BadHeader(f"AH03500: RemoteIPProxyProtocol: invalid client-address '{host}' found in header '{line}'")
    for position, what in ((2, "destination-address"), (3, "client-port")):
        if len(found) <= position:
            raise _missing(what, line)
    port = _port(found[3], line)
    _check_address(number, host, port, line)
    return host, port


def _missing(what: str, line: str) -> BadHeader:
    return BadHeader(f"AH03497: RemoteIPProxyProtocol: no {what} found in header '{line}'")


def _port(text: str, line: str) -> int:
    """A port as sscanf("%hu") reads one: what follows the digits doesn't count, nor does what 16 bits don't hold."""
    match = _PORT.match(text)
    if match is None:
        raise BadHeader(f"AH03501: RemoteIPProxyProtocol: error parsing port '{text}' in header '{line}'")
    value = min(int(match[2]), _UNSIGNED_LONG)
    return (-value if match[1] == "-" else value) & 0xFFFF


def _check_address(family: socket.AddressFamily, host: str, port: int, line: str) -> None:
    """Whether the system takes this for an address of that family; names are never looked up."""
    try:
        socket.getaddrinfo(host.encode("ascii"), None, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror as error:
        raise BadHeader(
            f"(EAI {-(error.errno or 0)}){error.strerror}: AH03502: RemoteIPProxyProtocol: error converting family "
            f"'{int(family)}', host '{host}', and port '{port}' to sockaddr; header was '{line}'"
        ) from None
