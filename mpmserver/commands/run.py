"""-k and the start of the server."""

from __future__ import annotations

from mpmserver.commands.common import command_of, load_or_complain
from mpmserver.commands.options import Options
from mpmserver.process.server import start


def run(options: Options) -> int:
    """Do what -k says, `start` by default."""
    command = command_of(options)
    loaded = load_or_complain(command)
    if loaded is None:
        return 1
    return start(loaded, command)
