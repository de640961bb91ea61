"""Whether the URI that a client has signed is the one that it has asked for.

Usually both are the same text. Where a proxy has changed the request line they are compared in their parts, unescaped:
a host and port may be missing in either, then the server's own count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mpmserver.core.names import DEFAULT_PORTS, scheme, server_name, server_port
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_ABSOLUTE = re.compile(
    r"(?P<scheme>[A-Za-z0-9+.-]+)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?", re.ASCII
)
_RELATIVE = re.compile(r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")
_AUTHORITY = re.compile(r"(?:.*@)?(?P<host>\[[^\]]*\]|[^:\[]*)(?::(?P<port>[0-9]*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parts:
    """A URI taken apart; None for what it does not have."""

    host: str | None
    port: int | None
    path: str | None
    query: str | None


def parse(uri: str) -> Parts | None:
    """Take a URI apart (apr_uri_parse); None for one with a host or port that is none."""
    match = None if uri.startswith("/") else _ABSOLUTE.match(uri)
    if match is None:
        relative = _RELATIVE.match(uri)
        assert relative is not None
        return Parts(None, None, _unescaped(relative["path"] or None), _unescaped(relative["query"]))
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None:
        return None
    port = None
    if authority["port"] is not None:
        port = _port(authority["port"]) if authority["port"] else DEFAULT_PORTS.get(match["scheme"].lower(), 0)
    return Parts(_unescaped(authority["host"]), port, _unescaped(match["path"]), _unescaped(match["query"]))


def _port(digits: str) -> int:
    """A port's 16 bits of what strtol reads, which has 63."""
    digits = digits.lstrip("0")
    return (int(digits or "0") if len(digits) < 19 else -1) & 0xFFFF


def _unescaped(text: str | None) -> str | None:
    return None if text is None else unquote(text, errors="surrogateescape")


def asked_for(x: Exchange) -> Parts:
    """The parts of what the client has asked for; what its request line leaves out is the server's."""
    first = x.first
    parts = parse(first.unparsed_uri) or Parts(None, None, first.unparsed_uri, None)
    return Parts(parts.host or server_name(x), parts.port or server_port(x), parts.path, parts.query)


def same(x: Exchange, signed: Parts, asked: Parts) -> bool:
    """Whether both mean the same; the default port may be left out."""
    if signed.host and signed.host.lower() != (asked.host or "").lower():
        return False
    if signed.port is not None:
        if signed.port != asked.port:
            return False
    elif signed.host and asked.port != DEFAULT_PORTS[scheme(x)]:
        return False
    any_path = signed.path == "*" and asked.path is None
    return (signed.path == asked.path or any_path) and signed.query == asked.query
