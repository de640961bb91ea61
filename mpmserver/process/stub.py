"""The first lines of a new image of the parent: standard library only, run as a program from memory.

The process id, the listening sockets and the older children are this process's from its first instruction.
Whatever goes wrong with the new code or its configuration, they must outlive it: then this program keeps them, reaps,
obeys SIGTERM and SIGWINCH, and tries once more at the next SIGHUP or SIGUSR1. It imports nothing of ours until all
that is understood, and it must run under any Python that a later package may bring along.

It is started by `handover.execute` with one argument, the descriptor of a memory file with the state as JSON; the
source of this file, as the older image knew it, is in the memory file that the state names.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any, NoReturn

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGCHLD}
LAUNCHER = "import os, sys; exec(compile(os.pread(int(sys.argv[2]), 1 << 20, 0), 'mpmserver stub', 'exec'))"
"""What `python -c` runs: the source of this file is data to it, so that no path has to be right."""

State = dict[str, Any]


def main() -> NoReturn:
    gc.disable()  # until `process.server.serve` has set apart what children share
    state = json.loads(read_all(int(sys.argv[1])))
    state["state_fd"], state["stub_fd"] = int(sys.argv[1]), int(sys.argv[2])
    for fd in descriptors(state):
        os.set_inheritable(fd, False)
    sys.path[:] = state["sys_path"]
    try:
        from mpmserver.process.resume import resume  # noqa: PLC0415 (it may be what fails)

        status = resume(state)
    except BaseException:  # noqa: BLE001 (whatever it is, the children must outlive it)
        complain(traceback.format_exc())
        keep(state)
    sys.exit(status)


def read_all(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def descriptors(state: State) -> list[int]:
    """All descriptors that go from image to image."""
    found: list[int] = [state["state_fd"], state["stub_fd"], *state["death_pipe"], *state["listeners"]]
    for pipe in state["pipes"]:
        found += [pipe["read_fd"], pipe["write_fd"]]
    found += [board["fd"] for board in state["boards"]]
    return found


def complain(text: str) -> None:
    """Write to the error log, which is standard error."""
    stamp = time.strftime("%a %b %d %H:%M:%S.000000 %Y")
    pid = os.getpid()
    heading = "the new image failed; the older children serve on, another restart may mend it:"
    with contextlib.suppress(OSError):  # a log program that doesn't read
        for line in [heading, *text.splitlines()]:
            os.write(2, f"[{stamp}] [core:alert] [pid {pid}:tid {pid}] {line}\n".encode("utf-8", "replace"))


def keep(state: State) -> NoReturn:
    """Hold on to everything until a signal says how to go on; never returns."""
    stopping = False
    while True:
        got = signal.sigtimedwait(SIGNALS, 1.0)
        number = got.si_signo if got else None
        alive = reap(state)
        if stopping and not alive:
            leave(state)
        if number in (signal.SIGTERM, signal.SIGINT):
            end(state, alive)
            leave(state)
        elif number == signal.SIGWINCH and got is not None and got.si_code <= 0:
            stopping = True
            send(alive, signal.SIGUSR1)
        elif number in (signal.SIGHUP, signal.SIGUSR1) and not stopping:
            state["graceful"] = number == signal.SIGUSR1
            again(state, alive)


def reap(state: State) -> list[int]:
    """Collect what has ended; the process ids of the children that live."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    programs = {pipe["pid"] for pipe in state["pipes"]} | set(state.get("programs", ()))
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_child(pid) and pid not in programs]


def is_child(pid: int) -> bool:
    """Whether a process is ours and lives. (The kernel's own list of children skips some while others end.)"""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent = file.read().rpartition(b") ")[2].split()[:2]
    except OSError:
        return False
    return int(parent) == os.getpid() and state != b"Z"


def send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(state: State, alive: list[int]) -> None:
    """End all children: SIGTERM, and SIGKILL after five seconds."""
    deadline = time.monotonic() + 5
    send(alive, signal.SIGTERM)
    while alive:
        signal.sigtimedwait({signal.SIGCHLD}, 0.1)
        alive = reap(state)
        if time.monotonic() > deadline:
            send(alive, signal.SIGKILL)


def leave(state: State) -> NoReturn:
    """The end of the server."""
    try:
        with open(state["pid_path"]) as file:
            ours = file.read().strip() == str(os.getpid())
        if ours:
            os.unlink(state["pid_path"])
    except OSError:
        pass
    os._exit(0)


def again(state: State, alive: list[int]) -> None:
    """Start this program anew, with a fresh interpreter, for the children that are left."""
    known: set[int] = set()
    for board in state["boards"]:
        board["children"] = {pid: slot for pid, slot in board["children"].items() if int(pid) in alive}
        known |= {int(pid) for pid in board["children"]}
    state["boards"][-1]["children"].update({str(pid): -1 for pid in alive if pid not in known})
    os.ftruncate(state["state_fd"], 0)
    os.pwrite(state["state_fd"], json.dumps(state).encode(), 0)
    for fd in descriptors(state):
        os.set_inheritable(fd, True)
    arguments = [sys.executable, "-P", "-c", LAUNCHER, str(state["state_fd"]), str(state["stub_fd"])]
    try:
        os.execv(sys.executable, arguments)
    except OSError:
        complain(traceback.format_exc())


if __name__ == "__main__":
    main()
