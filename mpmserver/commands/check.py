"""-t and the dumps."""

from __future__ import annotations

from mpmserver.commands.common import command_of, complain, load_or_complain
from mpmserver.commands.options import Options


def check(options: Options) -> int:
    """-t, -S, -M: read the configuration and say what is in it."""
    command = command_of(options)
    loaded = load_or_complain(command)
    if loaded is None:
        return 1
    complain("Syntax OK")
    return 0
