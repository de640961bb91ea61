"""The new image of the parent: from what was handed over (`handover.py`) to a serving generation.

Called by `stub.py`, which keeps the process id, the sockets and the older children whatever is raised here.
"""

from __future__ import annotations

import os
from typing import Any

from mpmserver.core.logs import PipeSink
from mpmserver.core.scoreboard import Scoreboard
from mpmserver.process import daemon, pidfile
from mpmserver.process.command import Command
from mpmserver.process.generation import Remnant
from mpmserver.process.loading import load_configuration, say_on_stderr
from mpmserver.process.server import Inherited, prepare, serve, write_pid_file


def resume(state: dict[str, Any]) -> int:
    """Go on where the older image stopped; returns the exit status of the server.

    Raises whatever is wrong with the configuration or the new code; nothing that was handed over is lost then.
    """
    command = Command.from_json(state["command"])
    inherited = inherit(state)
    parts = prepare(load_configuration(command, say_on_stderr), command, inherited)
    for name in ("state_fd", "stub_fd"):
        os.close(state[name])
    for pipe in parts.opener.take_leftovers():
        pipe.close()
        if pipe.pid is not None:
            inherited.ending_programs.add(pipe.pid)
    if parts.pid_path != state["pid_path"]:
        pidfile.remove(state["pid_path"])
        write_pid_file(parts)
    daemon.redirect_stderr(parts.error_log)
    return serve(parts, command)


def inherit(state: dict[str, Any]) -> Inherited:
    """The state as objects."""
    remnants = [
        Remnant(Scoreboard.attach(board["fd"]), {int(pid): slot for pid, slot in board["children"].items()})
        for board in state["boards"]
    ]
    read_end, write_end = state["death_pipe"]
    return Inherited(
        generation=state["generation"],
        listener_fds=tuple(state["listeners"]),
        death_pipe=(read_end, write_end),
        remnants=remnants,
        pipes=tuple(
            PipeSink(pipe["spec"], (pipe["read_fd"], pipe["write_fd"]), pipe["pid"]) for pipe in state["pipes"]
        ),
        graceful=state["graceful"],
        ending_programs=set(state.get("programs", ())),
        totals=remnants[-1].scoreboard,
        secret=bytes.fromhex(state.get("secret", "")),
    )
