"""Leaving the terminal, as apr_proc_detach does, except that the first process waits for the outcome.

The detached process reports through a pipe: a byte when it serves; nothing, when it ends before that, and then its
exit status is the command's.
"""

from __future__ import annotations

import os
import sys

from mpmserver.core.logs import LogSink


class Report:
    """The detached process's end of the pipe."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def started(self) -> None:
        """The server serves: let the waiting process go, and leave its terminal for good."""
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1):
            os.dup2(null, number)
        os.close(null)
        os.write(self._fd, b"\0")
        os.close(self._fd)


def redirect_stderr(error_log: LogSink) -> None:
    """From now on standard error is the error log; nothing where that is no file (syslog)."""
    fd = getattr(error_log, "fd", None)
    if fd is not None:
        os.dup2(fd, 2)
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def detach() -> Report:
    """Go on in the background as the leader of a new session; the first process ends with the outcome. Raises OSError.

    It ends without taking the interpreter apart: all that is in it the other process shares and needs.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(write_end)
        os._exit(0 if os.read(read_end, 1) == b"\0" else _exit_status(pid))
    os.close(read_end)
    os.chdir("/")
    os.setsid()
    return Report(write_end)


def _exit_status(pid: int) -> int:
    _pid, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1
