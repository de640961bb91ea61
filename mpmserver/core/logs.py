"""Log sinks: where finished log lines go.

A sink is opened once in the parent, while it is still root, and inherited by every child through fork. `write`
takes one whole line and only keeps it; `flush` writes what was kept: loops call it once per wake-up, prefork and
worker once per request (`Child.flush_logs`). Both may be called on any thread: lines are taken from a deque, each by
exactly one flusher, so nothing is written twice and no lock is held while the kernel writes to a file.

Files are opened for appending, so lines of several processes never mix; a short write is continued. A pipe to a log
program gets at most PIPE_BUF bytes in one write (more would tear) and never blocks: what the program doesn't take is
kept, up to PIPE_BOUND bytes, and written by a thread; beyond the bound lines are dropped. The parent holds both ends
of the pipe, so a program that died finds what it had not read when it is started again.

Lines that are lost, by a full disk or a log program that doesn't read, are counted, and their number is reported to
the error log every REPORT_SECONDS and at the end of the process. The log that lost them may be the error log itself:
a report is made without any lock held, and no report can cause the next one before its time.
"""

from __future__ import annotations

import errno
import os
import select
import shlex
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mpmserver.core.coprogram import CoProgram

PIPE_BUF: Final = 4096
PIPE_BOUND: Final = 1 << 20
STALL_SECONDS: Final = 1.0
"""How long a file that would block (a terminal, a FIFO) is waited for before a line is given up."""
REPORT_SECONDS: Final = 10.0
"""The least time between two reports of lines that one log has lost."""

NOTICE: Final = 5


class LogSink:
    """The base of all sinks: gathers lines; a subclass writes them out."""

    def __init__(self) -> None:
        self.lines: deque[bytes] = deque()
        """What is to be written; whoever finds nothing in it need not call `flush`."""
        self.threaded = False
        """Whether a thread may write what a reader doesn't take at once: in children, never in the parent."""
        self.dropped = 0
        """Lines that this process could not write."""
        self.report: Callable[[str], None] | None = None
        """Where their number is told: the main server's error log."""
        self._reported = 0
        self._next_report = 0.0

    @property
    def name(self) -> str:
        """What this log is, for the error log."""
        raise NotImplementedError

    def write(self, line: bytes, level: int = NOTICE) -> None:
        """Keep one line (it ends with a newline) for the next `flush`; `level` matters to syslog alone."""
        self.lines.append(line)

    @property
    def writer(self) -> Callable[[bytes], None]:
        """The quickest function that keeps a line, for those to whom levels don't matter."""
        return self.lines.append if type(self).write is LogSink.write else self.write

    def flush(self) -> None:
        """Write out what is kept. Never raises: a log that can't be written must not fail a request."""
        if not self.lines:
            return
        lines = _take(self.lines)
        try:
            self._put(lines)
        except OSError:
            self.dropped += len(lines)
            self.report_losses()

    def drain(self, seconds: float) -> None:
        """Flush and give a slow reader up to `seconds`: for the end of a process."""
        self.flush()
        self.report_losses(last=True)

    def close(self) -> None:
        """Flush and give up the descriptor."""
        self.flush()

    def after_fork(self) -> None:
        """Called in each child: what the parent keeps for itself is given up."""
        self.lines.clear()
        self.threaded = True
        self.dropped = self._reported = 0

    def report_losses(self, *, last: bool = False) -> None:
        """Say how many lines were lost since the last report, if it is time for another one or this is the last."""
        lost = self.dropped - self._reported
        now = time.monotonic()
        if not lost or self.report is None or (now < self._next_report and not last):
            return
        self._next_report = now + REPORT_SECONDS
        self._reported += lost
        self.report(f"{lost} lines for {self.name} were lost")

    def _put(self, lines: list[bytes]) -> None:
        raise NotImplementedError


def _take(lines: deque[bytes]) -> list[bytes]:
    """Take what is there; another thread may take at the same time."""
    taken: list[bytes] = []
    try:
        taken.extend(islice(iter(lines.popleft, None), len(lines)))
    except IndexError:
        return taken  # the other one had the rest
    return taken


OWN_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
"""Names that are not opened: what is behind them may belong to somebody else, as a terminal does under sudo."""


