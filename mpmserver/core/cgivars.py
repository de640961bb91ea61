"""The environment of scripts: RFC 3875's variables and Apache's.

`common_vars` is what every program that answers for a request may know (mod_cgi, mod_include, expressions);
`cgi_vars` adds the CGI ones and needs a subrequest for PATH_TRANSLATED.
"""

from __future__ import annotations

import os
import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from mpmserver.core.names import (
    LOCAL_NAME_NOTE,
    context_document_root,
    context_prefix,
    document_root,
    scheme,
    server_name_for_url,
    server_port,
    server_product,
    signature,
)
from mpmserver.core.subrequest import lookup_uri
from mpmserver.http.text import path_text
from mpmserver.http.uri import escape_path

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.http.headers import Headers

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAMES_MOST = 1024
"""Names of headers whose variables are kept; clients make some of them up."""
PLACES_MOST = 256
"""Places (sections, addresses, names of hosts) whose variables are kept."""
_VARIABLE = re.compile(r"[A-Za-z0-9-]+")
_NO_VARIABLE = frozenset({"proxy"})
"""A Proxy header would become HTTP_PROXY, which programs take for their own configuration (CVE-2016-5387)."""
_SECRET = frozenset({"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"})
_CONTENT = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_INHERITED = ("LD_LIBRARY_PATH",)


class _Variables(dict[str, str]):
    """The variables of headers by their names as spelled, "" for those that have none."""

    def __missing__(self, name: str) -> str:
        key = name.lower()
        variable = ""
        if key not in _NO_VARIABLE and _VARIABLE.fullmatch(name):
            variable = _CONTENT.get(key) or f"HTTP_{name.upper().replace('-', '_')}"
        if len(self) < NAMES_MOST:
            self[name] = variable
        return variable


_variables = _Variables()
_places: dict[tuple[object, ...], dict[str, str]] = {}


def common_vars(x: Exchange) -> dict[str, str]:
    """Return the variables that hold for any request, over its own environment (SetEnv, SetEnvIf), and that."""
    env = x.env
    values = env.copy()
    _add_headers(values, x.headers_in, x.settings.core.cgi_pass_auth)
    values |= _place_vars(x)
    if env and env.get("PATH"):
        values["PATH"] = env["PATH"]
    values["REMOTE_ADDR"] = x.client_ip
    values["REMOTE_PORT"] = str(x.peer.port)
    if x.filename:
        values["SCRIPT_FILENAME"] = x.filename
    if x.user is not None:
        values["REMOTE_USER"] = x.user
    elif x.prev is not None and (user := _earlier_user(x.prev)) is not None:
        values["REDIRECT_REMOTE_USER"] = user
    if x.auth_type is not None:
        values["AUTH_TYPE"] = x.auth_type
    if x.prev is not None:
        values["REDIRECT_URL"] = x.prev.uri
        if x.prev.args is not None:
            values["REDIRECT_QUERY_STRING"] = x.prev.args
    return values


def _place_vars(x: Exchange) -> dict[str, str]:
    """What is the same for all requests to one place, kept for the next; those of the client have their places here."""
    peer, notes = x.peer, x.notes
    key = (
        x.settings, peer.local, peer.secure, peer.notes.get(LOCAL_NAME_NOTE), x.hostname, x.port,
        notes.get("document-root"), notes.get("context-prefix"), notes.get("context-document-root"),
    )  # fmt: skip
    values = _places.get(key)
    if values is None:
        if len(_places) >= PLACES_MOST:
            _places.clear()
        values = _places[key] = _make_place_vars(x)
    return values


def _make_place_vars(x: Exchange) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "PATH": os.environ.get("PATH") or DEFAULT_PATH,
        **inherited,
        "SERVER_SIGNATURE": signature(x),
        "SERVER_SOFTWARE": server_product(x.server.site),
        "SERVER_NAME": server_name_for_url(x),
        "SERVER_ADDR": x.peer.local[0],
        "SERVER_PORT": str(server_port(x)),
        "REMOTE_ADDR": "",
        "DOCUMENT_ROOT": document_root(x),
        "REQUEST_SCHEME": scheme(x),
        "CONTEXT_PREFIX": context_prefix(x),
        "CONTEXT_DOCUMENT_ROOT": context_document_root(x),
        "SERVER_ADMIN": x.server.core.server_admin,
        "REMOTE_PORT": "",
    }


def _earlier_user(before: Exchange | None) -> str | None:
    """Who had to say who he is before the last of the internal redirects that led on from here."""
    while before is not None and before.user is None:
        before = before.prev
    return None if before is None else before.user


def _add_headers(values: dict[str, str], headers: Headers, pass_auth: bool) -> None:
    """HTTP_*: one for each header whose name can be a variable's; several received under one name are joined."""
    for name, value in headers.merged_items():
        variable = _variables[name]
        if variable and (pass_auth or variable not in _SECRET):
            values[variable] = value if value.isascii() else path_text(value)


def cgi_vars(x: Exchange) -> dict[str, str] | Coroutine[Any, Any, dict[str, str]]:
    """The whole environment of a CGI script (RFC 3875 4.1); a coroutine of it where PATH_INFO is to be mapped."""
    values = common_vars(x)
    args, target = x.args, x.request.target
    values |= {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": x.protocol,
        "REQUEST_METHOD": x.method,
        "QUERY_STRING": path_text(args) if args else "",
        "REQUEST_URI": target if target.isascii() else path_text(target),
        "SCRIPT_NAME": script_name(x) if x.path_info else x.uri,
    }
    if x.settings.core.cgi_vars.get("REQUEST_URI") == "current-uri":
        values["REQUEST_URI"] = escape_path(x.uri)
    return _with_path_info(x, values) if x.path_info else values


async def _with_path_info(x: Exchange, values: dict[str, str]) -> dict[str, str]:
    """Add what is behind the script's name, and which file that would be."""
    values["PATH_INFO"] = x.path_info
    found = await lookup_uri(x, escape_path(x.path_info))
    if found.filename:
        values["PATH_TRANSLATED"] = found.filename + found.path_info
    return values


def script_name(x: Exchange) -> str:
    """The part of the URI that names the script: all of it but the path info. (ap_find_path_info)"""
    uri, info = x.uri, x.path_info
    left, right = len(uri), len(info)
    while left and right and uri[left - 1] == info[right - 1]:
        left -= 1
        right -= 1
        while info[right] == "/" and left and uri[left - 1] == "/":
            left -= 1  # slashes in a row, which the path info has as one
    slash = uri.find("/", left)
    return uri[:left] if slash < 0 else uri[:slash]
