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
import time
from typing import TYPE_CHECKING, Protocol

from mpmserver.core.body import BodyError, ClientGone
from mpmserver.core.reaper import Reaper
from mpmserver.modules.cgi.spool import Spool
from mpmserver.net.waits import Ready, TimedOut, TimeoutClass, wait

if TYPE_CHECKING:
    from mpmserver.core.body import RequestBody
    from mpmserver.modules.cgi.spawn import Program

CHUNK = 65536
HIGH_WATER = 1 << 16
"""Unsent output at which the script has to wait."""
UNHEARD_MOST = 1 << 22
"""Bytes that a script may write though nobody reads them (HEAD, a redirect, an error) before it is killed."""
MESSAGE_MOST = 8191
"""A longer line on stderr is logged in pieces."""


class Listener(Protocol):
    """Who is told what passes through the pipes."""

    def on_message(self, line: bytes) -> None:
        """A line on stderr, without its end."""

    def on_body(self, data: bytes) -> None:
        """A piece of the request's body."""


class Script:
    """One run of a script for one request; see the module's docstring."""

    __slots__ = (
        "_body", "_body_done", "_client_fd", "_closed", "_listener", "_message", "_pid", "_reaper", "_seconds",
        "_stderr", "_stdin", "_stdout", "_to_script", "ended", "output", "takes_body",
    )  # fmt: skip

    def __init__(
        self, program: Program, body: RequestBody, client_fd: int, seconds: float, reaper: Reaper, listener: Listener
    ) -> None:
        self.output = Spool()
        self._pid = program.pid
        self._body = body
        self._client_fd = client_fd
        self._seconds = seconds
        self._reaper = reaper
        self._listener = listener
        self._stdin = program.stdin
        self._stdout = program.stdout
        self._stderr = program.stderr
        self._to_script = b""
        self.takes_body = self._stdin >= 0
        """The request has a body, whether or not the script wants it."""
        self._body_done = not self.takes_body
        """The script has got, or will get, no more of the request's body."""
        self._message = b""
        self._closed = False
        self.ended = False
        """The script will produce no more output."""

    @property
    def has_said_all(self) -> bool:
        """Whether neither output nor messages can come any more."""
        return self._stdout < 0 and self._stderr < 0

    async def pump(self, blocked_on: int = -1, seconds: float | None = None) -> bool:
        """Wait until something can go on and move it; True where `blocked_on` (the client) may be written to.

        Raises `TimedOut` (SCRIPT) when nothing moved for the script's time (or `seconds`), ClientGone when the
        client has reset the connection, BodyError when it sends no proper body.
        """
        body_fd = -1
        if not self._body_done:
            await self.fill()
            body_fd = self._body_wanted()
        stdout = self._stdout if self.output.size < HIGH_WATER else self._stdout_wanted()
        stderr, client = self._stderr, self._client_fd
        if stdout >= 0 and stderr >= 0 and self._body_done and blocked_on < 0:  # as nearly always
            reads: tuple[int, ...] = stdout, stderr
            writes: tuple[int, ...] = ()
        else:
            reads = tuple([fd for fd in (stdout, stderr, body_fd) if fd >= 0])
            writes = tuple([fd for fd in (self._stdin if self._to_script else -1, blocked_on) if fd >= 0])
            if not reads and not writes:
                return False
        hangups = () if client < 0 or client in (body_fd, blocked_on) else (client,)
        waited = Ready(reads, writes, TimeoutClass.SCRIPT, self._seconds if seconds is None else seconds, hangups)
        fds = await (wait(waited) if body_fd < 0 else self._wait_for_body(waited))
        if hangups and client in fds:
            raise ClientGone("the client has left")
        if self._to_script and self._stdin in fds:
            self._feed()
        if stdout in fds:
            self.read_output()
        if stderr in fds or (self.ended and stderr >= 0):  # as a rule both end at once
            self._read_messages()
        return blocked_on in fds

    async def listen(self, seconds: float) -> None:
        """Wait for more output alone, or its end, and take it; raises TimedOut and ClientGone as `pump` does."""
        stdout, client = self._stdout, self._client_fd
        waited = Ready((stdout,), (), TimeoutClass.SCRIPT, seconds, () if client < 0 else (client,))
        if client in await wait(waited):
            raise ClientGone("the client has left")
        self.read_output()
        if self.ended and self._stderr >= 0:
            self._read_messages()

    async def _wait_for_body(self, waited: Ready) -> tuple[int, ...]:
        """Wait for the script, or for the request's body where its time is up first."""
        left = self._body.seconds_left()
        if waited.seconds is None or left <= waited.seconds:
            waited.kind, waited.seconds = TimeoutClass.BODY, left
        try:
            fds: tuple[int, ...] = await wait(waited)
        except TimedOut:
            if waited.kind is TimeoutClass.BODY:
                raise self._body.late() from None
            raise
        return fds

    async def fill(self) -> None:
        """Take what has arrived of the request's body, where the script has taken what came before.

        Never waits for more. Raises BodyError.
        """
        while not (self._to_script or self._body_done or self._stdin < 0):
            data = await self._body.read_now(CHUNK)
            if data is None:
                return
            if not data:
                self._body_done = True
                self._close_stdin()
                return
            self._listener.on_body(data)
            self._to_script = data
            self._feed()

    def _body_wanted(self) -> int:
        return -1 if self._body_done or self._to_script or self._stdin < 0 else self._body.fd

    def _stdout_wanted(self) -> int:
        """What a script is read from that has much to say: nothing, until the client has taken some; except that the
        body must go on."""
        return self._stdout if not self._body_done and self._stdin >= 0 else -1

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

    def read_output(self, most: int = HIGH_WATER) -> None:
        """Take what the script has written, without waiting, until `most` bytes are there.

        Its end often comes with the last of it, and need not be waited for then.
        """
        output, fd = self.output, self._stdout
        try:
            while data := os.read(fd, CHUNK):
                output.put(data)
                if output.size >= most:
                    return
        except BlockingIOError:
            return
        os.close(fd)
        self._stdout = -1
        self.ended = True

    def _read_messages(self) -> bool:
        """Log what the script has complained of, without waiting; False where nothing has come."""
        try:
            data = os.read(self._stderr, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            os.close(self._stderr)
            self._stderr = -1
            if not self._message:
                return True
        lines = (self._message + data).split(b"\n")
        self._message = lines.pop()
        if self._message and (self._stderr < 0 or len(self._message) >= MESSAGE_MOST):
            lines.append(self._message)
            self._message = b""
        for line in lines:
            for start in range(0, len(line) or 1, MESSAGE_MOST):
                self._listener.on_message(line[start : start + MESSAGE_MOST].removesuffix(b"\r"))
        return True

    async def finish(self, keep: int = 0) -> bytes:
        """Let the script come to its end; returns up to `keep` bytes of what it still had to say.

        Nobody waits for what it says now, so it gets its time once and not for each piece, and may not say much:
        then it is killed, as it is when its input fails. Raises ClientGone.
        """
        kept, unheard, end = bytearray(), 0, time.monotonic() + self._seconds
        try:
            while True:
                while data := self.output.take():
                    unheard += len(data)
                    kept += data[: keep - len(kept)]
                if self.ended:
                    break
                if unheard > UNHEARD_MOST:
                    raise TimedOut(TimeoutClass.SCRIPT)
                await self.pump(seconds=max(0.0, end - time.monotonic()))
            while self._stderr >= 0:
                if not self._read_messages():
                    await wait(Ready((self._stderr,), (), TimeoutClass.SCRIPT, max(0.0, end - time.monotonic())))
        except (TimedOut, BodyError):
            self.close(kill=True)
        return bytes(kept)

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def _hang_up(self) -> None:
        """Listen no more, but for what has been said already."""
        if self._stderr >= 0:
            self._read_messages()
        for fd in (self._stdout, self._stderr):
            if fd >= 0:
                os.close(fd)
        self._stdout = self._stderr = -1
        self.ended = True

    def close(self, kill: bool) -> None:
        """Give everything back; the process itself goes to the reaper. May be called again."""
        if self._closed:
            return
        self._closed = True
        if not self.has_said_all:
            self._hang_up()
        self._close_stdin()
        self.output.close()
        self._reaper.hand_over(self._pid, kill)