class FileSink(LogSink):
    """A file, device or terminal."""

    def __init__(self, path: str) -> None:
        """Open for appending; raises OSError."""
        super().__init__()
        self.path = path
        stream = OWN_STREAMS.get(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self.fd = os.open(path, flags, 0o644) if stream is None else os.dup(stream)

    @property
    def name(self) -> str:
        return self.path

    def flush(self) -> None:
        """One line is the rule where each answer is followed by a flush; most are written as they are, at once."""
        lines = self.lines
        if len(lines) == 1:
            try:
                line = lines.popleft()
            except IndexError:
                return  # another thread has taken it
            try:
                written = os.write(self.fd, line)
            except OSError:
                written = 0
            if written == len(line):
                return
            lines.appendleft(line[written:])
        if lines:
            super().flush()

    def close(self) -> None:
        super().close()
        os.close(self.fd)

    def _put(self, lines: list[bytes]) -> None:
        write_all(self.fd, lines[0] if len(lines) == 1 else b"".join(lines))


def write_all(fd: int, data: bytes) -> None:
    """Write everything, however many writes it takes; raises OSError, TimeoutError where the reader stalls."""
    while True:
        try:
            written = os.write(fd, data)
        except BlockingIOError:
            poller = select.poll()
            poller.register(fd, select.POLLOUT)
            if not poller.poll(STALL_SECONDS * 1000):
                raise TimeoutError(errno.ETIMEDOUT, "the reader of a log stalls") from None
            continue
        if written == len(data):
            return
        data = data[written:]


class PipeSink(LogSink):
    """The standard input of a log program ("|program", "||program", "|$command in a shell")."""

    def __init__(self, spec: str, ends: tuple[int, int] | None = None, pid: int | None = None) -> None:
        """`ends` and `pid` are those of a program that runs already (handed over by an exec)."""
        super().__init__()
        self.spec = spec
        self.read_fd, self.fd = ends or os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.fd, False)
        self.pid = pid
        self._pending: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        if pid is None:
            self.start()

    @property
    def name(self) -> str:
        return f"piped log program '{self.spec.lstrip('|')}', which doesn't read them,"

    @property
    def command(self) -> list[str]:
        """The program's arguments. Raises ValueError for quotes that don't match."""
        if self.spec.startswith("|$"):
            return ["/bin/sh", "-c", self.spec[2:]]
        return shlex.split(self.spec.lstrip("|"))

    def start(self) -> None:
        """Start the program (again), its standard input being the pipe; called by the parent only."""
        self.pid = spawn(self.command, self.read_fd)

    def flush(self) -> None:
        if not self.lines and not self._pending:
            return
        with self._lock:
            self._accept(_take(self.lines))
            if self._writer is None and not self._write_pending() and self.threaded:
                self._writer = threading.Thread(target=self._write_slowly, name="piped log", daemon=True)
                self._writer.start()
        if self.dropped != self._reported:
            self.report_losses()

    def drain(self, seconds: float) -> None:
        self.flush()
        writer = self._writer
        if writer is not None:
            writer.join(seconds)
            if self._writer is not None:
                self.dropped += sum(piece.count(b"\n") for piece in self._pending.copy())
        self.report_losses(last=True)

    def close(self) -> None:
        """Give up both ends: the program sees the end when no child has the pipe any more."""
        self.drain(STALL_SECONDS)
        os.close(self.fd)
        os.close(self.read_fd)

    def after_fork(self) -> None:
        """A child only writes, and may have a writer thread; what the parent has not written is the parent's."""
        super().after_fork()
        os.close(self.read_fd)
        self._pending.clear()
        self._size = 0

    def _accept(self, lines: Iterable[bytes]) -> None:
        """Gather lines to pieces of at most PIPE_BUF bytes, each of whole lines unless one is longer."""
        piece = b""
        for line in lines:
            if self._size + len(piece) + len(line) > PIPE_BOUND:
                self.dropped += 1
                continue
            if len(piece) + len(line) > PIPE_BUF:
                self._append(piece)
                piece = b""
            piece += line
        self._append(piece)

    def _append(self, piece: bytes) -> None:
        for start in range(0, len(piece), PIPE_BUF):
            self._pending.append(piece[start : start + PIPE_BUF])
        self._size += len(piece)

    def _write_pending(self) -> bool:
        """Write until nothing is left (True) or the pipe is full (False); the lock is held."""
        while self._pending:
            try:
                os.write(self.fd, self._pending[0])
            except BlockingIOError:
                return False
            except OSError:
                self.dropped += 1  # nobody holds the other end any more: the server is being torn down
            self._size -= len(self._pending.popleft())
        return True

    def _write_slowly(self) -> None:
        """The writer thread: wait for the program, for as long as there is something left."""
        poller = select.poll()
        poller.register(self.fd, select.POLLOUT)
        while True:
            poller.poll()
            with self._lock:
                self._accept(_take(self.lines))
                if self._write_pending():
                    self._writer = None
                    return
            self.report_losses()


