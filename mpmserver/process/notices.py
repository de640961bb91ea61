"""What the parent writes to the error log, in Apache's words; the numbers differ from MPM to MPM."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Final

CONFIGURED: Final = "configured -- resuming normal operations"
COMMAND_LINE: Final = "AH00094: Command line: '{}'"
TERMINATED: Final = "caught SIGTERM, shutting down"
GRACEFUL_STOP: Final = "caught SIGWINCH, shutting down gracefully"
GRACEFUL: Final = "SIGUSR1 received.  Doing graceful restart"
RESTART: Final = "SIGHUP received.  Attempting to restart"

_NUMBERS: Final[Mapping[str, Mapping[str, str]]] = {
    "prefork": {
        CONFIGURED: "AH00163", TERMINATED: "AH00169", GRACEFUL_STOP: "AH00170", GRACEFUL: "AH00171",
        RESTART: "AH00173",
    },
    "worker": {
        CONFIGURED: "AH00292", TERMINATED: "AH00295", GRACEFUL_STOP: "AH00296", GRACEFUL: "AH00297",
        RESTART: "AH00298",
    },
    "event": {
        CONFIGURED: "AH00489", TERMINATED: "AH00491", GRACEFUL_STOP: "AH00492", GRACEFUL: "AH00493",
        RESTART: "AH00494",
    },
}  # fmt: skip


def numbered(mpm: str, notice: str, subject: str = "") -> str:
    """The message of one of the notices above; an MPM that Apache doesn't have speaks as event does."""
    number = _NUMBERS.get(mpm, _NUMBERS["event"])[notice]
    return f"{number}: {subject} {notice}" if subject else f"{number}: {notice}"


def ended_by_signal(pid: int, number: int, dumped: bool) -> str:
    """A child's end by a signal."""
    name = signal.strsignal(number) or f"signal {number}"
    if dumped:
        return f"AH00051: child pid {pid} exit signal {name} ({number}), possible coredump"
    return f"AH00052: child pid {pid} exit signal {name} ({number})"


def fatal_exit(pid: int) -> str:
    """A child has found that no child could ever serve."""
    return f"AH00050: Child {pid} returned a Fatal error... mpmserver is exiting!"
