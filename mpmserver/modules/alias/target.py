"""Where a redirect leads to: taking a URL apart as APR does, escaping its path, and putting it together again.

APR's parser is lenient and its printer opinionated: a password is not shown, a scheme's own port is left out, and
behind a port that is no number everything is lost. Clients see the result, so it is kept.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from mpmserver.http.syntax import decimal
from mpmserver.http.uri import escape_uri

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>#.*)?",
    re.DOTALL,
)
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|(?!\[)[^:]*)(?::(?P<port>.*))?", re.DOTALL)
_IS_URL = re.compile(r"[A-Za-z0-9+.-]+:")

_PORTS = MappingProxyType(
    {
        "acap": 674, "dict": 2628, "ftp": 21, "gopher": 70, "http": 80, "https": 443, "imap": 143, "ldap": 389,
        "mtqp": 1038, "mupdate": 3905, "nfs": 2049, "nntp": 119, "pop": 110, "prospero": 191, "rtsp": 554,
        "sip": 5060, "sips": 5061, "snews": 563, "tftp": 69, "tip": 3372, "wais": 210, "xmlrpc.beep": 602,
    }
)  # fmt: skip


def is_url(text: str) -> bool:
    """Whether `text` begins with a scheme (ap_is_url)."""
    return _IS_URL.match(text) is not None


def escape_target(url: str) -> str:
    """Return `url` with its path escaped; query and fragment stay as they are."""
    match = _URL.fullmatch(url)
    assert match is not None
    start = "" if match["scheme"] is None else f"{match['scheme']}:"
    path = match["path"]
    if match["authority"] is not None:
        authority, complete = _authority(match["scheme"] or "", match["authority"])
        if not complete:
            return escape_uri(start + authority)
        start += authority
    return escape_uri(start + path) + (match["query"] or "") + (match["fragment"] or "")


def _authority(scheme: str, text: str) -> tuple[str, bool]:
    """The authority as APR prints it, with its slashes; False where the URL ends there for APR."""
    user, at, host_port = text.rpartition("@")
    if ":" in user:
        user = user.partition(":")[0] + ":XXXXXXXX"
    match = _HOST_PORT.fullmatch(host_port)
    if match is None:
        return "", False
    port = match["port"] or ""
    known = not port or (port.isascii() and port.isdigit())
    shown = known and port and decimal(port, 65535) not in (0, _PORTS.get(scheme.lower()))
    return f"//{user}{at}{match['host']}" + (f":{port}" if shown else ""), known
