"""The end of programs that requests have started: nobody is left behind, as a process or as a zombie.

A request hands its program over when it is done with it, whether the program has ended or not. Nearly all have, and
are collected on the spot. One daemon thread for each serving process, started with the first program that goes on,
waits for the others' pidfds and collects them; as most of those are in the midst of ending, it gives them GRACE_SECONDS
and wakes up once for all that come meanwhile. One that is to be killed gets TERM for its whole process group at once
and KILL three seconds later; one that goes on though it has closed its output is given that time, then the same is
done to it alone (Apache's APR_KILL_AFTER_TIMEOUT).
Only this class waits for pids that were handed to it, so it never takes another's child, and a group is signalled
only before its leader has been collected, while its number can't be anybody else's. Everything a process needs is
made with its first program: the object itself is made before the fork.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections import deque

KILL_AFTER_SECONDS = 3.0
GRACE_SECONDS = 0.02
"""How long the thread lets programs end by themselves before it opens descriptors to watch them by."""
RETRY_SECONDS = 0.1
"""How long a program waits for a descriptor where there is none to watch it by."""


class Ward:
    """One program that is taken care of: what will be done to it, and when."""

    __slots__ = ("collected", "group", "pid", "steps")

    def __init__(self, pid: int, kill: bool) -> None:
        now = time.monotonic()
        self.pid = pid
        self.collected = False
        self.group = kill
        """Whether the signals are for all that it has started in its process group."""
        self.steps = deque([(now + KILL_AFTER_SECONDS, signal.SIGKILL)])
        if not kill:
            self.steps.appendleft((now + KILL_AFTER_SECONDS, signal.SIGTERM))
            self.steps[-1] = (now + 2 * KILL_AFTER_SECONDS, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Signal it, unless it has been collected."""
        if self.collected:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.group:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def collect(self) -> bool:
        """Take it from the process table, without waiting; False where it goes on.

        What it leaves behind of its group ends with it, where that was to be killed.
        """
        if self.group and has_ended(self.pid):
            self.signal(signal.SIGKILL)
        self.collected = collect(self.pid)
        return self.collected

    def step(self, now: float) -> None:
        """Do what is due."""
        while self.steps and self.steps[0][0] <= now:
            self.signal(self.steps.popleft()[1])


def collect(pid: int) -> bool:
    """Take a program that has ended from the process table; False where it goes on."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def has_ended(pid: int) -> bool:
    """Whether a program is there to be collected; its number is still its own."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


class Reaper:
    """Collects ended programs; `hand_over` may be called on any thread."""

    def __init__(self) -> None:
        self._mail: deque[Ward] = deque()
        self._bell = -1
        self._rung = False
        """The thread will look at the mail after its grace: nobody else needs to wake it."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: dict[int, Ward] = {}

    def hand_over(self, pid: int, kill: bool) -> None:
        """Take care of a program that was started as the leader of its own process group; `kill`: end it now."""
        if not kill and collect(pid):
            return
        ward = Ward(pid, kill)
        if kill:
            ward.signal(signal.SIGTERM)
        self._mail.append(ward)
        if not self._rung:
            self._rung = True
            self._start()
            os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """End what still runs: at the end of a serving process, on its main thread."""
        began = time.monotonic()
        for ward in [*self._mail, *self._waiting.copy().values()]:
            ward.signal(signal.SIGTERM)
        while (self._mail or self._waiting) and time.monotonic() < began + 2 * KILL_AFTER_SECONDS:
            time.sleep(0.01)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)
                self._thread.start()

    # The thread

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._bell, select.POLLIN)
        while True:
            for fd, _events in poller.poll(self._patience()):
                if fd == self._bell:
                    os.eventfd_read(self._bell)
                    time.sleep(GRACE_SECONDS)
                    self._rung = False
                elif self._waiting[fd].collect():
                    poller.unregister(fd)
                    os.close(fd)
                    del self._waiting[fd]
            self._take_mail(poller)
            now = time.monotonic()
            for ward in self._waiting.values():
                ward.step(now)

    def _take_mail(self, poller: select.poll) -> None:
        """Watch the programs that have been handed over; without a descriptor to do it by, try again later."""
        while self._mail:
            ward = self._mail[0]
            if not ward.collect():
                try:
                    fd = os.pidfd_open(ward.pid)
                except OSError:
                    return
                self._waiting[fd] = ward
                poller.register(fd, select.POLLIN)
            self._mail.popleft()

    def _patience(self) -> float | None:
        """Milliseconds until something must be done without a program's end."""
        times = [ward.steps[0][0] for ward in self._waiting.values() if ward.steps]
        if self._mail:
            times.append(time.monotonic() + RETRY_SECONDS)
        return None if not times else max(0.0, min(times) - time.monotonic()) * 1000 + 1
