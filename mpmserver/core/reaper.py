"""The end of programs that requests have started: nobody is left behind, as a process or as a zombie.

A request hands its program over when it is done with it, whether the program has ended or not. One daemon thread
for each serving process, started with the first such program, waits on their pidfds and collects them; one that
is to be killed gets TERM for its whole process group at once and KILL three seconds later, as Apache does it.
Only this class waits for pids that were handed to it, so it never takes another's child. Everything a process needs is
made with its first program: the object itself is made before the fork.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque

KILL_AFTER_SECONDS = 3.0


class Reaper:
    """Collects ended programs; `hand_over` may be called on any thread."""

    def __init__(self) -> None:
        self._mail: deque[tuple[subprocess.Popen[bytes], bool]] = deque()
        self._bell = -1
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: dict[int, tuple[subprocess.Popen[bytes], float | None]] = {}

    def hand_over(self, program: subprocess.Popen[bytes], kill: bool) -> None:
        """Take care of a program that was started as the leader of its own process group; `kill`: end it now."""
        if kill:
            signal_group(program, signal.SIGTERM)
        elif program.poll() is not None:
            return
        self._mail.append((program, kill))
        self._start()
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """End what still runs: at the end of a serving process."""
        deadline = time.monotonic() + KILL_AFTER_SECONDS
        while self._mail or self._waiting:
            for program, _kill_at in list(self._waiting.values()):
                signal_group(program, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.02)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        while True:
            for fd, _events in poller.poll(self._patience()):
                if fd == self._bell:
                    os.eventfd_read(self._bell)
                else:
                    poller.unregister(fd)
                    self._collect(fd)
            self._take_mail(poller)
            self._kill_late()

    def _take_mail(self, poller: select.poll) -> None:
        while self._mail:
            program, kill = self._mail[0]
            with contextlib.suppress(ProcessLookupError):
                if program.poll() is None:
                    fd = os.pidfd_open(program.pid)
                    self._waiting[fd] = (program, time.monotonic() + KILL_AFTER_SECONDS if kill else None)
                    poller.register(fd, select.POLLIN)
                elif kill:
                    signal_group(program, signal.SIGKILL)
            self._mail.popleft()

    def _collect(self, fd: int) -> None:
        program, kill_at = self._waiting.pop(fd)
        os.close(fd)
        program.wait()
        if kill_at is not None:
            signal_group(program, signal.SIGKILL)

    def _patience(self) -> float | None:
        """Milliseconds until the next program must be killed."""
        ends = [kill_at for _program, kill_at in self._waiting.values() if kill_at is not None]
        return None if not ends else max(0.0, min(ends) - time.monotonic()) * 1000 + 1

    def _kill_late(self) -> None:
        now = time.monotonic()
        for fd, (program, kill_at) in list(self._waiting.items()):
            if kill_at is not None and kill_at <= now:
                signal_group(program, signal.SIGKILL)
                self._waiting[fd] = (program, None)


def signal_group(program: subprocess.Popen[bytes], number: int) -> None:
    """Signal a program and all that it started in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)
