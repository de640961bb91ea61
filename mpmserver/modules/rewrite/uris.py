"""What rules make of URIs: absolute ones told by their scheme, made, reduced, escaped, and queries split from them.

The URIs here are in the form of file names (UTF-8, other octets as surrogates), for that is what a rule's result may be
as well. Apache's list of schemes decides which results are absolute; of those, some have queries and some have not.
"""

from __future__ import annotations

import pwd
import re
from typing import TYPE_CHECKING, NamedTuple

from mpmserver.config.fnmatch import translate
from mpmserver.config.numbers import atoi
from mpmserver.core.names import DEFAULT_PORTS, construct_url
from mpmserver.core.settings import CoreServer
from mpmserver.core.vhost import is_wild
from mpmserver.http.text import path_octets, path_text
from mpmserver.http.uri import escape_uri, needs_escape
from mpmserver.modules.rewrite.flags import Flag

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.state import Run

_HTTP = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^:/]*)(?::(?P<port>[^/]*))?(?P<path>/.*)?", re.IGNORECASE | re.DOTALL
)
PASS_THROUGH = "passthrough:"


class Absolute(NamedTuple):
    """How long the scheme of an absolute URI is, and whether it can have a query."""

    length: int
    has_query: bool


_WITH_QUERY = (
    "ajp://", "balancer://", "fcgi://", "h2://", "h2c://", "http://", "https://", "mailto:", "scgi://", "unix:",
    "ws://", "wss://",
)  # fmt: skip
_WITHOUT_QUERY = ("ftp://", "gopher://", "ldap://", "news:", "nntp://")
_SCHEMES = {scheme: Absolute(len(scheme), scheme in _WITH_QUERY) for scheme in (*_WITH_QUERY, *_WITHOUT_QUERY)}
_NAMES = "|".join(_SCHEMES)
_SCHEME = re.compile(f"(?=[abfghlmnsuw])(?:{_NAMES})", re.IGNORECASE | re.ASCII)


def absolute(uri: str) -> Absolute | None:
    """Whether a rule's result is an absolute URI: None for one that is not."""
    match = _SCHEME.match(uri)
    return None if match is None else _SCHEMES[match[0].lower()]


def qualified(x: Exchange, uri: str) -> str:
    """The URI itself where it is absolute, else a URL of this server."""
    if x.method == "CONNECT" or absolute(uri) is not None:
        return uri
    return construct_url(x, uri if uri.startswith("/") else f"/{uri}")


def reduced(run: Run, uri: str) -> str | None:
    """The path of a URL that is this very server's, None for any other."""
    match = _HTTP.fullmatch(uri)
    if match is None or not match["host"]:
        return None
    x = run.x
    port = atoi(match["port"]) if match["port"] is not None else DEFAULT_PORTS[match["scheme"].lower()]
    if not _is_this_server(x, match["host"], port):
        return None
    path = match["path"] or "/"
    if run.tracing:
        run.trace_request(3, f"reduce {uri} -> {path}")
    return path


def _is_this_server(x: Exchange, host: str, port: int) -> bool:
    """Whether a host and port mean the virtual host of this request. (ap_matches_request_vhost)"""
    core = x.server[CoreServer]
    name = host.lower()
    for address in core.addresses:
        if address.takes(port) and address.name.lower() == name:
            return True
    if port != core.server_port:
        return False
    if core.server_name is not None and core.server_name.lower() == name:
        return True
    return any(_is_named(name, alias.lower()) for alias in core.server_aliases)


def _is_named(name: str, alias: str) -> bool:
    return re.fullmatch(translate(alias), name) is not None if is_wild(alias) else alias == name


def escaped(uri: str, length: int) -> str:
    """Escape an absolute URI whose scheme has this length, for a redirect; its host stays as it is."""
    if not needs_escape(uri):
        return uri
    start = length
    if uri[length - 1] == "/":
        slash = uri.find("/", length)
        if slash < 0 or slash + 1 == len(uri):
            return uri
        start = slash + 1
        if uri[:4].lower() == "ldap":
            return uri[:start] + "?".join(escape_uri(part) for part in uri[start:].split("?", 4))
    return uri[:start] + escape_uri(uri[start:])


def split_query(run: Run, flags: int, scheme: Absolute | None) -> None:
    """Take the query off `x.filename`, and into `x.args` as the flags say; `scheme` is what `absolute` says of it."""
    x = run.x
    if flags & Flag.QS_NONE:
        if run.tracing:
            run.trace_request(2, "discarding query string, no parse from substitution")
        x.args = None
        return
    if scheme is not None and not scheme.has_query:
        x.args = None
        return
    if flags & Flag.QS_DISCARD:
        if run.tracing:
            run.trace_request(2, "discarding query string")
        x.args = None
    uri = x.filename or ""
    start = 0 if scheme is None else scheme.length
    mark = uri.rfind("?", start) if flags & Flag.QS_LAST else uri.find("?", start)
    if mark >= 0:
        x.filename = uri[:mark]
        x.args = _new_query(path_octets(uri[mark + 1 :]), x.args, bool(flags & Flag.QS_APPEND))
        if run.tracing:
            shown = "<none>" if x.args is None else path_text(x.args)
            run.trace_request(3, f"split uri={uri} -> uri={x.filename}, args={shown}")


def _new_query(given: str, before: str | None, appends: bool) -> str | None:
    if appends:
        given = f"{given}&{before or ''}" if given else before or ""
    return given.removesuffix("&") if given else None


def with_home(uri: str) -> str:
    """`/~user/x` as a file in that user's home directory; anything else as it is."""
    if not uri.startswith("/~") or len(uri) < 3:
        return uri
    user, slash, rest = uri[2:].partition("/")
    try:
        home = pwd.getpwnam(user).pw_dir
    except (KeyError, ValueError):
        return uri
    return home.removesuffix("/") + slash + rest if slash else home


def replaced_prefix(run: Run, path: str, prefix: str, substitute: str) -> str:
    """Put `substitute` in the place of a prefix (whole segments); a path that has another stays as it is."""
    stem = prefix.removesuffix("/")
    if not path.startswith(f"{stem}/"):
        return path
    rest = path[len(stem) + 1 :]
    result = (substitute if substitute.endswith("/") or not substitute else f"{substitute}/") + rest
    if not substitute and path.startswith("/"):
        result = f"/{rest}"
    if run.tracing:
        run.trace_request(5, f"strip matching prefix: {path} -> {rest}")
        run.trace_request(4, f"add subst prefix: {rest} -> {result}")
    return result
