"""The error log: how a message becomes a line, and which file of which server it goes to."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from mpmserver.core.logs import LogSink, Opener
from mpmserver.core.settings import CoreServer, Level

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Server, Site


def format_default(
    level: Level, module: str, message: str, pid: int, tid: int, client: str | None = None
) -> str:
    """Apache's default ErrorLogFormat; `client` is "address:port". No newline at the end."""
    now = time.time()
    stamp = time.strftime(f"%a %b %d %H:%M:%S.{int(now % 1 * 1_000_000):06d} %Y", time.localtime(now))
    peer = f" [client {client}]" if client else ""
    return f"[{stamp}] [{module}:{level.name.lower()}] [pid {pid}:tid {tid}]{peer} {message}"


class SinkErrorLog:
    """A server's error log on a sink."""

    __slots__ = ("_sink",)

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def write(self, server: Server, level: Level, module: str, message: str, exchange: Exchange | None) -> None:
        if level > server[CoreServer].log_levels.of(module) and level != Level.NOTICE:
            return
        client = None if exchange is None else f"{exchange.peer.remote[0]}:{exchange.peer.remote[1]}"
        line = format_default(level, module, message, os.getpid(), threading.get_native_id(), client)
        self._sink.write(line.encode("utf-8", "surrogateescape") + b"\n", int(level))
        self._sink.flush()


def open_error_logs(site: Site, opener: Opener) -> None:
    """Give every server its error log; raises OSError."""
    root = site.configuration.server_root
    for server in site.servers:
        server.error_log = SinkErrorLog(opener.open(server[CoreServer].error_log or "logs/error_log", root))
