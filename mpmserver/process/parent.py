"""The parent: one thread, its signals blocked, that waits for the next signal or the next second.

It starts children, collects them, keeps spares as the MPM says, restarts log programs, and obeys: SIGTERM and
SIGINT stop at once, SIGWINCH stops gracefully (unless a terminal's resize sent it, which the kernel's si_code tells),
SIGUSR1 restarts gracefully, SIGHUP restarts. A restart leaves this image: `run` returns what to do next and
`process/server.py` hands everything over to a new one.

It waits for exactly the process ids that it knows, so subprocess and others may have children of their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

from mpmserver.core.logs import PipeSink
from mpmserver.core.scoreboard import RUNNING
from mpmserver.core.settings import Level
from mpmserver.process import notices, pidfile
from mpmserver.process.backoff import FRESH_SECONDS, Backoff
from mpmserver.process.check import Check, End
from mpmserver.process.children import EXIT_FATAL, PARENT_SIGNALS
from mpmserver.process.command import Command
from mpmserver.process.generation import Generation, Remnant

TICK_SECONDS = 1.0
TERM_SECONDS = 5.0
"""How long a child that was sent SIGTERM may take before it is killed."""
READY_SECONDS = 10.0
"""How long new children may take to accept before those of the older generation are stopped all the same."""


class Parent:
    """The supervisor of one image's life; `run` is called once."""

    def __init__(
        self,
        generation: Generation,
        remnants: Iterable[Remnant],
        pipes: Iterable[PipeSink],
        command: Command,
        pid_path: str,
    ) -> None:
        self._pid_path = pid_path
        self.generation = generation
        self.remnants = list(remnants)
        self.pipes = list(pipes)
        self._command = command
        self.other_programs: set[int] = set()
        """Log programs of an earlier configuration, still reading what its children write."""
        self._check: Check | None = None
        self._backoff = Backoff()
        self._started_at: dict[int, float] = {}
        self._stop_by: float | None = None
        """When a graceful stop becomes one at once; infinity for never."""
        self._old_may_stop_by = 0.0
        self._next_tick = 0.0

    # The loop

    def run(self) -> End:
        """Serve until a signal ends it; returns why. All children are gone unless it is a restart."""
        end = self._collect()  # who ended while the other image went, or while this one was busy
        while end is None:
            end = self._next_event()
            if end is None and self._stop_by is not None and self._all_gone():
                return End.STOPPED
        return end

    def begin(self) -> None:
        """Say that the server serves, and start the first children."""
        self._note_configured()
        self._start(self.generation.geometry.start)
        self._old_may_stop_by = time.monotonic() + READY_SECONDS

    def _next_event(self) -> End | None:
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_SECONDS
            self._tick(now)
        patience = self._next_tick - time.monotonic()
        if self._waits_for_new():
            patience = min(patience, 0.02)
        got = signal.sigtimedwait(PARENT_SIGNALS, max(0.0, patience))
        self._retire_old()
        return None if got is None else self._obey(got)

    def _obey(self, got: signal.struct_siginfo) -> End | None:
        number = got.si_signo
        if number == signal.SIGCHLD:
            return self._collect()
        if number in (signal.SIGTERM, signal.SIGINT):
            self._note(notices.TERMINATED)
            self.kill_all()
            return End.STOPPED
        if self._stop_by is not None:
            return None
        if number != signal.SIGWINCH:
            self._begin_restart(End.GRACEFUL if number == signal.SIGUSR1 else End.RESTART)
        elif got.si_code <= 0:  # SI_USER and below: somebody sent it; a terminal's comes from the kernel
            self._stop_gracefully()
        return None

    # Restarting

    def _begin_restart(self, end: End) -> None:
        """Have the new code check the new configuration; the children serve on meanwhile."""
        if self._check is None:
            self._note(notices.GRACEFUL if end is End.GRACEFUL else notices.RESTART)
            self._check = self._start_check(end)
        else:
            self._check.again = True

    def _checked(self) -> End | None:
        """The check is over: restart, or say what is wrong and stay."""
        check = self._check
        assert check is not None
        self._check = None
        complaint = check.complaint()
        if complaint is None:
            return check.end
        self.log(Level.ERROR, "the configuration is broken, the server goes on with the one it has:", "core")
        for line in complaint:
            self.log(Level.ERROR, line, "core")
        if check.again:
            self._check = self._start_check(check.end)
        return None

    def _start_check(self, end: End) -> Check | None:
        try:
            return Check(self._command, end, [listener.text for listener in self.generation.forge.listeners])
        except OSError as error:
            self.log(Level.ERROR, f"({error.errno}){error.strerror}: the configuration can't be checked", "core")
            return None

    def _tick(self, now: float) -> None:
        """Once a second: spares, log programs, the end of a graceful stop's patience."""
        for pipe in self.pipes:
            pipe.flush()
        if self._stop_by is not None:
            if now >= self._stop_by:
                self.kill_all()
            return
        self._forgive(now)
        self._keep_spares()

    # Children

    def _start(self, count: int) -> None:
        now = time.monotonic()
        if count and self._backoff.allows(now):
            try:
                for pid in self.generation.start(count):
                    self._started_at[pid] = now
            except OSError as error:
                self.log(Level.ERROR, f"({error.errno}){error.strerror}: AH00159: fork: Unable to fork new process")

    def _keep_spares(self) -> None:
        generation = self.generation
        forge = generation.forge
        change = forge.mpm.spares(generation.views(), forge.site.configuration, generation.state)
        for notice in change.notices:
            self.log(notice.level, notice.message)
        self._quiesce(change.stop)
        self._start(change.start)

    def _quiesce(self, slots: Iterable[int]) -> None:
        wanted = set(slots)
        for pid, slot in self.generation.children.items():
            if slot in wanted:
                self.generation.quiescing.add(pid)
                _send(pid, signal.SIGUSR1)

    def _forgive(self, now: float) -> None:
        """A child that has worked for a while ends the back-off."""
        fresh = self._started_at
        scoreboard = self.generation.scoreboard
        for pid in [pid for pid, at in fresh.items() if now - at > FRESH_SECONDS]:
            del fresh[pid]
            slot = self.generation.children.get(pid)
            if slot is not None and scoreboard.process(slot)["state"] >= RUNNING:
                self._backoff.succeeded()

    def _collect(self) -> End | None:
        """Reap every known process that has ended."""
        end = None
        for pid in [*self.generation.children, *(pid for old in self.remnants for pid in old.children)]:
            status = _reap(pid)
            if status is not None and self._ended(pid, status):
                end = End.FATAL
        for pipe in self.pipes:
            if pipe.pid is not None and _reap(pipe.pid) is not None:
                self._restart_program(pipe)
        self.other_programs = {pid for pid in self.other_programs if _reap(pid) is None}
        self._fold()
        if end is End.FATAL:
            self.kill_all()
        elif self._check is not None and self._check.ended():
            return self._checked()
        return end

    def _ended(self, pid: int, status: int) -> bool:
        """A child is gone; returns True where the server must end with it."""
        began = self._started_at.pop(pid, None)
        current = pid in self.generation.children
        if current:
            self.generation.ended(pid)
        for old in self.remnants:
            slot = old.children.pop(pid, None)
            if slot is not None and slot >= 0:
                old.scoreboard.release(slot)
        self._report(pid, status)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == EXIT_FATAL:
            self.log(Level.ALERT, notices.fatal_exit(pid), "core")
            return True
        if status and current and self._stop_by is None:
            self._replace(began)
        return False

    def _replace(self, began: float | None) -> None:
        """A child of ours failed: start another at once, or later where it had only just begun."""
        now = time.monotonic()
        if began is not None and now - began <= FRESH_SECONDS:
            wait = self._backoff.failed(now)
            if wait is not None:
                self.log(
                    Level.ALERT,
                    f"children end soon after their start; the next one starts in {wait:.0f} seconds",
                    "core",
                )
        self._keep_spares()

    def _report(self, pid: int, status: int) -> None:
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in (signal.SIGTERM, signal.SIGKILL):
            number = os.WTERMSIG(status)
            self.log(Level.NOTICE, notices.ended_by_signal(pid, number, os.WCOREDUMP(status)), "core")
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and self._stop_by is None:
            self.log(Level.NOTICE, notices.ended_by_signal(pid, signal.SIGKILL, dumped=False), "core")

    # Older generations

    def _waits_for_new(self) -> bool:
        return bool(self._old_may_stop_by) and bool(self.remnants)

    def _retire_old(self) -> None:
        """Stop the older generations once all new children accept, or after a while whatever they do."""
        if not self._old_may_stop_by:
            return
        late = time.monotonic() > self._old_may_stop_by
        if late or (self.generation.children and self.generation.all_running()):
            self._old_may_stop_by = 0.0
            for old in self.remnants:
                for pid in old.children:
                    _send(pid, signal.SIGUSR1)

    def _fold(self) -> None:
        """Take over the totals of generations that have no process left."""
        for old in [old for old in self.remnants if not old.children]:
            self.remnants.remove(old)
            self.generation.scoreboard.fold(old.scoreboard)
            old.scoreboard.close()

    # Log programs

    def _restart_program(self, pipe: PipeSink) -> None:
        pipe.pid = None
        if self._stop_by is not None:
            return
        self.log(Level.ERROR, f"AH00106: piped log program '{pipe.spec.lstrip('|')}' failed unexpectedly", "core")
        try:
            pipe.start()
        except OSError as error:
            self.log(
                Level.ERROR,
                f"({error.errno}){error.strerror}: AH00104: piped log program '{pipe.spec}' can't be started",
                "core",
            )

    # Stopping

    def _forget_check(self) -> None:
        if self._check is not None:
            self._check.kill()
            self._check = None

    def _stop_gracefully(self) -> None:
        """Let everybody finish; the pid file goes at once, so that another server may start meanwhile."""
        self._forget_check()
        self._note(notices.GRACEFUL_STOP)
        pidfile.remove(self._pid_path)
        limit = self.generation.settings.graceful_shutdown_timeout
        self._stop_by = time.monotonic() + limit if limit else float("inf")
        for listener in self.generation.forge.listeners:
            listener.close()
        for pid in self._pids():
            _send(pid, signal.SIGUSR1)

    def end_older(self) -> None:
        """Before a restart's first child: end what is left of older generations at once."""
        self.kill_all()
        for old in self.remnants:
            old.scoreboard.close()
        self.remnants.clear()
        self.generation.scoreboard.older = ()
        self._stop_by = None

    def kill_all(self) -> None:
        """End every child: SIGTERM, and SIGKILL for those that take too long."""
        self._forget_check()
        self._stop_by = self._stop_by or time.monotonic()
        deadline = time.monotonic() + TERM_SECONDS
        number = signal.SIGTERM
        for pid in self._pids():
            _send(pid, number)
        while not self._all_gone():
            if signal.sigtimedwait({signal.SIGCHLD}, 0.1) is not None or number == signal.SIGKILL:
                self._collect_quietly()
            elif time.monotonic() > deadline:
                number = signal.SIGKILL
                for pid in self._pids():
                    self.log(Level.ERROR, f"AH00046: child process {pid} still did not exit, sending a SIGKILL", "core")
                    _send(pid, number)

    def _collect_quietly(self) -> None:
        for pid in self._pids():
            status = _reap(pid)
            if status is not None:
                self._ended(pid, status)

    def _pids(self) -> list[int]:
        return [*self.generation.children, *(pid for old in self.remnants for pid in old.children)]

    def _all_gone(self) -> bool:
        return not self._pids()

    # The error log

    def log(self, level: Level, message: str, module: str = "") -> None:
        """Write to the main server's error log; the MPM speaks where no module is named."""
        forge = self.generation.forge
        forge.site.main.log(level, module or f"mpm_{forge.mpm.name}", message)

    def _note(self, notice: str, subject: str = "") -> None:
        self.log(Level.NOTICE, notices.numbered(self.generation.forge.mpm.name, notice, subject))

    def _note_configured(self) -> None:
        self._note(notices.CONFIGURED, self._command.server_version)
        self.log(Level.NOTICE, notices.COMMAND_LINE.format(self._command.shown), "core")


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap(pid: int) -> int | None:
    """The wait status of a process that has ended (0 where somebody else has collected it), else None."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if ended else None
