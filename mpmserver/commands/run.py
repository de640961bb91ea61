"""The start of the server, and -k."""

from __future__ import annotations

from mpmserver.commands.common import command_of, load_or_complain, redirect_startup
from mpmserver.commands.control import signal_server
from mpmserver.commands.options import Options
from mpmserver.core.settings import CoreServer
from mpmserver.process.server import start


def run(options: Options) -> int:
    """Do what -k says, `start` by default. The configuration is read first, whatever is wanted, as in Apache."""
    redirect_startup(options)
    command = command_of(options)
    loaded = load_or_complain(command)
    if loaded is None:
        return 1
    configuration = loaded.configuration
    pid_file = configuration.main.settings(CoreServer).finished().pid_file
    if options.signal is not None or not command.one_process:
        status = signal_server(options.signal or "start", configuration.path(pid_file), pid_file)
        if status is not None:
            return status
    return start(loaded, command)
