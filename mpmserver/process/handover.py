"""From one image of the parent to the next: what is handed over, written down in one place.

| what | how |
|---|---|
| process id, working directory, umask, signal mask, pending signals | an exec keeps them |
| environment | as this process got it, unchanged |
| command line, absolute | `command`, see command.py |
| where the package is imported from | `sys_path` |
| listening sockets | descriptors |
| the death pipe, both ends | descriptors: older children go on watching the same pipe |
| log programs | both ends of each pipe, process id, specification |
| error log | standard error is the error log from the start on |
| generations | number, and for each one that has processes its scoreboard and (process id, slot) |
| pid file | its path |

The state is JSON in a memory file, with a version, and readers leave out what they don't know. `execute` ends the
older image; `resume` is called by `stub.py` in the new one and returns the server's exit status. An exception out of
`resume` leaves everything to the stub.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from mpmserver.core.logs import PipeSink
from mpmserver.core.scoreboard import Scoreboard
from mpmserver.process import daemon, pidfile
from mpmserver.process.command import Command
from mpmserver.process.generation import Remnant
from mpmserver.process.loading import load_configuration, say_on_stderr
from mpmserver.process.parent import Parent
from mpmserver.process.server import Inherited, Parts, prepare, serve, write_pid_file
from mpmserver.process.stub import LAUNCHER, descriptors

VERSION = 1
STUB = Path(__file__).with_name("stub.py")

def execute(parent: Parent, parts: Parts, command: Command, *, graceful: bool) -> OSError:
    """Become the next image. Returns only where the kernel refuses, and then nothing has changed."""
    state_fd = os.memfd_create("mpmserver handover", os.MFD_CLOEXEC)
    stub_fd = os.memfd_create("mpmserver stub", os.MFD_CLOEXEC)
    state = describe(parent, parts, command, graceful=graceful) | {"state_fd": state_fd, "stub_fd": stub_fd}
    os.pwrite(state_fd, json.dumps(state).encode(), 0)
    fds = descriptors(state)
    try:
        os.pwrite(stub_fd, STUB.read_bytes(), 0)
        for fd in fds:
            os.set_inheritable(fd, True)
        os.execv(sys.executable, [sys.executable, "-P", "-c", LAUNCHER, str(state_fd), str(stub_fd)])
    except OSError as error:
        for fd in fds:
            os.set_inheritable(fd, False)
        os.close(state_fd)
        os.close(stub_fd)
        return error


def describe(parent: Parent, parts: Parts, command: Command, *, graceful: bool) -> dict[str, Any]:
    """The state as plain values."""
    generation = parent.generation
    forge = generation.forge
    boards = [*((old.scoreboard, old.children) for old in parent.remnants), (forge.scoreboard, generation.children)]
    return {
        "version": VERSION,
        "graceful": graceful,
        "command": command.to_json(),
        "sys_path": [os.path.abspath(path) for path in sys.path],
        "generation": forge.scoreboard.generation,
        "listeners": [listener.fd for listener in forge.listeners],
        "death_pipe": list(forge.death_pipe),
        "pipes": [
            {"spec": pipe.spec, "read_fd": pipe.read_fd, "write_fd": pipe.fd, "pid": pipe.pid}
            for pipe in parent.pipes
        ],
        "boards": [
            {"fd": board.fd, "children": {str(pid): slot for pid, slot in children.items()}}
            for board, children in boards
        ],
        "pid_path": parts.pid_path,
    }


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
        inherited.ending_programs.append(pipe.pid)
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
        totals=remnants[-1].scoreboard,
    )
