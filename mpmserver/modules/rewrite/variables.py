"""The variables of test strings and substitutions: %{REQUEST_URI}, %{HTTP:Name}, %{LA-U:REMOTE_USER} and the others.

`variable(name)` is asked when the configuration is read and returns how the variable is read from a `Run`; a name
that there is none of is an empty text. Look-aheads ask a subrequest and must be waited for, as must a name from DNS.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from mpmserver.core.accounts import group_name, user_name
from mpmserver.core.environment import get_variable
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr.variables import API_VERSION
from mpmserver.core.hostnames import look_up, remote_host
from mpmserver.core.names import (
    context_document_root,
    context_prefix,
    document_root,
    scheme,
    server_name,
    server_port,
    server_product,
)
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.core.subrequest import lookup_file, lookup_uri
from mpmserver.http.headers import Headers
from mpmserver.http.text import path_octets, path_text
from mpmserver.modules.rewrite.settings import RewriteDir
from mpmserver.modules.rewrite.state import Run

API_MINOR: Final = "142"
Read = Callable[[Run], str]


class AsyncRead:
    """A variable that must be waited for."""

    __slots__ = ()

    async def read(self, run: Run) -> str:
        """Return its text for a request."""
        raise NotImplementedError


class RemoteHost(AsyncRead):
    """The client's name where HostnameLookups finds one, else its address."""

    __slots__ = ()

    async def read(self, run: Run) -> str:
        x = run.subject
        if x.settings[CoreDir].hostname_lookups != "off":
            await look_up(x)
        return remote_host(x)


class LookAhead(AsyncRead):
    """A variable as a subrequest for this URI, or this file, would have it."""

    __slots__ = ("_by_file", "_name", "_of")

    def __init__(self, name: str, by_file: bool) -> None:
        self._name = name if ":" in name else name.upper()
        self._by_file = by_file
        self._of = variable(name).read

    async def read(self, run: Run) -> str:
        x = run.subject
        if not may_look_up(x):
            return ""
        path = run.uri
        in_directory = run.directory is not None
        if self._by_file and not (in_directory and path.startswith("/")):
            path = _below(run, None) + path if in_directory else path
            sub = await lookup_file(x, path)
        else:  # also for a file whose place is not known any more: a rule has made a URL-path of it
            path = _below(run, x.settings[RewriteDir].base) + path if in_directory and path[:1] != "/" else path
            sub = await lookup_uri(x, path_octets(path))
        run.subject = sub
        try:
            value = self._of(run) if not isinstance(self._of, AsyncRead) else await self._of.read(run)
        finally:
            run.subject = x
        if run.tracing:
            run.trace(5, f"lookahead: path={path} var={self._name} -> val={value}")
        return value


class Variable(NamedTuple):
    """How a variable is read, and whether it depends on nothing but the request's head and the files it leads to."""

    read: Read | AsyncRead
    is_pure: bool


def may_look_up(x: Exchange) -> bool:
    """Whether a subrequest can be asked: not by one that is for the very URI of its main request."""
    return x.main is None or x.main.uri != x.uri


def _below(run: Run, base: str | None) -> str:
    """What stands before a path of the request's own directory: RewriteBase, or the directory itself."""
    return base or run.subject.settings[RewriteDir].directory or ""


@lru_cache(maxsize=256)
def _header(name: str) -> Read:
    """A field of the request; that it was looked at is noted for Vary, but never Host (RFC 9110 12.5.5)."""
    key, named = name.lower(), (name,)
    varies = key != "host"

    def read(run: Run) -> str:
        fields = run.subject.headers_in
        value = fields.joined.get(key) if type(fields) is Headers and fields.asked is None else fields.get(name)
        if value is None:
            return ""
        if varies:
            run.vary_now += named
        return value if value.isascii() else path_text(value)

    return read


def _clock(form: str) -> Read:
    return lambda run: time.strftime(form)


def _time(run: Run) -> str:
    now = time.strftime("%Y%m%d%H%M%S")
    if run.tracing:
        run.trace(1, f"RESULT='{now}'")
    return now


def _ipv6(run: Run) -> str:
    value = "on" if ":" in run.subject.peer.remote[0] else "off"
    if run.tracing:
        run.trace(1, f"IPV6='{value}'")
    return value


def _environment(name: str) -> Read:
    def read(run: Run) -> str:
        value = get_variable(run.subject.env, name)
        return os.environ.get(name, "") if value is None else value

    return read


