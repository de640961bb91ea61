"""What the server calls itself in links: name and port by UseCanonicalName, and absolute URLs made of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mpmserver import __version__
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.http.text import escape_html

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Site

LOCAL_NAME_NOTE = "local-host"
"""The connection's note with the name of its own address, where UseCanonicalName is DNS; "" for none."""
DEFAULT_PORTS = {"http": 80, "https": 443}
_MAJOR, _MINOR = __version__.split(".")[:2]
TOKENS = {
    "Prod": "mpmserver",
    "Major": f"mpmserver/{_MAJOR}",
    "Minor": f"mpmserver/{_MAJOR}.{_MINOR}",
    "Min": f"mpmserver/{__version__}",
    "OS": f"mpmserver/{__version__} (Unix)",
    "Full": f"mpmserver/{__version__} (Unix)",
}
"""By the levels of ServerTokens."""


def server_name(x: Exchange) -> str:
    """The name for this request (ap_get_server_name): the client's word for it, or ServerName."""
    configured = x.server[CoreServer].server_name or x.peer.local[0]
    by = x.settings[CoreDir].use_canonical_name
    if by == "off" and x.hostname:
        return x.hostname.strip("[]")
    if by == "dns":
        return x.peer.notes.get(LOCAL_NAME_NOTE) or configured
    return configured


def server_name_for_url(x: Exchange) -> str:
    """As `server_name`, an IPv6 address in brackets (ap_get_server_name_for_url)."""
    name = server_name(x)
    return f"[{name}]" if ":" in name else name


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
    return "https" if x.peer.secure or x.server[CoreServer].server_scheme == "https" else "http"


def document_root(x: Exchange) -> str:
    """The directory that the request's URI leads below: mod_vhost_alias may have made it. (ap_document_root)"""
    return str(x.notes.get("document-root") or x.server[CoreServer].document_root or "")


def context_prefix(x: Exchange) -> str:
    """The URL-path of the Alias (or mod_userdir's) that mapped the request, "" for none. (ap_context_prefix)"""
    return str(x.notes.get("context-prefix", ""))


def context_document_root(x: Exchange) -> str:
    """The folder that it was mapped to, else the DocumentRoot. (ap_context_document_root)"""
    return str(x.notes.get("context-document-root", document_root(x)))


def construct_url(x: Exchange, uri: str) -> str:
    """Return `uri` (which begins with a slash) as an absolute URL of this server (ap_construct_url)."""
    port = server_port(x)
    port_text = "" if port == DEFAULT_PORTS.get(scheme(x)) else f":{port}"
    return f"{scheme(x)}://{server_name_for_url(x)}{port_text}{uri}"


@lru_cache(maxsize=8)
def server_product(site: Site) -> str:
    """What ServerTokens lets the server say of itself: "mpmserver", "mpmserver/0.1" ... "mpmserver/0.1.0 (Unix)"."""
    return TOKENS[site.main[CoreServer].server_tokens]


def signature(x: Exchange, prefix: str = "") -> str:
    """The footer of pages that the server makes itself, by ServerSignature; "" where that is off."""
    kind = x.settings.core.server_signature
    if kind == "off":
        return ""
    product, name, port = server_product(x.server.site), escape_html(server_name(x)), server_port(x)
    if kind == "email":
        admin = escape_html(x.server[CoreServer].server_admin)
        name = f'<a href="mailto:{admin}">{name}</a>'
    return f"{prefix}<address>{product} Server at {name} Port {port}</address>\n"


def full_content_type(x: Exchange) -> str | None:
    """The value of Content-Type: with AddDefaultCharset's charset where a text names none. (ap_make_content_type)"""
    kind = x.content_type
    if not kind:
        return None
    if x.charset:
        return f"{kind};charset={x.charset}"
    default = x.settings.core.default_charset
    if default is None or kind.partition(";")[0].strip().lower() not in ("text/plain", "text/html"):
        return kind
    return kind if "charset=" in kind.lower() else f"{kind}; charset={default}"
