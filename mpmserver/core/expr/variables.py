"""The variables of expressions: %{REQUEST_URI} and its relatives, each a function of one evaluation.

They are Apache's list (expr.html, "Variables"), and what each is depends on how far the request has come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from mpmserver.core.accounts import group_name, user_name
from mpmserver.core.expr.run import Run, received
from mpmserver.core.hostnames import look_up, remote_host
from mpmserver.core.names import (
    context_document_root,
    context_prefix,
    document_root,
    full_content_type,
    scheme,
    server_name_for_url,
    server_port,
    server_product,
)
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.http.dates import parse_http_date
from mpmserver.http.text import path_text

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

API_VERSION = "20120211"
"""Apache 2.4's module interface, which configurations ask for."""

Read = Callable[[Run], str]


def _header(name: str) -> Read:
    """As `Run.header`, of a field that is known before."""
    varies = name.lower() != "host"

    def read(run: Run) -> str:
        if varies and name not in run.vary:
            run.vary.append(name)
        value = run.x.headers_in.get(name)
        return "" if value is None else value if value.isascii() else path_text(value)

    return read


def _clock(form: str) -> Read:
    return lambda run: time.strftime(form)


def _weekday(run: Run) -> str:
    return time.strftime("%w")


def _on_off(value: bool) -> str:
    return "on" if value else "off"


def _last_modified(run: Run) -> str:
    """When what a handler has answered with was modified; before there is an answer, the beginning of 1970."""
    value = run.x.headers_out.get("Last-Modified")
    seconds = None if value is None else parse_http_date(value)
    return time.strftime("%Y%m%d%H%M%S", time.localtime(seconds or 0))


def _owner(run: Run) -> str:
    """The user that the file belongs to; that of a file that isn't there is number 0, as in Apache."""
    number = _number(run.x, "st_uid")
    return "" if number is None else user_name(number) or str(number)


def _group(run: Run) -> str:
    number = _number(run.x, "st_gid")
    return "" if number is None else group_name(number) or str(number)


def _number(x: Exchange, field: str) -> int | None:
    if x.finfo is None:
        return None if x.filename is None else 0
    return int(getattr(x.finfo, field))


def _remote_host(run: Run) -> str:
    """The client's name where HostnameLookups finds one (has found it, for who can't wait), else its address."""
    x = run.x
    if x.settings[CoreDir].hostname_lookups != "off":
        run.answer(("REMOTE_HOST", ""), lambda: look_up(x), fallback="")
    return remote_host(x)


def _remote_addr(run: Run) -> str:
    return run.x.client_ip


def _remote_port(run: Run) -> str:
    return str(run.x.client_port)


def _request_status(run: Run) -> str:
    return str(run.x.status)


def _server_software(run: Run) -> str:
    return server_product(run.x.server.site)


def _content_type(run: Run) -> str:
    return full_content_type(run.x) or ""


def _request_log_id(run: Run) -> str:
    return run.x.log_id or ""


def _conn_log_id(run: Run) -> str:
    return run.x.peer.log_id or ""


VARIABLES: Final[Mapping[str, Read]] = {
    "HTTP_ACCEPT": _header("Accept"),
    "HTTP_COOKIE": _header("Cookie"),
    "HTTP_FORWARDED": _header("Forwarded"),
    "HTTP_HOST": _header("Host"),
    "HTTP_PROXY_CONNECTION": _header("Proxy-Connection"),
    "HTTP_REFERER": _header("Referer"),
    "HTTP_USER_AGENT": _header("User-Agent"),
    "REQUEST_METHOD": lambda run: run.x.method,
    "REQUEST_SCHEME": lambda run: scheme(run.x),
    "REQUEST_URI": lambda run: run.x.uri,
    "DOCUMENT_URI": lambda run: run.x.uri,
    "REQUEST_FILENAME": lambda run: run.x.filename or "",
    "SCRIPT_FILENAME": lambda run: run.x.filename or "",
    "LAST_MODIFIED": _last_modified,
    "SCRIPT_USER": _owner,
    "SCRIPT_GROUP": _group,
    "PATH_INFO": lambda run: run.x.path_info,
    "QUERY_STRING": lambda run: received(run.x.args),
    "IS_SUBREQ": lambda run: "true" if run.x.main is not None else "false",
    "THE_REQUEST": lambda run: received(run.x.request.request_line),
    "REMOTE_ADDR": _remote_addr,
    "REMOTE_PORT": _remote_port,
    "REMOTE_HOST": _remote_host,
    "REMOTE_USER": lambda run: run.x.user or "",
    "REMOTE_IDENT": lambda run: "",
    "SERVER_NAME": lambda run: server_name_for_url(run.x),
    "SERVER_PORT": lambda run: str(server_port(run.x)),
    "SERVER_ADMIN": lambda run: run.x.server[CoreServer].server_admin,
    "SERVER_PROTOCOL": lambda run: run.x.protocol,
    "DOCUMENT_ROOT": lambda run: document_root(run.x),
    "AUTH_TYPE": lambda run: run.x.auth_type or "",
    "CONTENT_TYPE": _content_type,
    "HANDLER": lambda run: run.x.handler or "",
    "HTTP2": lambda run: "off",
    "HTTPS": lambda run: _on_off(run.x.peer.secure),
    "IPV6": lambda run: _on_off(":" in run.x.peer.remote[0]),
    "REQUEST_STATUS": _request_status,
    "REQUEST_LOG_ID": _request_log_id,
    "CONN_LOG_ID": _conn_log_id,
    "CONN_REMOTE_ADDR": lambda run: run.x.peer.remote[0],
    "CONTEXT_PREFIX": lambda run: context_prefix(run.x),
    "CONTEXT_DOCUMENT_ROOT": lambda run: context_document_root(run.x),
    "TIME_YEAR": _clock("%Y"),
    "TIME_MON": _clock("%m"),
    "TIME_DAY": _clock("%d"),
    "TIME_HOUR": _clock("%H"),
    "TIME_MIN": _clock("%M"),
    "TIME_SEC": _clock("%S"),
    "TIME_WDAY": _weekday,
    "TIME": _clock("%Y%m%d%H%M%S"),
    "SERVER_SOFTWARE": _server_software,
    "API_VERSION": lambda run: API_VERSION,
}

PURE: Final = frozenset({
    "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_FORWARDED", "HTTP_HOST", "HTTP_PROXY_CONNECTION", "HTTP_REFERER",
    "HTTP_USER_AGENT", "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "DOCUMENT_URI", "REQUEST_FILENAME",
    "SCRIPT_FILENAME", "PATH_INFO", "QUERY_STRING", "IS_SUBREQ", "THE_REQUEST", "SERVER_NAME", "SERVER_ADMIN",
    "SERVER_PROTOCOL", "DOCUMENT_ROOT", "HTTP2", "HTTPS", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT",
    "SERVER_SOFTWARE", "SERVER_PORT", "API_VERSION", "REMOTE_IDENT", "REMOTE_USER", "AUTH_TYPE", "CONTENT_TYPE",
    "HANDLER", "REQUEST_STATUS", "LAST_MODIFIED",
})  # fmt: skip
"""Those that depend on nothing but the request's head, the file it leads to, and what hooks have made of them."""
