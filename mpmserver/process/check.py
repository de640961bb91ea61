"""The check before a restart: a child of the new code reads the new configuration (`python -m mpmserver -t ...`).

It runs beside the serving children; the parent learns of its end by SIGCHLD. What it prints goes to a memory file,
so no pipe can fill and stop it. HELD names the addresses that the parent listens on: the child tries to bind
those that are new (`complain_of_restart`), because a port that somebody else has would otherwise show too late.
"""

from __future__ import annotations

import enum
import os
import signal
import sys
from collections.abc import Iterable

from mpmserver.process.command import Command, python_environment

MOST_LINES = 20
HELD = "MPMSERVER_HELD_ADDRESSES"


class End(enum.Enum):
    """Why the parent's loop ended."""

    STOPPED = enum.auto()
    FATAL = enum.auto()
    RESTART = enum.auto()
    GRACEFUL = enum.auto()


class Check:
    """One check under way; `end` is the restart that follows when it is passed."""

    __slots__ = ("_output", "_pid", "_status", "again", "end")

    def __init__(self, command: Command, end: End, held: Iterable[str]) -> None:
        """Start it. Raises OSError."""
        self.end = end
        self.again = False
        """Another restart was asked for meanwhile: the configuration may have changed after it was read."""
        self._status: int | None = None
        self._output = os.memfd_create("configuration check", os.MFD_CLOEXEC)
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", "mpmserver", "-t", *command.arguments],
                python_environment() | {HELD: " ".join(held)},
                file_actions=[(os.POSIX_SPAWN_DUP2, self._output, 1), (os.POSIX_SPAWN_DUP2, self._output, 2)],
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT),
            )
        except OSError:
            os.close(self._output)
            raise

    def ended(self) -> bool:
        """Whether it is over."""
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def complaint(self) -> list[str] | None:
        """What it said against the configuration, None where all is well; ends the object's life."""
        size = os.fstat(self._output).st_size
        text = os.pread(self._output, size, 0).decode("utf-8", "replace")
        os.close(self._output)
        if self._status == 0:
            return None
        return text.splitlines()[-MOST_LINES:] or [f"the check ended with status {self._status}"]

    def kill(self) -> None:
        """End it: the server stops."""
        if not self.ended():
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._output)
