"""Starting a program for a request: its pipes, its process group, its resource limits.

`subprocess` starts it by vfork, so the size of this process does not matter. The program gets the three pipes and
no other descriptor, default signal dispositions and an empty signal mask. RLimit* can't be set between vfork and
exec: a shell sets them and execs the program.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Limits = Mapping[str, tuple[int | None, int | None]]

_UNUSUAL = re.compile(r"^[0-9]|[^A-Za-z0-9_]")
_LIMIT_COMMANDS = {
    "cpu": "ulimit {kind} -t {amount}",
    "mem": "ulimit {kind} -v {amount}",
    "nproc": "ulimit {kind} -u {amount} 2>/dev/null || ulimit {kind} -p {amount}",
}
"""The last differs: bash calls it -u, dash -p."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program, the leader of its own session and process group, and our (non-blocking) ends of its pipes."""

    process: subprocess.Popen[bytes]
    stdin: int
    stdout: int
    stderr: int


def start(path: str, arguments: Sequence[str], environment: Mapping[str, str], limits: Limits) -> Program:
    """Start the program at `path` in its directory, with `arguments` behind its name; raises OSError or ValueError."""
    words = [os.path.basename(path), *arguments]
    executable = path
    if limits:
        words = ["sh", "-c", f'{limit_commands(limits)}exec "$0" "$@"', path, *arguments]
        executable = "/bin/sh"
        if not os.access(path, os.X_OK):
            raise PermissionError(13, os.strerror(13), path)
    pipes: list[int] = []
    try:
        for _each in range(3):
            pipes += os.pipe2(os.O_CLOEXEC)
        stdin_read, stdin_write, stdout_read, stdout_write, stderr_read, stderr_write = pipes
        with _open_signal_mask():
            process = subprocess.Popen(
                words,
                executable=executable,
                stdin=stdin_read,
                stdout=stdout_write,
                stderr=stderr_write,
                cwd=os.path.dirname(path),
                env=_as_variables(environment),
                start_new_session=True,
            )
    except BaseException:
        for fd in pipes:
            os.close(fd)
        raise
    for fd in (stdin_read, stdout_write, stderr_write):
        os.close(fd)
    ours = (stdin_write, stdout_read, stderr_read)
    for fd in ours:
        os.set_blocking(fd, False)
    return Program(process, *ours)


def _as_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with names that a shell knows as variables. (ap_create_environment)"""
    return {_UNUSUAL.sub("_", name): value for name, value in environment.items()}


@contextlib.contextmanager
def _open_signal_mask() -> Iterator[None]:
    """A program inherits the mask of the thread that starts it: nothing may be blocked there meanwhile."""
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        if before:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def limit_commands(limits: Limits) -> str:
    """The shell commands that set RLimitCPU, RLimitMEM and RLimitNPROC.

    Values are as the directives have them, (soft, hard) in seconds, bytes and processes; None keeps what there is.
    """
    commands = []
    for name, pair in limits.items():
        for value, kind in zip(pair, ("-S", "-H"), strict=True):
            if value is not None:
                amount = "unlimited" if value < 0 else str(value // 1024 if name == "mem" else value)
                commands.append(_LIMIT_COMMANDS[name].format(kind=kind, amount=amount))
    return "".join(f"{command}; " for command in commands)
