"""The end of log programs: the server is gone, so is the other end of their pipe.

A program that reads sees the end of its input and ends by itself, with everything written. One that doesn't (it was
stopped, or is deaf) must hold up nobody: SIGTERM after PATIENCE_SECONDS, SIGKILL after as long again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from typing import Final

PATIENCE_SECONDS: Final = 1.5
LOOK_SECONDS: Final = 0.01


def end_programs(pids: Iterable[int]) -> None:
    """Wait for these children of ours to end, and make them where they don't."""
    left = set(pids)
    for number in (signal.SIGTERM, signal.SIGKILL, None):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (left := {pid for pid in left if not _gone(pid)}) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        if number is not None:
            for pid in left:
                os.kill(pid, number)


def _gone(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True
