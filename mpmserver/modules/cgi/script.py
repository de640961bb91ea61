"""A running script: its pipes, pumped without ever waiting for one of them alone.

`Script.pump` waits for whatever can go on - output to read, messages on stderr, the request's body to be read or
written to the script, the client to take more - and moves what is ready. So a script may answer while its
input is still on its way: nobody waits for somebody who waits for him. While the client takes nothing but the
request's body must go on, output is kept in memory up to 1 MiB and in a temporary file beyond that; once
the body has been delivered the script is simply not read from until the client has taken what there is.

The script leads a process group of its own. However the request ends, the group is handed to the reaper; it is
killed where the client has left or the time is up.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING

from mpmserver.core.body import Stream
from mpmserver.core.reaper import Reaper
from mpmserver.net.waits import TimedOut, TimeoutClass, ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpmserver.core.body import RequestBody

CHUNK = 65536
HIGH_WATER = 1 << 16
"""Unsent output at which the script has to wait."""
SPOOL_IN_MEMORY = 1 << 20


class Spool:
    """Output that waits for the client, first in first out: a buffer that moves to disk when it grows."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._read_at = 0
        self._write_at = 0

    def __len__(self) -> int:
        return len(self._memory) + self._write_at - self._read_at

    def put(self, data: bytes) -> None:
        if self._file is None and len(self._memory) + len(data) <= SPOOL_IN_MEMORY:
            self._memory += data
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()
        os.pwrite(self._file.fileno(), data, self._write_at)
        self._write_at += len(data)

    def take(self) -> bytes:
        """Return some of what has waited longest, b"" where nothing waits."""
        if self._memory:
            data = bytes(self._memory)
            self._memory.clear()
            return data
        if self._file is None:
            return b""
        data = os.pread(self._file.fileno(), min(CHUNK, self._write_at - self._read_at), self._read_at)
        self._read_at += len(data)
        if self._read_at == self._write_at:
            self._file.close()
            self._file = None
            self._read_at = self._write_at = 0
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Script:
    """One run of a script for one request; see the module's docstring."""

    def __init__(
        self,
        program: subprocess.Popen[bytes],
        body: RequestBody,
        client_fd: int,
        seconds: float,
        reaper: Reaper,
        on_stderr: Callable[[bytes], None],
    ) -> None:
        assert program.stdin is not None and program.stdout is not None and program.stderr is not None
        self.program = program
        self.output = Spool()
        self.input_size = 0
        self._body = body
        self._client_fd = client_fd
        self._seconds = seconds
        self._reaper = reaper
        self._on_stderr = on_stderr
        self._stdin = _own(program.stdin)
        self._stdout = _own(program.stdout)
        self._stderr = _own(program.stderr)
        self._to_script = b""
        self._body_done = body.length == 0
        self._message = b""
        self._closed = False
        if self._body_done:
            self._close_stdin()

    @property
    def ended(self) -> bool:
        """True when the script will produce no more output."""
        return self._stdout < 0

    async def pump(self, blocked_on: int = -1, seconds: float | None = None) -> bool:
        """Wait until something can go on and move it; True where `blocked_on` (the client) can be written to.

        Raises `TimedOut` (SCRIPT) when nothing moved for the script's time, OSError or HTTPError when the client
        has left or sends nonsense.
        """
        await self._fill()
        reads = tuple(fd for fd in (self._stdout_wanted(blocked_on), self._stderr, self._body_wanted()) if fd >= 0)
        writes = tuple(fd for fd in (self._stdin if self._to_script else -1, blocked_on) if fd >= 0)
        if not reads and not writes:
            return False
        hangups = (self._client_fd,) if self._client_fd >= 0 and self._client_fd not in (*reads, *writes) else ()
        limit = self._seconds if seconds is None else seconds
        fds = await ready(reads, writes, TimeoutClass.SCRIPT, limit, hangups)
        if self._client_fd in fds and self._client_fd in hangups:
            raise ConnectionResetError("the client has left")
        if self._stdin in fds and self._to_script:
            self._feed()
        if self._stdout in fds:
            self._read_output()
        if self._stderr in fds:
            self._read_messages()
        return blocked_on in fds

    async def _fill(self) -> None:
        """Take what has arrived of the request's body, where the script has taken what came before."""
        if self._to_script or self._body_done or self._stdin < 0:
            return
        data = await self._body.read_now(CHUNK)
        if data is None:
            return
        self.input_size += len(data)
        self._to_script = data
        if data:
            self._feed()
        else:
            self._body_done = True
            self._close_stdin()

    def _body_wanted(self) -> int:
        return -1 if self._body_done or self._to_script or self._stdin < 0 else self._body.fd

    def _stdout_wanted(self, blocked_on: int) -> int:
        """The script is read while the client takes its output, and beyond that only to let the body go on."""
        if len(self.output) < HIGH_WATER or (not self._body_done and self._stdin >= 0):
            return self._stdout
        return -1

    def _feed(self) -> None:
        try:
            sent = os.write(self._stdin, self._to_script)
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._to_script = b""  # it does not want its input; that is its right
            self._close_stdin()
            return
        self._to_script = self._to_script[sent:]

    def _read_output(self) -> None:
        try:
            data = os.read(self._stdout, CHUNK)
        except BlockingIOError:
            return
        if data:
            self.output.put(data)
        else:
            os.close(self._stdout)
            self._stdout = -1

    def _read_messages(self) -> None:
        try:
            data = os.read(self._stderr, CHUNK)
        except BlockingIOError:
            return
        if not data:
            os.close(self._stderr)
            self._stderr = -1
        lines = (self._message + data).split(b"\n")
        self._message = lines.pop() if data else b""
        for line in lines:
            if line.strip():
                self._on_stderr(line.rstrip(b"\r"))

    async def drain_messages(self) -> None:
        """After the output's end: read what is left on stderr, as long as the script keeps it open."""
        while self._stderr >= 0 and not self._closed:
            await ready((self._stderr,), (), TimeoutClass.SCRIPT, self._seconds)
            self._read_messages()

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def close(self, kill: bool) -> None:
        """Give everything back; the process itself goes to the reaper. May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._stderr >= 0:
            self._read_messages()
        self._close_stdin()
        for fd in (self._stdout, self._stderr):
            if fd >= 0:
                os.close(fd)
        self._stdout = self._stderr = -1
        self.output.close()
        self._reaper.hand_over(self.program, kill)


class ScriptOutput(Stream):
    """The body of a script's answer."""

    __slots__ = ("_on_timeout", "_script")

    def __init__(self, script: Script, total: int | None, raw: bool, on_timeout: Callable[[], None]) -> None:
        super().__init__(total, raw)
        self._script = script
        self._on_timeout = on_timeout

    async def read(self) -> bytes:
        script = self._script
        try:
            while not len(script.output):
                if script.ended:
                    await script.drain_messages()
                    return b""
                await script.pump()
        except TimedOut:
            self._on_timeout()
            raise
        return script.output.take()

    async def while_blocked(self, fd: int, seconds: float) -> None:
        while not await self._script.pump(blocked_on=fd, seconds=seconds):
            pass

    def close(self) -> None:
        self._script.close(kill=not self._script.ended)


def _own(pipe: IO[bytes]) -> int:
    """Take a pipe's descriptor out of its file object, non-blocking."""
    fd = os.dup(pipe.fileno())
    os.set_inheritable(fd, False)
    os.set_blocking(fd, False)
    pipe.close()
    return fd