def spawn(command: list[str], stdin: int) -> int:
    """Start a program with a clean signal mask and no descriptor but 0, 1 and 2; its process id. Raises OSError."""
    return os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, stdin, 0)],
        setsigmask=(),
        setsigdef=(signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGWINCH),
    )


FACILITIES: Final = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8,
    "cron": 9, "authpriv": 10, "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip
DEFAULT_FACILITY: Final = "local7"


class SyslogSink(LogSink):
    """ErrorLog syslog[:facility[:tag]]: RFC 3164 datagrams to the system's log socket."""

    ADDRESS = "/dev/log"

    def __init__(self, spec: str) -> None:
        """Raises ValueError for a facility that doesn't exist; a socket that isn't there is tried again later."""
        super().__init__()
        _word, _colon, rest = spec.partition(":")
        facility, _colon, tag = rest.partition(":")
        number = FACILITIES.get((facility or DEFAULT_FACILITY).lower())
        if number is None:
            raise ValueError(f"unknown syslog facility {facility!r}")
        self._facility = number
        self._tag = tag or "mpmserver"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def write(self, line: bytes, level: int = NOTICE) -> None:
        head = f"<{self._facility * 8 + min(level, 7)}>{time.strftime('%b %e %T')} {self._tag}[{os.getpid()}]: "
        self.lines.append(head.encode() + line.rstrip(b"\n"))

    @property
    def name(self) -> str:
        return "syslog"

    def close(self) -> None:
        super().close()
        self._socket.close()

    def _put(self, lines: list[bytes]) -> None:
        for line in lines:
            self._socket.sendto(line, self.ADDRESS)


class Opener:
    """Opens the sinks of one configuration; the same specification gives the same sink.

    `handed_over` are the pipes of the parent's former image by specification: what is still configured goes on
    with the same program, and `take_leftovers` gives those that are not.
    """

    def __init__(self, handed_over: Iterable[PipeSink] = ()) -> None:
        self._sinks: dict[str, LogSink] = {}
        self._handed_over = {sink.spec: sink for sink in handed_over}
        self.programs: list[CoProgram] = []
        """Programs that were started with the logs, for children to ask; the parent ends them with the server."""

    def open(self, spec: str, server_root: str) -> LogSink:
        """Return the sink of "|program", "syslog[:facility[:tag]]" or a file relative to `server_root`.

        Raises OSError, or ValueError where the specification itself makes no sense.
        """
        key = spec if spec[:1] == "|" or _is_syslog(spec) else os.path.normpath(os.path.join(server_root, spec))
        sink = self._sinks.get(key)
        if sink is None:
            sink = self._sinks[key] = self._make(key)
        return sink

    def _make(self, key: str) -> LogSink:
        if key.startswith("|"):
            return self._handed_over.pop(key, None) or PipeSink(key)
        return SyslogSink(key) if _is_syslog(key) else FileSink(key)

    @property
    def sinks(self) -> tuple[LogSink, ...]:
        return tuple(self._sinks.values())

    @property
    def pipes(self) -> tuple[PipeSink, ...]:
        return tuple(sink for sink in self._sinks.values() if isinstance(sink, PipeSink))

    def take_leftovers(self) -> tuple[PipeSink, ...]:
        """The handed-over pipes that this configuration has no use for."""
        left, self._handed_over = tuple(self._handed_over.values()), {}
        return left


def _is_syslog(spec: str) -> bool:
    return spec == "syslog" or spec.startswith("syslog:")


