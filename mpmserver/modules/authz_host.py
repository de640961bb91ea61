"""mod_authz_host: Require ip, host, forward-dns, local."""

from __future__ import annotations

from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider, RequiredWords, required_words
from mpmserver.core.exchange import Exchange
from mpmserver.core.hostnames import addresses_of, client_name, in_domain
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.core.subnets import LOOPBACK, BadSubnet, NotAnAddress, Subnet, is_in, parse_subnet
from mpmserver.net.waits import offload


def _parse_ips(build: Build, text: str) -> tuple[Subnet, ...]:
    given = words(text)
    if not given:
        build.fail("'require ip' requires an argument")
    return tuple(_subnet(build, word) for word in given)


def _subnet(build: Build, word: str) -> Subnet:
    address, slash, mask = word.partition("/")
    try:
        return parse_subnet(address, mask if slash else None)
    except NotAnAddress:
        build.fail(f"ip address '{word}' appears to be invalid")
    except BadSubnet as error:
        build.fail(f"ip address '{word}' appears to be invalid: {error}")


def _check_ip(x: Exchange, subnets: tuple[Subnet, ...]) -> Authz:
    return Authz.GRANTED if is_in(x.client_ip, subnets) else Authz.DENIED


async def _check_host(x: Exchange, names: RequiredWords) -> Authz:
    """The client's name by reverse look-up, confirmed by a forward one."""
    wanted = await names.text_of(x)
    if wanted is None:
        return Authz.DENIED
    name = await client_name(x, confirmed=True)
    if name is None:
        reason = "unable to get the remote host name"
        message = f"AH01753: access check of '{wanted}' to {x.uri} failed, reason: {reason}"
        x.server.log(Level.ERROR, "authz_host", message, x)
        return Authz.DENIED
    domains = words(_without_comment(x, wanted)) if "#" in wanted or not names.words else names.words
    return Authz.GRANTED if any(in_domain(domain.lower(), name) for domain in domains) else Authz.DENIED


def _without_comment(x: Exchange, text: str) -> str:
    """What stands before a "#", which is in no host's name: who writes a comment behind the names means no others."""
    before, mark, _comment = text.partition("#")
    if mark and not before:
        message = f"AH10120: authz_host authorize: dubious empty 'Require host {text}' with only comment"
        x.server.log(Level.ERROR, "authz_host", message, x)
    elif mark:
        message = f"AH10121: authz_host authorize: ignoring comment in 'Require host {text}'"
        x.server.log(Level.WARN, "authz_host", message, x)
    return before


async def _check_forward(x: Exchange, names: RequiredWords) -> Authz:
    """The addresses of a name, whatever the client's reverse look-up says."""
    text = await names.text_of(x)
    for name in words((text or "").partition("#")[0]):
        addresses = await offload(addresses_of, name)
        if not addresses:
            x.server.log(Level.WARN, "authz_host", f'AH03356: No sockaddr info for "{name}"', x)
            continue
        matches = x.client_ip in addresses
        answer = "yes" if matches else "no"
        x.server.log(
            Level.DEBUG, "authz_host", f"AH03355: access check for {x.client_ip} as '{name}': {answer}", x
        )
        if matches:
            return Authz.GRANTED
    return Authz.DENIED


def _parse_local(build: Build, text: str) -> None:
    return None


def _check_local(x: Exchange, parsed: None) -> Authz:
    """Loopback addresses, or both ends the same machine."""
    local = x.peer.local[0] == x.client_ip or is_in(x.client_ip, LOOPBACK)
    return Authz.GRANTED if local else Authz.DENIED


def _words(number: str, provider: str) -> Callable[[Build, str], RequiredWords]:
    return required_words("authz_host", f"{number}: authz_host authorize: require {provider}")


MODULE = Module(
    "authz_host",
    providers={
        ("authz", "ip"): AuthzProvider(_parse_ips, _check_ip),
        ("authz", "host"): AuthzProvider(_words("AH02593", "host"), _check_host),
        ("authz", "forward-dns"): AuthzProvider(_words("AH03354", "forward-dns"), _check_forward),
        ("authz", "local"): AuthzProvider(_parse_local, _check_local),
    },
)
