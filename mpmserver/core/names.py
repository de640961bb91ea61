"""What the server calls itself in links: name and port by UseCanonicalName, and absolute URLs made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.settings import CoreDir, CoreServer

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

DEFAULT_PORTS = {"http": 80, "https": 443}


def server_name(x: Exchange) -> str:
    """The name for this request (ap_get_server_name): the client's word for it, or ServerName."""
    configured = x.server[CoreServer].server_name or x.peer.local[0]
    if x.settings[CoreDir].use_canonical_name == "off":
        return x.hostname or configured
    return configured


def server_port(x: Exchange) -> int:
    """The port for this request (ap_get_server_port)."""
    core = x.settings[CoreDir]
    configured = x.server[CoreServer].server_port
    physical = x.peer.local[1] if core.use_canonical_physical_port else 0
    if core.use_canonical_name == "on":
        return configured or physical or DEFAULT_PORTS[scheme(x)]
    return x.port or physical or configured or DEFAULT_PORTS[scheme(x)]


def scheme(x: Exchange) -> str:
    """"https" on a TLS connection or where ServerName says so, else "http"."""
    return x.server[CoreServer].server_scheme or ("https" if x.peer.secure else "http")


def construct_url(x: Exchange, uri: str) -> str:
    """Return `uri` (which begins with a slash) as an absolute URL of this server (ap_construct_url)."""
    name = server_name(x)
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    port = server_port(x)
    port_text = "" if port == DEFAULT_PORTS.get(scheme(x)) else f":{port}"
    return f"{scheme(x)}://{name}{port_text}{uri}"
