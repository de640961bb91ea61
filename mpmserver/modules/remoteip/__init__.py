"""mod_remoteip: who the client really is, by a header that trusted proxies send, or by the PROXY protocol.

The header is a list to which every proxy has added the address that it saw. It is walked from its end: whoever
presents an address must be trusted to do so, else the walk is over. What was not walked stays in the header. A private
address is believed only when an internal proxy presents it. Where a connection began with a PROXY header
(`preface.py`) that alone says who the client is.

The hook is one of the first of POST_READ, on the thread that drives the request; names in the header are looked up, as
Apache does, where that stops nobody.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.core.subnets import Address, client_address
from mpmserver.modules.remoteip.directives import DIRECTIVES
from mpmserver.modules.remoteip.preface import CLIENT_NOTE, announce, is_used, proxy_protocol
from mpmserver.modules.remoteip.settings import Proxy, RemoteipServer
from mpmserver.net.waits import offload

PROXIES_NOTE = "remoteip-proxy-ip-list"
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")
)
PUBLIC6 = ipaddress.ip_network("2000::/3")


async def _find_client(x: Exchange) -> None:
    """POST_READ: replace the connection's address by the client's."""
    client = x.peer.notes.get(CLIENT_NOTE)
    settings = x.server[RemoteipServer]
    if client is not None:
        x.client_ip, x.client_port = client
        _trace(x, f"Using {x.client_ip} as client's IP from PROXY protocol")
    elif settings.header is not None:
        given = x.headers_in.get(settings.header)
        if given is not None:
            await _walk(x, settings, settings.header, given)


async def _walk(x: Exchange, settings: RemoteipServer, header: str, given: str) -> None:
    """Walk the header from its end, as long as the one who presents an address may do so."""
    rest: str | None = given
    client = x.client_ip
    proxies: list[str] = []
    while rest is not None:
        internal = _trusted(client, settings.proxies)
        if internal is None:
            break
        before, comma, word = rest.rpartition(",")
        address = await _address(x, header, word.strip(" "), internal)
        if address is None:
            break
        if not internal:
            proxies.append(client)
        client, rest = address, before if comma else None
    if rest == given:
        return
    _replace(x, settings, client, proxies, rest)


def _replace(x: Exchange, settings: RemoteipServer, client: str, proxies: list[str], rest: str | None) -> None:
    """Have the request come from `client`, and its header say what is left of it."""
    headers = x.own_headers_in()
    x.client_ip, x.client_port = client, 0
    assert settings.header is not None
    if rest is None:
        headers.unset(settings.header)
    else:
        headers.set(settings.header, rest)
    by = "internal proxies"
    if proxies:
        by = f"proxies {', '.join(proxies)}"
        x.notes[PROXIES_NOTE] = ", ".join(proxies)
        if settings.proxies_header is not None:
            headers.set(settings.proxies_header, ", ".join(proxies))
    _trace(x, f"Using {client} as client's IP by {by}")


def _trusted(client: str, proxies: tuple[Proxy, ...]) -> bool | None:
    """Whether `client` is an internal proxy, by the first entry that it is in; None where it may present nothing.

    Without any entries everybody may, as an external proxy.
    """
    if not proxies:
        return False
    ip = client_address(client)
    return next((proxy.internal for proxy in proxies if proxy.subnet.has(ip)), None)


async def _address(x: Exchange, header: str, word: str, internal: bool) -> str | None:
    """The address that a word of the header stands for, None where it is none or not to be believed."""
    if not word:
        return None
    try:
        address = await _resolved(word)
    except OSError as error:
        message = f"AH01568: RemoteIP: Header {header} value of {word} cannot be parsed as a client IP"
        x.server.log(Level.DEBUG, "remoteip", f"(EAI {-(error.errno or 0)}){error.strerror}: {message}", x)
        return None
    if not internal and _is_private(client_address(address)):
        what = f"RemoteIP: Header {header} value of {word} appears to be a private IP or nonsensical.  Ignored"
        x.server.log(Level.DEBUG, "remoteip", f"AH01569: {what}", x)
        return None
    return address


async def _resolved(word: str) -> str:
    """The first address of a word, in its usual spelling; only what is not written as an address is looked up."""
    name = word.encode("utf-8", "surrogateescape")
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await offload(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM)
    text, _port, *rest = found[0][4]
    address = ipaddress.ip_address(str(text).partition("%")[0])
    if rest and rest[-1]:
        return f"{address}%{socket.if_indextoname(int(rest[-1]))}"
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_private(ip: Address) -> bool:
    if ip.version == 6:
        return ip not in PUBLIC6
    return any(ip in network for network in PRIVATE)


def _trace(x: Exchange, message: str) -> None:
    if x.server.logs(Level.TRACE1, "remoteip", x):
        x.server.log(Level.TRACE1, "remoteip", message, x)


def _applies(settings: Any) -> bool:
    """Of a request's settings: whether its server has a header, or connections may have begun with one."""
    server = settings.server
    return server[RemoteipServer].header is not None or is_used(server.site.configuration)


MODULE = Module(
    "remoteip",
    directives=DIRECTIVES,
    hooks=(Hook(Phase.POST_READ, _find_client, Order.FIRST, applies=_applies),),
    server_settings=RemoteipServer,
    open_logs=announce,
    pre_connection=proxy_protocol,
)
