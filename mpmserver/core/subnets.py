"""Sets of addresses as directives write them: an address, a network with its mask, the first bytes of an IPv4 address.

What is taken and refused is what apr_ipsubnet_create takes and refuses: whatever has a colon, or nothing but digits
and dots, is meant as an address; an IPv4 address may have less than four parts only where no mask follows; IPv6
addresses with a zone, or that stand for an IPv4 address (::ffff:1.2.3.4), are none. Used when configurations are
read (`parse_subnet`) and by checks of the client's address (`is_in`).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from functools import lru_cache

from mpmserver.records import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOKS_IPV4 = re.compile(r"[0-9.]+", re.ASCII)
_PARTS = re.compile(r"(?=.{1,15}$)[0-9]+(?:\.[0-9]+){0,3}\.?", re.ASCII)
_DECIMAL = re.compile(r"[ \t]*\+?0*([0-9]{1,9})", re.ASCII)


class NotAnAddress(ValueError):
    """The text is not even meant as an address: a host's name, perhaps."""


class BadSubnet(ValueError):
    """The text is meant as an address or network and is none; the message is APR's."""


BAD_ADDRESS = "The specified IP address is invalid."
BAD_MASK = "The specified network mask is invalid."


@dataclass(frozen=True, slots=True)
class Subnet:
    """Addresses of one length whose bits under `mask` are those of `address` (masks may have holes)."""

    address: int
    mask: int
    version: int

    def has(self, ip: Address) -> bool:
        return ip.version == self.version and int(ip) & self.mask == self.address


LOOPBACK = (Subnet(127 << 24, 255 << 24, 4), Subnet(1, (1 << 128) - 1, 6))


def parse_subnet(text: str, mask: str | None = None) -> Subnet:
    """Return the addresses that `text` (and a mask: bits, or for IPv4 a dotted one) stands for.

    Raises NotAnAddress or BadSubnet. (apr_ipsubnet_create)
    """
    if ":" not in text and not _LOOKS_IPV4.fullmatch(text):
        raise NotAnAddress(text)
    if mask is None and ":" not in text and _PARTS.fullmatch(text):
        return _leading_bytes(text)
    ip = _literal(text)
    bits = (1 << ip.max_prefixlen) - 1 if mask is None else _mask(ip, mask)
    return Subnet(int(ip) & bits, bits, ip.version)


def _literal(text: str) -> Address:
    """A whole address: none with a zone, none that is an IPv4 address in IPv6's clothes."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise BadSubnet(BAD_ADDRESS) from None
    if "%" in text or getattr(ip, "ipv4_mapped", None) is not None:
        raise BadSubnet(BAD_ADDRESS)
    return ip


def _leading_bytes(text: str) -> Subnet:
    """10 or 10.1. stands for all addresses that begin so."""
    parts = [int(part) for part in text.rstrip(".").split(".")]
    if max(parts) > 255:
        raise BadSubnet(BAD_ADDRESS)
    rest = 8 * (4 - len(parts))
    return Subnet(int.from_bytes(bytes(parts), "big") << rest, ((1 << 8 * len(parts)) - 1) << rest, 4)


def _mask(ip: Address, text: str) -> int:
    """The bits of /24 or /255.255.255.0."""
    most = ip.max_prefixlen
    digits = _DECIMAL.fullmatch(text)
    if digits is not None and 0 < int(digits[1]) <= most:
        return ((1 << int(digits[1])) - 1) << (most - int(digits[1]))
    try:
        if digits is None and ip.version == 4:
            return int(ipaddress.IPv4Address(text))
    except ValueError:
        pass
    raise BadSubnet(BAD_MASK)


def is_in(text: str, subnets: Iterable[Subnet]) -> bool:
    """Whether a client's address is in one of the networks; one in IPv6's clothes counts as the IPv4 address it is."""
    ip = client_address(text)
    return any(subnet.has(ip) for subnet in subnets)


@lru_cache(maxsize=1024)
def client_address(text: str) -> Address:
    """A client's address as a value; a PROXY header may have written it as inet_aton() reads it (1.2.3, 010.1.1.1)."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        if not _LOOKS_IPV4.fullmatch(text):
            raise
        try:
            ip = ipaddress.IPv4Address(socket.inet_aton(text))
        except OSError:
            raise ValueError(f"{text!r} is no address") from None
    return getattr(ip, "ipv4_mapped", None) or ip
