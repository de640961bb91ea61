"""mod_authz_host: Require ip, host, forward-dns, local."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from mpmserver.config.build import Build
from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.net.waits import offload

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PARTIAL = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}\.?$", re.ASCII)


def _parse_ips(build: Build, text: str) -> tuple[Network, ...]:
    given = words(text)
    if not given:
        build.fail("'require ip' requires an argument")
    return tuple(_network(build, word) for word in given)


def _network(build: Build, word: str) -> Network:
    """An address, a.b.c.d/24, a.b.c.d/255.255.255.0, or the first bytes of an IPv4 address."""
    if _PARTIAL.match(word) and "/" not in word:
        parts = word.rstrip(".").split(".")
        filled = ".".join([*parts, *["0"] * (4 - len(parts))])
        word = f"{filled}/{8 * len(parts)}"
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        build.fail(f"ip address '{word.partition('/')[0]}' appears to be invalid")


def _check_ip(x: Exchange, networks: tuple[Network, ...]) -> Authz:
    return Authz.GRANTED if _is_in(x.client_ip, networks) else Authz.DENIED


def _is_in(address: str, networks: Iterable[Network]) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return any((mapped or ip) in network for network in networks)


def _parse_hosts(build: Build, text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in words(text))


async def _check_host(x: Exchange, names: tuple[str, ...]) -> Authz:
    """The client's name by reverse look-up, confirmed by a forward one."""
    name = await offload(_confirmed_name, x.client_ip)
    if name is None:
        x.server.log(
            Level.ERROR, "authz_host",
            f"AH01753: access check of '{' '.join(names)}' to {x.uri} failed, reason: unable to get the remote host name", x,
        )  # fmt: skip
        return Authz.DENIED
    return Authz.GRANTED if any(_in_domain(wanted, name) for wanted in names) else Authz.DENIED


def _in_domain(domain: str, name: str) -> bool:
    """Whether `name` is in a domain, by whole labels ("foo.com" is not in "o.com")."""
    if domain.startswith("."):
        return name.endswith(domain)
    return name == domain or name.endswith("." + domain)


def _confirmed_name(address: str) -> str | None:
    try:
        name = socket.gethostbyaddr(address)[0].lower()
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        return None
    return name if address in found else None


async def _check_forward(x: Exchange, names: tuple[str, ...]) -> Authz:
    """The addresses of a name, whatever the client's reverse look-up says."""
    for name in names:
        if x.client_ip in await offload(_addresses, name):
            return Authz.GRANTED
    return Authz.DENIED


def _addresses(name: str) -> frozenset[str]:
    try:
        return frozenset(str(info[4][0]) for info in socket.getaddrinfo(name, None))
    except OSError:
        return frozenset()


LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"))


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
