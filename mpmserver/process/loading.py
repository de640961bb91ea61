"""A `Command` to a finished configuration, with everything that Apache checks before it says "Syntax OK"."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Callable

from mpmserver.config.build import Configuration
from mpmserver.config.errors import escaped
from mpmserver.config.load import Loaded, LoadOptions, load
from mpmserver.config.node import Origin
from mpmserver.core.errorlog import format_default
from mpmserver.core.settings import CoreServer, Level
from mpmserver.core.site import Site
from mpmserver.core.world import World
from mpmserver.modules.so import Catalog
from mpmserver.process.command import Command

LOGGED_AT_START: dict[str, tuple[str, Level]] = {
    "AH00111": ("core", Level.WARN),
    "AH00113": ("core", Level.NOTICE),
    "AH00114": ("core", Level.WARN),
    "AH00115": ("core", Level.WARN),
    "AH00116": ("core", Level.WARN),
    "AH00117": ("core", Level.WARN),
    "AH00547": ("core", Level.ERROR),
    "AH00549": ("core", Level.ERROR),
    "AH01574": ("so", Level.WARN),
    "AH02304": ("core", Level.WARN),
}
"""Messages that Apache prints in the form of the error log even at the start; all others are printed plainly."""
NUMBER = re.compile(r"AH[0-9]{5}")

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

    def warn(message: str, origin: Origin | None) -> None:
        say(startup_line(message))

    loaded = load(options, Catalog(), warn)
    if command.startup_level in DEBUGGING:
        for name, path in loaded.loaded:
            say(_logged(Level.DEBUG, "so", f"AH01575: loaded module {name} from {path}"))
    name_main_server(loaded.configuration, command.name, say)
    return loaded


def compile_world(loaded: Loaded) -> World:
    """Finish all settings and the tables of virtual hosts; inherited by every child. Raises ConfigError."""
    return World(Site(loaded.configuration), loaded.context)


def startup_line(message: str) -> str:
    """A warning as Apache prints it before there is an error log."""
    number = NUMBER.search(message)
    form = None if number is None else LOGGED_AT_START.get(number[0])
    if form is None:
        return escaped(message)
    return _logged(form[1], form[0], message)


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
    """Print one line for the person who starts the server."""
    print(line, file=sys.stderr, flush=True)
