"""mod_authz_host: Require ip, host, forward-dns, local."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mpmserver.config.build import Build
from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider
from mpmserver.core.exchange import Exchange
from mpmserver.core.hostnames import addresses_of, client_name
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.net.waits import offload


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses of one length whose bits under `mask` are those of `address` (masks may have holes)."""

    address: int
    mask: int
    version: int

    def has(self, ip: Address) -> bool:
        return ip.version == self.version and int(ip) & self.mask == self.address


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PARTIAL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}\.?", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+", re.ASCII)


def _parse_ips(build: Build, text: str) -> tuple[Network, ...]:
    given = words(text)
    if not given:
        build.fail("'require ip' requires an argument")
    return tuple(_network(build, word) for word in given)


def _network(build: Build, word: str) -> Network:
    """An address, a.b.c.d/24, a.b.c.d/255.255.255.0, or the first bytes of an IPv4 address. (apr_ipsubnet_create)"""
    address, slash, mask = word.partition("/")
    if not re.search(r"[0-9:.]", address) or not _LITERAL.fullmatch(address):
        build.fail(f"ip address '{word}' appears to be invalid")
    try:
        if not slash and _PARTIAL.fullmatch(address):
            return _leading_bytes(address)
        ip = ipaddress.ip_address(address)
    except ValueError:
        build.fail(f"ip address '{word}' appears to be invalid: The specified IP address is invalid.")
    bits = _mask(ip, mask) if slash else (1 << ip.max_prefixlen) - 1
    if bits is None:
        build.fail(f"ip address '{word}' appears to be invalid: The specified network mask is invalid.")
    return Network(int(ip) & bits, bits, ip.version)


_LITERAL = re.compile(r"[0-9A-Fa-f:.]+", re.ASCII)


def _leading_bytes(text: str) -> Network:
    """10 or 10.1. stands for all addresses that begin so; raises ValueError for a number that is no byte."""
    parts = [int(part) for part in text.rstrip(".").split(".")]
    value = int.from_bytes(bytes(parts), "big") << 8 * (4 - len(parts))
    ones = (1 << 8 * len(parts)) - 1
    return Network(value, ones << 8 * (4 - len(parts)), 4)


def _mask(ip: Address, text: str) -> int | None:
    """The bits of /24 or /255.255.255.0; None for what is neither."""
    most = ip.max_prefixlen
    if _DECIMAL.fullmatch(text):
        return ((1 << int(text)) - 1) << (most - int(text)) if 0 < int(text) <= most else None
    try:
        return int(ipaddress.IPv4Address(text)) if ip.version == 4 else None
    except ValueError:
        return None


def _check_ip(x: Exchange, networks: tuple[Network, ...]) -> Authz:
    return Authz.GRANTED if _is_in(x.client_ip, networks) else Authz.DENIED


def _is_in(text: str, networks: Iterable[Network]) -> bool:
    ip = ipaddress.ip_address(text.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(network.has(ip) for network in networks)


def _parse_hosts(build: Build, text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in words(text))


async def _check_host(x: Exchange, names: tuple[str, ...]) -> Authz:
    """The client's name by reverse look-up, confirmed by a forward one."""
    name = await client_name(x, confirmed=True)
    if name is None:
        wanted = " ".join(names)
        reason = "unable to get the remote host name"
        message = f"AH01753: access check of '{wanted}' to {x.uri} failed, reason: {reason}"
        x.server.log(Level.ERROR, "authz_host", message, x)
        return Authz.DENIED
    return Authz.GRANTED if any(_in_domain(domain, name) for domain in names) else Authz.DENIED


def _in_domain(domain: str, name: str) -> bool:
    """Whether `name` is in a domain, by whole labels ("foo.com" is not in "o.com")."""
    if domain.startswith("."):
        return name.endswith(domain)
    return name == domain or name.endswith("." + domain)


async def _check_forward(x: Exchange, names: tuple[str, ...]) -> Authz:
    """The addresses of a name, whatever the client's reverse look-up says."""
    for name in names:
        matches = x.client_ip in await offload(addresses_of, name)
        answer = "yes" if matches else "no"
        x.server.log(
            Level.DEBUG, "authz_host", f"AH03355: access check for {x.client_ip} as '{name}': {answer}", x
        )
        if matches:
            return Authz.GRANTED
    return Authz.DENIED


LOOPBACK = (Network(127 << 24, 255 << 24, 4), Network(1, (1 << 128) - 1, 6))


def _parse_local(build: Build, text: str) -> None:
    return None


def _check_local(x: Exchange, parsed: None) -> Authz:
    """Loopback addresses, or both ends the same machine."""
    local = x.peer.local[0] == x.client_ip or _is_in(x.client_ip, LOOPBACK)
    return Authz.GRANTED if local else Authz.DENIED


MODULE = Module(
    "authz_host",
    providers={
        ("authz", "ip"): AuthzProvider(_parse_ips, _check_ip),
        ("authz", "host"): AuthzProvider(_parse_hosts, _check_host),
        ("authz", "forward-dns"): AuthzProvider(_parse_hosts, _check_forward),
        ("authz", "local"): AuthzProvider(_parse_local, _check_local),
    },
)
