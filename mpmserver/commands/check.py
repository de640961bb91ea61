"""-t, -S, -M and the dumps: read the configuration, say what is in it, start nothing."""

from __future__ import annotations

from mpmserver.commands.common import checked_world, command_of, complain, load_or_complain, redirect_startup
from mpmserver.commands.dumps import DUMPS, NOT_ENOUGH
from mpmserver.commands.options import Options
from mpmserver.process.server import complain_of_restart


def check(options: Options) -> int:
    """Print the dumps that were asked for, or that the syntax is right."""
    redirect_startup(options)
    command = command_of(options)
    loaded = load_or_complain(command)
    world = None if loaded is None else checked_world(loaded)
    if loaded is None or world is None:
        return 1
    complaints = complain_of_restart(loaded.configuration)
    for line in complaints:
        complain(line)
    if complaints:
        return 1
    wanted = [name for name in DUMPS if name in command.defines]
    for name in wanted:
        for line in DUMPS[name](loaded, world, command):
            print(line)
    if NOT_ENOUGH.issuperset(wanted):
        complain("Syntax OK")
    return 0