def _owner(run: Run) -> str:
    if _is_unmapped(run):
        return "<unknown>"
    status = run.subject.finfo
    number = 0 if status is None else status.st_uid  # a file that isn't there has number 0's, as in Apache
    return user_name(number) or str(number)


def _group(run: Run) -> str:
    if _is_unmapped(run):
        return "<unknown>"
    status = run.subject.finfo
    number = 0 if status is None else status.st_gid
    return group_name(number) or str(number)


def _is_unmapped(run: Run) -> bool:
    """Whether the request has no file yet: the server's rules look at it before the walk over directories."""
    return run.directory is None and run.subject is run.x


_PURE: Final[dict[str, Read]] = {
    "AUTH_TYPE": lambda run: run.subject.auth_type or "",
    "API_VERSION": lambda run: f"{API_VERSION}:{API_MINOR}",
    "CONTEXT_DOCUMENT_ROOT": lambda run: context_document_root(run.subject),
    "CONTEXT_PREFIX": lambda run: context_prefix(run.subject),
    "DOCUMENT_ROOT": lambda run: document_root(run.subject),
    "HTTPS": lambda run: "on" if run.subject.peer.secure else "off",
    "HTTP_ACCEPT": _header("Accept"),
    "HTTP_COOKIE": _header("Cookie"),
    "HTTP_FORWARDED": _header("Forwarded"),
    "HTTP_HOST": _header("Host"),
    "HTTP_PROXY_CONNECTION": _header("Proxy-Connection"),
    "HTTP_REFERER": _header("Referer"),
    "HTTP_USER_AGENT": _header("User-Agent"),
    "IS_SUBREQ": lambda run: "true" if run.subject.main is not None else "false",
    "PATH_INFO": lambda run: run.subject.path_info,
    "QUERY_STRING": lambda run: path_text(run.subject.args or ""),
    "REMOTE_IDENT": lambda run: "",
    "REMOTE_USER": lambda run: run.subject.user or "",
    "REQUEST_FILENAME": lambda run: run.subject.filename or "",
    "REQUEST_METHOD": lambda run: run.subject.method,
    "REQUEST_SCHEME": lambda run: scheme(run.subject),
    "REQUEST_URI": lambda run: run.subject.uri,
    "SCRIPT_FILENAME": lambda run: run.subject.filename or "",
    "SERVER_ADDR": lambda run: run.subject.peer.local[0],
    "SERVER_ADMIN": lambda run: run.subject.server[CoreServer].server_admin,
    "SERVER_NAME": lambda run: server_name(run.subject),
    "SERVER_PORT": lambda run: str(server_port(run.subject)),
    "SERVER_PROTOCOL": lambda run: run.subject.protocol,
    "SERVER_SOFTWARE": lambda run: server_product(run.subject.server.site),
    "THE_REQUEST": lambda run: path_text(run.subject.request.request_line),
}

_OTHERS: Final[dict[str, Read | AsyncRead]] = {
    "CONN_REMOTE_ADDR": lambda run: run.subject.peer.remote[0],
    "IPV6": _ipv6,
    "REMOTE_ADDR": lambda run: run.subject.client_ip,
    "REMOTE_HOST": RemoteHost(),
    "REMOTE_PORT": lambda run: str(run.subject.peer.remote[1]),
    "SCRIPT_GROUP": _group,
    "SCRIPT_USER": _owner,
    "TIME": _time,
    "TIME_DAY": _clock("%d"),
    "TIME_HOUR": _clock("%H"),
    "TIME_MIN": _clock("%M"),
    "TIME_MON": _clock("%m"),
    "TIME_SEC": _clock("%S"),
    "TIME_WDAY": _clock("%w"),
    "TIME_YEAR": _clock("%Y"),
}
"""Those that depend on the connection's other end, the clock, or the machine's user database."""


def variable(name: str) -> Variable:
    """Return how %{name} is read."""
    prefix, colon, rest = name.partition(":")
    if colon and rest:
        prefix = prefix.upper()
        if prefix == "ENV":
            return Variable(_environment(rest), is_pure=True)
        if prefix == "HTTP":
            return Variable(_header(rest), is_pure=True)
        if prefix in ("LA-U", "LA-F"):
            return Variable(LookAhead(rest, by_file=prefix == "LA-F"), is_pure=False)
    name = name.upper()
    if name in _PURE:
        return Variable(_PURE[name], is_pure=True)
    return Variable(_OTHERS.get(name, lambda run: ""), is_pure=name not in _OTHERS)
