"""From one image of the parent to the next: what is handed over, written down in one place.

| what | how |
|---|---|
| process id, working directory, umask, signal mask, pending signals | an exec keeps them |
| environment | as this process got it, unchanged |
| command line, absolute | `command`, see command.py |
| where the package is imported from | `sys_path` |
| listening sockets | descriptors |
| the death pipe, both ends | descriptors: older children go on watching the same pipe |
| log programs | both ends of each pipe, process id, specification; of those that end, the process id |
| programs of RewriteMaps | the process id: older children go on asking them, new ones are started |
| error log | standard error is the error log from the start on |
| generations | number, and for each one that has processes its scoreboard and (process id, slot) |
| pid file | its path |
| secret of nonces | the same for all generations |

The state is JSON in a memory file, with a version, and readers leave out what they don't know. `execute` ends the
older image; `resume.py` goes on in the new one, called by `stub.py`, which keeps everything where that fails.
Nothing of this is imported at the time of a restart: the package may be a newer one by then.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

from mpmserver.process.command import Command
from mpmserver.process.parent import Parent
from mpmserver.process.stub import LAUNCHER, descriptors

VERSION = 1
with open(os.path.join(os.path.dirname(__file__), "stub.py"), "rb") as _file:
    STUB: Final = _file.read()
"""This image's, which knows the state that this image writes, and runs whatever has become of the package."""


def execute(parent: Parent, pid_path: str, command: Command, *, graceful: bool) -> OSError:
    """Become the next image. Returns only where the kernel refuses, and then nothing has changed."""
    state_fd = os.memfd_create("mpmserver handover", os.MFD_CLOEXEC)
    stub_fd = os.memfd_create("mpmserver stub", os.MFD_CLOEXEC)
    state = describe(parent, pid_path, command, graceful=graceful) | {"state_fd": state_fd, "stub_fd": stub_fd}
    os.pwrite(state_fd, json.dumps(state).encode(), 0)
    fds = descriptors(state)
    try:
        os.pwrite(stub_fd, STUB, 0)
        for fd in fds:
            os.set_inheritable(fd, True)
        os.execv(sys.executable, [sys.executable, "-P", "-c", LAUNCHER, str(state_fd), str(stub_fd)])
    except OSError as error:
        for fd in fds:
            os.set_inheritable(fd, False)
        os.close(state_fd)
        os.close(stub_fd)
        return error


def describe(parent: Parent, pid_path: str, command: Command, *, graceful: bool) -> dict[str, Any]:
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
        "programs": sorted(parent.other_programs),
        "boards": [
            {"fd": board.fd, "children": {str(pid): slot for pid, slot in children.items()}}
            for board, children in boards
        ],
        "pid_path": pid_path,
        "secret": forge.site.configuration.secret.hex(),
    }
