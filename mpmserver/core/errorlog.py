"""The error log: which messages are written, in which form, and to which file of which server.

Every server gets one `SinkErrorLog` in the parent, before any fork; servers with the same ErrorLog share its sink.
`write` may be called on any thread: it renders the whole line first (`errorlog_format.py`) and hands it over at once,
so that a message is in the file when the process dies of what it tells.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.errors import MAX_LOG_LINE, ConfigError, ErrorKind
from mpmserver.core.errorlog_format import (
    DEFAULT_FORMAT,
    FormatError,
    Formatter,
    Message,
    compile_format,
    log_ids,
    log_time_now,
)
from mpmserver.core.logs import LogSink, Opener, SyslogSink
from mpmserver.core.settings import CoreServer, Level, LogLevels, log_levels
from mpmserver.http.text import escape_errorlog_item, path_octets

if TYPE_CHECKING:
    from mpmserver.config.build import Build, Configuration
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Server, Site

DEFAULT_FILE: Final = "logs/error_log"
_STATUS = re.compile(r"\((?:EAI )?-?[0-9]+\)[^:]*: ")

Formats = tuple[tuple[str, str], ...]
"""ErrorLogFormat as written: (kind, format), kind being "", "request" or "connection"."""


class LogOpenError(ValueError):
    """A log could not be opened; the message is Apache's whole line."""


def os_error(error: OSError | ValueError) -> str:
    """An error as APR prints it: "(2)No such file or directory"."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"({error.errno}){os.strerror(error.errno)}"
    return str(error)


def format_default(
    level: Level, module: str, message: str, pid: int, tid: int, client: str | None = None
) -> str:
    """Apache's default form, for messages before there is a log; `client` is "address:port". No newline at the end."""
    status, text = split_status(message)
    peer = f" [client {client}]" if client else ""
    error = f" {status}:" if status else ""
    stamp = log_time_now("u")
    return f"[{stamp}] [{module}:{level.name.lower()}] [pid {pid}:tid {tid}]{error}{peer} {escape_errorlog_item(text)}"


def split_status(message: str) -> tuple[str, str]:
    """Part "(13)Permission denied: AH00132: ..." into the system's error and the message."""
    if not message.startswith("("):
        return "", message
    match = _STATUS.match(message)
    return (match[0][:-2], message[match.end() :]) if match else ("", message)


def add_format(build: Build, *arguments: str) -> None:
    """ErrorLogFormat [connection|request] FORMAT; of the kinds for once-only lines there may be several."""
    kind, text = ("", arguments[0]) if len(arguments) == 1 else (arguments[0].lower(), arguments[1])
    if kind not in ("", "connection", "request"):
        build.fail("ErrorLogFormat type must be one of request, connection")
    try:
        compile_format(text, main=not kind)
    except FormatError as error:
        build.fail(str(error))
    server = build.server(CoreServer)
    present: Formats = server.error_log_format or ()
    kept = present if kind else tuple(pair for pair in present if pair[0])
    server.error_log_format = (*kept, (kind, text))


class SinkErrorLog:
    """One server's error log."""

    __slots__ = ("_connection", "_levels", "_main", "_notices", "_request", "_server", "_sink")

    def __init__(self, server: Server, sink: LogSink) -> None:
        core = server[CoreServer]
        self._server = core
        self._sink = sink
        self._levels: LogLevels = log_levels(core, None)
        self._notices = not isinstance(sink, SyslogSink)
        """In a file, notices are written whatever LogLevel says."""
        formats: Formats = core.error_log_format or ()
        self._main = compile_format(next((text for kind, text in formats if not kind), DEFAULT_FORMAT))
        self._request = _once_formats(formats, "request")
        self._connection = _once_formats(formats, "connection")

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        """Whether a message of this level would be written: ask before making an expensive one."""
        levels = self._levels
        if exchange is not None and exchange.settings.core.log_levels is not None:
            levels = log_levels(self._server, exchange.settings.core)
        return level <= levels.of(module)

    def write(self, server: Server, level: Level, module: str, message: str, exchange: Exchange | None) -> None:
        """Write one message where LogLevel (of the server, the section, the module) lets it."""
        if not self.logs(level, module, exchange) and not (level == Level.NOTICE and self._notices):
            return
        status, text = split_status(message)
        escaped = escape_errorlog_item(path_octets(text))[:MAX_LOG_LINE]
        if exchange is not None:
            self._introduce(server, level, module, exchange)
        self._put(self._main(Message(server, level, module, escaped, status, exchange)), level)
        self._sink.flush()

    def _introduce(self, server: Server, level: Level, module: str, x: Exchange) -> None:
        """The lines that a connection's and a request's first message gets."""
        new_connection, new_request = x.peer.log_id is None, x.first.log_id is None
        if not new_request:
            return
        log_ids(x)
        if new_connection:
            for render in self._connection:
                self._put(render(Message(server, level, module, "", exchange=x, once=True)), level)
        for render in self._request:
            self._put(render(Message(server, level, module, "", exchange=x)), level)

    def _put(self, line: str | None, level: Level) -> None:
        if line is not None:
            self._sink.write(line.encode("utf-8", "surrogateescape") + b"\n", int(level))


def _once_formats(formats: Formats, wanted: str) -> tuple[Formatter, ...]:
    return tuple(compile_format(text, main=False) for kind, text in formats if kind == wanted)


def check_error_logs(configuration: Configuration) -> None:
    """Refuse error logs in directories that don't exist; raises ConfigError."""
    lines = []
    for host in (configuration.main, *configuration.virtual_hosts):
        is_main = host is configuration.main
        name: Any = host.settings(CoreServer).error_log or (DEFAULT_FILE if is_main else None)
        if name is None or name.startswith("|") or name.split(":")[0] == "syslog":
            continue
        directory = f"{os.path.dirname(configuration.path(name))}/"
        try:
            os.stat(directory)
        except OSError as error:
            where = f"error log of vhost defined at {host.origin.file}:{host.origin.line}"
            number = "AH02291" if is_main else "AH02292"
            what = "main error log" if is_main else where
            lines.append(f"{os_error(error)}: {number}: Cannot access directory '{directory}' for {what}")
    if lines:
        raise ConfigError("\n".join(lines), kind=ErrorKind.CHECK)


def open_error_logs(site: Site, opener: Opener) -> None:
    """Give every server its error log; raises LogOpenError."""
    root = site.configuration.server_root
    for server in site.servers:
        name = server[CoreServer].error_log or DEFAULT_FILE
        try:
            sink = opener.open(name, root)
        except (OSError, ValueError) as error:
            path = name if name.startswith("|") else os.path.normpath(os.path.join(root, name))
            raise LogOpenError(
                f"{os_error(error)}: AH00091: mpmserver: could not open error log file {path}."
            ) from None
        server.error_log = SinkErrorLog(server, sink)
