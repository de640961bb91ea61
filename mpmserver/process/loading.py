"""A `Command` to a finished configuration, with everything that Apache checks before it says "Syntax OK"."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable

from mpmserver.config.build import Configuration
from mpmserver.config.errors import escaped
from mpmserver.config.load import Loaded, LoadOptions, load
from mpmserver.config.node import Origin
from mpmserver.core.errorlog import format_default
from mpmserver.core.logs import LogSink
from mpmserver.core.settings import CoreServer, Level
from mpmserver.core.site import Server, Site
from mpmserver.core.world import World
from mpmserver.modules.so import Catalog
from mpmserver.mpm.figures import log_form
from mpmserver.process.command import Command
from mpmserver.records import replace

LOGGED_AT_START: dict[str, tuple[str, Level]] = {
    "AH00077": ("core", Level.CRIT),
    "AH00111": ("core", Level.WARN),
    "AH00113": ("core", Level.NOTICE),
    "AH00114": ("core", Level.WARN),
    "AH00115": ("core", Level.WARN),
    "AH00116": ("core", Level.WARN),
    "AH00117": ("core", Level.WARN),
    "AH00547": ("core", Level.ERROR),
    "AH00549": ("core", Level.ERROR),
    "AH00554": ("core", Level.ERROR),
    "AH00664": ("rewrite", Level.WARN),
    "AH00665": ("rewrite", Level.WARN),
    "AH00671": ("alias", Level.WARN),
    "AH01506": ("env", Level.WARN),
    "AH01574": ("so", Level.WARN),
    "AH02304": ("core", Level.WARN),
    "AH03491": ("remoteip", Level.NOTICE),
    "AH10032": ("env", Level.WARN),
    "AH10142": ("authz_core", Level.WARN),
    **{f"AH{number:05}": ("macro", Level.WARN) for number in (*range(2793, 2806), 2989)},
}
"""Messages that Apache prints in the form of the error log even at the start; all others are printed plainly."""
NUMBER = re.compile(r"AH[0-9]{5}")
SAID_ONCE = "AH00548"
"""The one warning that Apache doesn't repeat in its error log."""

DEBUGGING = frozenset(level.name.lower() for level in Level if level >= Level.DEBUG)

Say = Callable[[str], None]


def load_configuration(command: Command, say: Say) -> Loaded:
    """Read the configuration of a command line; warnings go to `say`, a line each. Raises ConfigError."""
    options = LoadOptions(
        server_root=command.server_root,
        file=command.file,
        defines=command.defines,
        pre_lines=command.pre_lines,
        post_lines=command.post_lines,
        mpm=command.mpm,
        check_document_roots=not command.skip_document_root,
    )
    warnings: list[str] = []

    def warn(message: str, origin: Origin | None = None) -> None:
        warnings.append(message)
        say(startup_line(message))

    loaded = load(options, Catalog(), warn)
    if command.startup_level in DEBUGGING:
        for name, path in loaded.loaded:
            say(_logged(Level.DEBUG, "so", f"AH01575: loaded module {name} from {path}"))
    name_main_server(loaded.configuration, command.name, warn)
    return replace(loaded, warnings=tuple(warnings))


def compile_world(loaded: Loaded) -> World:
    """Finish all settings and the tables of virtual hosts; inherited by every child. Raises ConfigError."""
    return World(Site(loaded.configuration), loaded.context)


def startup_line(message: str) -> str:
    """A warning as Apache prints it before there is an error log."""
    form = _form(message)
    if form is None:
        return escaped(message)
    return _logged(form[1], form[0], message)


def _form(message: str) -> tuple[str, Level] | None:
    number = NUMBER.search(message)
    return None if number is None else LOGGED_AT_START.get(number[0])


def log_warnings(loaded: Loaded, main: Server, error_log: LogSink) -> None:
    """Repeat in the new error log what was warned about at the start: Apache then reads all once more."""
    for message in loaded.warnings:
        form = _form(message)
        figure = log_form(message)
        if figure is not None:
            main.log(Level.WARN, f"mpm_{loaded.mpm.name}", figure)
        elif form is not None:
            main.log(form[1], form[0], message)
        elif not message.startswith(SAID_ONCE):
            error_log.write(os.fsencode(f"{escaped(message)}\n"))
    error_log.flush()


def _logged(level: Level, module: str, message: str) -> str:
    return format_default(level, module, message, os.getpid(), threading.get_native_id())


def name_main_server(configuration: Configuration, program: str, say: Say) -> None:
    """Give the main server the machine's name where no ServerName does (ap_get_local_host)."""
    core = configuration.main.settings(CoreServer)
    if core.finished().server_name:
        return
    name, sure = local_host(program, say)
    if not sure:
        say(
            f"AH00558: {program}: Could not reliably determine the server's fully qualified domain name, using "
            f"{name}. Set the 'ServerName' directive globally to suppress this message"
        )
    core.server_name = name


def local_host(program: str, say: Say) -> tuple[str, bool]:
    """The machine's name as a client may know it, and whether it is a fully qualified one."""
    name = socket.gethostname()
    try:
        address = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4]
    except (OSError, UnicodeError):
        say(f"AH00557: {program}: apr_sockaddr_info_get() failed for {name}")
        return "127.0.0.1", False
    try:
        full = socket.getnameinfo(address, socket.NI_NAMEREQD)[0]
    except OSError:
        full = ""
    for candidate in (full, name):
        if "." in candidate:
            return candidate, True
    return str(address[0]), False


def say_on_stderr(line: str) -> None:
    """Write one line to standard error: the error log, perhaps a program that doesn't read, which must stop nobody."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode("utf-8", "surrogateescape"))
