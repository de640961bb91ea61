"""From CustomLog lines to compiled logs with open sinks, for each server; in the parent, before any fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.core.errorlog import LogOpenError, os_error
from mpmserver.modules.log_config.buffer import LineBuffer
from mpmserver.modules.log_config.format import compile_format
from mpmserver.modules.log_config.settings import COMMON, CompiledLog, CustomLog, LogServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpmserver.config.build import Configuration
    from mpmserver.core.child import Child
    from mpmserver.core.logs import LogSink, Opener
    from mpmserver.core.site import Server, Site


def check_directories(configuration: Configuration) -> None:
    """Refuse logs in directories that don't exist; raises ConfigError."""
    lines = [
        f"{complaint}: AH02297: Cannot access directory '{directory}/' for log file '{log.target}' "
        f"defined at {log.origin.file}:{log.origin.line}"
        for host in (configuration.main, *configuration.virtual_hosts)
        for log in getattr(host.tables.get(LogServer), "logs", None) or ()
        if not log.target.startswith("|")
        for directory in (os.path.dirname(configuration.path(log.target)),)
        for complaint in (inaccessible(directory),)
        if complaint
    ]
    if lines:
        raise ConfigError("\n".join(lines), kind=ErrorKind.CHECK)


def inaccessible(directory: str) -> str:
    """Why a directory can't hold a log ("(2)No such file or directory"), "" where it can."""
    try:
        os.stat(f"{directory}/")
    except OSError as error:
        return os_error(error)
    return ""


def open_logs(site: Site, opener: Opener) -> None:
    """Compile every server's logs and open their sinks; raises LogOpenError."""
    main = site.main[LogServer]
    writers = Writers(opener, site.configuration.server_root, main.buffered)
    for server in site.servers:
        if server is site.main or server[LogServer] is not main:
            server[LogServer].compiled = tuple(_compiled_logs(site, server, writers))
    main.buffers = writers.buffers


def begin_child(child: Child) -> None:
    """Have what is buffered written when a child ends."""
    for buffer in child.site.main[LogServer].buffers:
        child.on_exit(buffer.flush)


class Writers:
    """Where the lines of each target go: to its sink, or with BufferedLogs to the buffer before it."""

    def __init__(self, opener: Opener, root: str, buffered: bool) -> None:
        self._opener = opener
        self._root = root
        self._buffers: dict[LogSink, LineBuffer] | None = {} if buffered else None

    @property
    def buffers(self) -> tuple[LineBuffer, ...]:
        return tuple((self._buffers or {}).values())

    def open(self, target: str) -> Callable[[bytes], None]:
        """Return the function that takes a line of this target. Raises LogOpenError."""
        try:
            sink = self._opener.open(target, self._root)
        except (OSError, ValueError) as error:
            what = "piped log program" if target.startswith("|") else "transfer log file"
            name = target if target.startswith("|") else os.path.normpath(os.path.join(self._root, target))
            raise LogOpenError(f"{os_error(error)}: AH00649: could not open {what} {name}.") from None
        if self._buffers is None:
            return sink.writer
        return self._buffers.setdefault(sink, LineBuffer(sink.writer)).write


def _compiled_logs(site: Site, server: Server, writers: Writers) -> list[CompiledLog]:
    """A virtual host without logs writes the main server's, in its own default format where they name none."""
    main, own = site.main[LogServer], server[LogServer]
    declared = server.config.tables.get(LogServer)
    has_logs = server.is_virtual and isinstance(declared, LogServer) and bool(declared.logs)
    formats = {"CLF": COMMON, **main.formats}
    if not has_logs:
        return [_compiled(log, formats, own.default_format, writers) for log in main.logs]
    shared = [_compiled(log, formats, own.default_format, writers) for log in main.logs if log.everywhere]
    return [_compiled(log, formats | own.formats, own.default_format, writers) for log in own.logs] + shared


def _compiled(log: CustomLog, formats: dict[str, str], default: str, writers: Writers) -> CompiledLog:
    form = default if log.format is None else formats.get(log.format, log.format)
    compiled = compile_format(form)
    return CompiledLog(log.wanted, compiled, compiled.render, writers.open(log.target))
