"""From CustomLog lines to compiled logs with open sinks, for each server; in the parent, before any fork."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mpmserver.config.errors import ConfigError, ErrorKind
from mpmserver.core.errorlog import LogOpenError, os_error
from mpmserver.modules.log_config.format import Formatter, compile_format
from mpmserver.modules.log_config.settings import COMMON, CustomLog, LogServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpmserver.config.build import Configuration
    from mpmserver.core.logs import Opener
    from mpmserver.core.site import Server, Site

    Compiled = tuple[str | None, bool, Formatter, Callable[[bytes], None]]


def check_directories(configuration: Configuration) -> None:
    """Refuse logs in directories that don't exist; raises ConfigError."""
    lines = [
        f"{complaint}: AH02297: Cannot access directory '{directory}/' for log file '{log.target}' "
        f"defined at {log.origin.file}:{log.origin.line}"
        for host in (configuration.main, *configuration.virtual_hosts)
        for log in host.settings(LogServer).logs or ()
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
    for server in site.servers:
        server[LogServer].compiled = tuple(_compiled_logs(site, server, opener))


def _compiled_logs(site: Site, server: Server, opener: Opener) -> list[Compiled]:
    """A virtual host without logs writes the main server's, in its own default format where they name none."""
    main, own = site.main[LogServer], server[LogServer]
    declared = server.config.tables.get(LogServer)
    has_logs = server.is_virtual and isinstance(declared, LogServer) and bool(declared.logs)
    logs = (*own.logs, *(log for log in main.logs if log.everywhere)) if has_logs else main.logs
    formats = {"CLF": COMMON, **(own.formats if has_logs else main.formats)}
    root = site.configuration.server_root
    return [_compiled(log, formats, own.default_format, opener, root) for log in logs]


def _compiled(log: CustomLog, formats: dict[str, str], default: str, opener: Opener, root: str) -> Compiled:
    form = default if log.format is None else formats.get(log.format, log.format)
    try:
        sink = opener.open(log.target, root)
    except (OSError, ValueError) as error:
        what = "piped log program" if log.target.startswith("|") else "transfer log file"
        name = log.target if log.target.startswith("|") else os.path.normpath(os.path.join(root, log.target))
        raise LogOpenError(f"{os_error(error)}: AH00649: could not open {what} {name}.") from None
    return log.variable, log.negate, compile_format(form), sink.write
