"""System calls of running processes, counted: strace attached from outside while something is done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable

_ATTACH_SECONDS = 10.0
_LINE = re.compile(r"^\s*[0-9.]+\s+[0-9.]+\s+[0-9]+\s+([0-9]+)\s+(?:[0-9]+\s+)?(\w+)$", re.MULTILINE)
"""A line of the summary: share, seconds, microseconds a call, calls, errors where there are any, name."""


def calls(pids: Iterable[int], work: Callable[[], None]) -> Counter[str]:
    """How often these processes, all their threads, and what they fork made each call while `work` ran.

    What strace writes is kept in memory: a file that appears above a site makes its server look at the files anew.
    """
    wanted = sorted(set(pids))
    with open(os.memfd_create("summary"), "rb") as summary, open(os.memfd_create("messages"), "rb") as messages:
        attached = [argument for pid in wanted for argument in ("-p", str(pid))]
        command = ["strace", "-c", "-f", "-o", f"/proc/self/fd/{summary.fileno()}", *attached]
        tracer = subprocess.Popen(command, stderr=messages, pass_fds=(summary.fileno(),))
        try:
            _wait(tracer, messages.fileno(), len(wanted))
            work()
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
        found = _LINE.findall(_text(summary.fileno()))
        return Counter({name: int(count) for count, name in found if name != "total"})


def _wait(tracer: subprocess.Popen[bytes], messages: int, processes: int) -> None:
    """Until every process has been attached to. Raises OSError where strace can't."""
    until = time.monotonic() + _ATTACH_SECONDS
    while time.monotonic() < until and tracer.poll() is None:
        if _text(messages).count(" attached") >= processes:
            time.sleep(0.1)  # threads, whose lines come right behind
            return
        time.sleep(0.01)
    raise OSError(f"strace: {_text(messages)}")


def _text(fd: int) -> str:
    """All that has been written to a file in memory."""
    return os.pread(fd, os.fstat(fd).st_size, 0).decode()
