"""Starting a program for a request: its pipes, its process group, its resource limits.

It is started by vfork, so the size of this process does not matter, and a failing exec is known when the call returns.
The program gets its input, the two pipes of its output and no other descriptor, default signal dispositions and an
empty signal mask. RLimit* can't be set between vfork and exec: a shell sets them and execs the program.

`fork_exec` is what `subprocess` itself calls; `Popen` would make a pipe for the error of each exec.

Descriptors are closed by the child before its exec, though all are such that the exec would do it: an exec lets
vfork's caller go on before that. For a moment, a long one where others want the processor, a connection that the caller
closes then would live on in the child: its end would not be sent, and an epoll would go on to tell of it by a number
that may be another connection's by now, which would be taken for one that has hung up.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from _posixsubprocess import fork_exec
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from os import O_CLOEXEC, close, pipe2, set_blocking
from typing import Any

Limits = Mapping[str, tuple[int | None, int | None]]

NAMES_MOST = 1024
"""Names of variables that are known to be as a shell wants them; clients make some of them up."""
PAIRS_MOST = 2048
"""Variables that are kept as they are handed to programs, until there are so many; then they are made anew."""
VALUE_MOST = 256
"""Characters of a value that is kept."""
_UNUSUAL = re.compile(r"^[0-9]|[^A-Za-z0-9_]")
_LIMIT_COMMANDS = {
    "cpu": "ulimit {kind} -t {amount}",
    "mem": "ulimit {kind} -v {amount}",
    "nproc": "ulimit {kind} -u {amount} 2>/dev/null || ulimit {kind} -p {amount}",
}
"""The last differs: bash calls it -u, dash -p."""
_ENCODING = sys.getfilesystemencoding()
_ERRORS = sys.getfilesystemencodeerrors()
_NOTHING_CHANGES: tuple[Any, ...] = (-1, None, None, None, -1, None, *(() if sys.version_info >= (3, 14) else (True,)))
"""The last arguments of `fork_exec`: process group, group, groups, user, umask, what to call before the exec, and
(CPython 3.14 doesn't ask any more) whether vfork will do."""


class Program:
    """A running program, the leader of its own session and process group, and our (non-blocking) ends of its pipes.

    `stdin` is -1 where it has no input to read.
    """

    __slots__ = ("pid", "stderr", "stdin", "stdout")

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


def start(
    path: str, arguments: Sequence[str], environment: Mapping[str, str], limits: Limits, has_input: bool = True
) -> Program:
    """Start the program at `path` in its directory, with `arguments` behind its name; raises OSError or ValueError."""
    folder, _slash, name = path.rpartition("/")
    words, executable = [name, *arguments], path
    if limits:
        words = ["sh", "-c", f'{limit_commands(limits)}exec "$0" "$@"', path, *arguments]
        executable = "/bin/sh"
        if not os.access(path, os.X_OK):
            raise PermissionError(13, os.strerror(13), path)
    launcher = the_launcher()
    variables = _as_variables(environment)
    pipes: list[int] = []
    try:
        pipes += pipe2(O_CLOEXEC)
        pipes += pipe2(O_CLOEXEC)
        stdout, their_stdout, stderr, their_stderr = pipes
        their_stdin, stdin = launcher.null, -1
        if has_input:
            their_stdin, stdin = pipe2(O_CLOEXEC)
            pipes += their_stdin, stdin
        pid = launcher.launch(words, executable, folder or "/", variables, their_stdin, their_stdout, their_stderr)
    except BaseException:
        for fd in pipes:
            close(fd)
        raise
    close(their_stdout)
    close(their_stderr)
    set_blocking(stdout, False)
    set_blocking(stderr, False)
    if has_input:
        close(their_stdin)
        set_blocking(stdin, False)
    return Program(pid, stdin, stdout, stderr)


class _Mask(threading.local):
    """What is known of a thread's signal mask."""

    is_empty = False


class Launcher:
    """What one process needs to start programs, made before the first of them."""

    __slots__ = ("_failures", "_failures_end", "_kept", "_lock", "_mask", "null")

    def __init__(self) -> None:
        """Raises OSError; where descriptors have run out each request tries it anew, so nothing stays open then."""
        with ExitStack() as opened:
            self.null = _opened(opened, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
            """The input of programs that have none."""
            self._failures = _opened(opened, os.memfd_create("failures", os.MFD_CLOEXEC))
            """Where a child writes why it can't become its program: no pipe, for as a rule nothing is to be read."""
            self._failures_end = _opened(opened, os.dup(self._failures))
            opened.pop_all()
        self._kept = (self._failures_end,)
        """What a child still has, beside its first three, when it is about to become its program."""
        self._lock = threading.Lock()
        self._mask = _Mask()

    def launch(
        self,
        words: list[str],
        executable: str,
        folder: str,
        variables: list[bytes],
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> int:
        """Start a program with these descriptors as its first three; returns its process id. Raises OSError.

        It inherits the signal mask of the thread that starts it: nothing may be blocked there meanwhile. (Threads that
        serve block nothing, and don't come to do so: one look at each of them is enough.)
        """
        paths = (executable.encode(_ENCODING, _ERRORS),)
        before = () if self._mask.is_empty else signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            with self._lock:
                pid = fork_exec(
                    words, paths, True, self._kept, folder, variables, stdin, -1, -1, stdout, -1, stderr,
                    self._failures, self._failures_end, True, True, *_NOTHING_CHANGES,
                )  # fmt: skip
                failure = os.pread(self._failures, 4096, 0)
                number = self._failure(failure) if failure else 0
        finally:
            if before:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            else:
                self._mask.is_empty = True
        if number:
            os.waitpid(pid, 0)
            raise OSError(number, os.strerror(number), executable)
        return pid

    def _failure(self, text: bytes) -> int:
        """The number of the error that kept the last program from running, as its child has written it down."""
        os.ftruncate(self._failures, 0)
        os.lseek(self._failures, 0, os.SEEK_SET)
        _kind, number, _where = text.split(b":", 2)
        return int(number, 16)


@cache
def the_launcher() -> Launcher:
    """The launcher of this process; each child asks for it once before it has threads (`Module.child_init`)."""
    return Launcher()


def prepare(child: Any) -> None:
    """Make what a process needs to start programs before two threads can ask; where there is one, it may wait."""
    if child.scoreboard.threads > 1 or not child.mpm.blocking:
        the_launcher()


def _opened(stack: ExitStack, fd: int) -> int:
    """A descriptor that is closed with those opened before it, should one of the next fail."""
    stack.callback(close, fd)
    return fd


class _Pairs(dict[tuple[str, str], bytes]):
    """Variables as programs get them, by name and value: most are the same for many requests."""

    def __missing__(self, pair: tuple[str, str]) -> bytes:
        name, value = pair
        made = name.encode(_ENCODING, _ERRORS) + b"=" + value.encode(_ENCODING, _ERRORS)
        if len(value) <= VALUE_MOST:
            if len(self) >= PAIRS_MOST:
                self.clear()
            self[pair] = made
        return made


_PAIRS = _Pairs()
_USUAL: set[str] = set()
"""Names that are as a shell wants them."""


def _as_variables(environment: Mapping[str, str]) -> list[bytes]:
    """The environment as a program gets it; of two names that a shell can't tell apart the last one's value."""
    if not _USUAL.issuperset(environment) and any(map(_is_unusual, environment)):
        environment = {_UNUSUAL.sub("_", name): value for name, value in environment.items()}
    return list(map(_PAIRS.__getitem__, environment.items()))


def _is_unusual(name: str) -> bool:
    if _UNUSUAL.search(name) is not None:
        return True
    if len(_USUAL) < NAMES_MOST:
        _USUAL.add(name)
    return False


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
