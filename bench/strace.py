"""System calls of running processes, counted: strace attached from outside while something is done."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

_ATTACH_SECONDS = 10.0
_LINE = re.compile(r"^\s*[0-9.]+\s+[0-9.]+\s+[0-9]+\s+([0-9]+)\s+(?:[0-9]+\s+)?(\w+)$", re.MULTILINE)
"""A line of the summary: share, seconds, microseconds a call, calls, errors where there are any, name."""


def calls(pids: Iterable[int], work: Callable[[], None]) -> Counter[str]:
    """How often these processes, all their threads, and what they fork made each call while `work` ran."""
    wanted = sorted(set(pids))
    with tempfile.TemporaryDirectory(prefix="mpmserver-strace-") as folder:
        summary, messages = Path(folder, "summary"), Path(folder, "messages")
        attached = [argument for pid in wanted for argument in ("-p", str(pid))]
        with messages.open("wb") as stderr:
            tracer = subprocess.Popen(["strace", "-c", "-f", "-o", str(summary), *attached], stderr=stderr)
        try:
            _wait(tracer, messages, len(wanted))
            work()
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
        found = _LINE.findall(summary.read_text(encoding="utf-8"))
        return Counter({name: int(count) for count, name in found if name != "total"})


def _wait(tracer: subprocess.Popen[bytes], messages: Path, processes: int) -> None:
    """Until every process has been attached to. Raises OSError where strace can't."""
    until = time.monotonic() + _ATTACH_SECONDS
    while time.monotonic() < until and tracer.poll() is None:
        if messages.read_text(encoding="utf-8").count(" attached") >= processes:
            time.sleep(0.1)  # threads, whose lines come right behind
            return
        time.sleep(0.01)
    raise OSError(f"strace: {messages.read_text(encoding='utf-8')}")
