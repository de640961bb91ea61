"""The client's name by DNS: what HostnameLookups finds, `Require host` asks, and %h, REMOTE_HOST and SetEnvIf show.

A name is looked up at most once for a connection and address, and kept in the connection's notes. Looking up blocks,
so it is always offloaded; readers (`remote_host`) never wait.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from mpmserver.core.settings import CoreDir
from mpmserver.net.waits import offload

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

NAME_NOTE = "remote-host"
CONFIRMED_NOTE = "remote-host-confirmed"
"""Connection notes by address: the name ("" where there is none), the same after a forward look-up agreed."""


async def look_up(x: Exchange) -> None:
    """A hook for sections with HostnameLookups On or Double: have the name ready for whoever wants it."""
    await client_name(x, confirmed=x.settings[CoreDir].hostname_lookups == "double")


async def client_name(x: Exchange, confirmed: bool) -> str | None:
    """Return the client's name in lower case, None where DNS has none.

    With `confirmed` the name's own addresses have to contain the client's (a double look-up).
    """
    key = f"{CONFIRMED_NOTE if confirmed else NAME_NOTE}:{x.client_ip}"
    if key not in x.peer.notes:
        name = await offload(_confirmed if confirmed else _reverse, x.client_ip)
        x.peer.note(key, name)
        if x.client_ip == x.peer.remote[0] and name:
            x.peer.note(NAME_NOTE, name)
    return x.peer.notes[key] or None


def remote_host(x: Exchange) -> str:
    """The client's name where it has been looked up, else its address."""
    for kind in (CONFIRMED_NOTE, NAME_NOTE):
        name: str = x.peer.notes.get(f"{kind}:{x.client_ip}", "")
        if name:
            return name
    return x.client_ip


def _reverse(address: str) -> str:
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except (OSError, UnicodeError):
        return ""
    return name.lower()


def _confirmed(address: str) -> str:
    name = _reverse(address)
    return name if name and address in addresses_of(name) else ""


def addresses_of(name: str) -> frozenset[str]:
    """Every address of a name; blocks. Empty where it can't be resolved."""
    try:
        found = socket.getaddrinfo(os.fsencode(name), None, type=socket.SOCK_STREAM)  # text might need a codec first
        return frozenset(str(info[4][0]) for info in found)
    except OSError:
        return frozenset()


def in_domain(domain: str, name: str) -> bool:
    """Whether `name` is in a domain (both in lower case), by whole labels: "foo.com" is not in "o.com"."""
    if domain.startswith("."):
        return name.endswith(domain)
    return name == domain or name.endswith("." + domain)
