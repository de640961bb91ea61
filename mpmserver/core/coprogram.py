"""A program that the parent starts once and that all children ask: a line in, a line out (RewriteMap prg:).

`start` runs in the parent, which is single-threaded and still who started the server; the children inherit both pipes
and a file to lock. `ask` blocks: it holds the lock, against the other threads and processes, until the answer is
there, and reads octet by octet, so that what a program says too much is left for whoever asks next, as in Apache. The
kernel gives the lock up for a process that dies. The program sees the end of its input when the last process that could
ask it has gone; the parent collects it, and ends it where it doesn't end.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Sequence
from typing import Final

from mpmserver.records import dataclass

_SIGNALS: Final = (signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGWINCH)


class ProgramFailed(Exception):
    """A program can't be started, and so can't the server; why is in the error log."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a program runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


class CoProgram:
    """One running program."""

    def __init__(self, arguments: Sequence[str], account: Account | None) -> None:
        """Start it, in its own directory and with no environment, as `account`. Raises OSError."""
        if not os.access(arguments[0], os.X_OK):
            raise PermissionError(13, os.strerror(13), arguments[0])
        stdin, self._to_program = os.pipe2(os.O_CLOEXEC)
        self._from_program, stdout = os.pipe2(os.O_CLOEXEC)
        self._lock_file = os.memfd_create("rewrite-map", os.MFD_CLOEXEC)
        self._lock = threading.Lock()
        self.pid = _spawn(arguments, stdin, stdout, account)
        os.close(stdin)
        os.close(stdout)

    def ask(self, question: bytes) -> bytes:
        """Return the line that the program answers, without its end; empty where the program is gone."""
        with self._lock:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
            try:
                return self._exchange(question)
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up this process's ends."""
        os.close(self._to_program)
        os.close(self._from_program)
        os.close(self._lock_file)

    def _exchange(self, question: bytes) -> bytes:
        try:
            data = question + b"\n"
            while data:
                data = data[os.write(self._to_program, data) :]
        except BrokenPipeError:
            pass  # the end of its output tells the same
        answer = bytearray()
        while (octet := os.read(self._from_program, 1)) not in (b"", b"\n"):
            answer += octet
        return bytes(answer)


def _spawn(arguments: Sequence[str], stdin: int, stdout: int, account: Account | None) -> int:
    """Fork and execute; returns the process id. Raises OSError where there is no process to be had."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(arguments, stdin, stdout, account)
    except OSError as error:
        os.write(2, f"({error.errno}){error.strerror}: AH00653: exec of '{arguments[0]}' failed\n".encode())
    finally:
        os._exit(1)


def _become(arguments: Sequence[str], stdin: int, stdout: int, account: Account | None) -> None:
    """In the child: everything that an exec leaves as it is, then the exec."""
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    os.chdir(os.path.dirname(arguments[0]) or "/")
    if account is not None:
        os.setgroups(account.groups)
        os.setgid(account.gid)
        os.setuid(account.uid)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execve(arguments[0], list(arguments), {})
