"""How bytes get in and out of a connection: the surface that plain sockets and, later, TLS share.

A transport is used by one coroutine at a time. In an MPM whose threads block in it (prefork) the socket
is blocking and the kernel keeps the time (SO_RCVTIMEO and SO_SNDTIMEO, set only when the figure changes):
such a transport never yields a wait for its own socket. Elsewhere the socket is non-blocking and a call
that would block yields `Ready`. Which of the two holds is fixed for the transport's life.

Errors: `TimedOut` when nothing could be moved for the given seconds, `OSError` when the peer is gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Sequence
from typing import Protocol

from mpmserver.net.waits import Ready, TimedOut, TimeoutClass, offload, readable, wait, writable

# Plain numbers: the socket module's flags are enums, which cost more to combine and to pass than a call of the kernel.
_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_MORE = int(socket.MSG_MORE | socket.MSG_NOSIGNAL)
_NOW = int(socket.MSG_DONTWAIT)
_MORE_NOW = int(socket.MSG_MORE | socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
_SEND_NOW = int(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
SENDFILE_CHUNK = 2 << 20
"""The loops ask for so much whether it is in memory, then send it."""
SENDFILE_TURN = 2 << 20
"""So much of a file a loop sends in a row to a client that takes it as fast: then it is the others' turn."""
READ_AHEAD = 1 << 17
_PROBE = (bytearray(1),)
"""Where a byte goes of which nobody wants to know but whether it is in memory."""


class Transport(Protocol):
    """What a connection asks of whatever carries its bytes."""

    fd: int
    blocking: bool
    sent: int
    """Bytes that the kernel has taken and nobody has logged: who logs them sets it to 0."""

    def recv_now(self, count: int) -> bytes | None:
        """Return what has arrived, b"" at the end of the stream, None where one would have to wait."""

    def recv_within(self, count: int, seconds: float) -> bytes:
        """Block for at most `seconds`; only for blocking transports. Raises TimedOut (KEEP_ALIVE)."""

    async def recv(self, count: int, kind: TimeoutClass, seconds: float) -> bytes:
        """Return at least one byte, or b"" at the end of the stream."""

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        """Send all pieces, in order; `more` says that a file follows at once. Returns their size."""

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes at once and return how much that was, 0 where one would have to wait."""

    def sendfile_now(self, head: bytes, fd: int, offset: int, count: int) -> int:
        """Send what the kernel takes at once of a head and so many bytes of a file; returns how much that was."""

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        """Send `count` bytes of a file from `offset`; returns how many it had (fewer: it was truncated)."""

    def shutdown_write(self) -> None:
        """Tell the peer that nothing more will be sent."""

    def interrupt(self, how: int) -> None:
        """Shut down (SHUT_RD or SHUT_RDWR) so that a call that blocks returns; the one method for other threads."""

    def close(self) -> None:
        """Release the socket; may be called again."""


class PlainTransport:
    """A TCP (or Unix) socket without encryption."""

    __slots__ = ("_receive_seconds", "_send_seconds", "blocking", "fd", "sent", "socket")

    def __init__(self, sock: socket.SocketType, blocking: bool) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.blocking = blocking
        self.sent = 0
        self._receive_seconds = -1.0
        self._send_seconds = -1.0
        if not blocking:
            sock.setblocking(False)  # a new socket blocks

    def recv_now(self, count: int) -> bytes | None:
        try:
            return self.socket.recv(count, _NOW)
        except BlockingIOError:
            return None

    def recv_within(self, count: int, seconds: float) -> bytes:
        if seconds != self._receive_seconds:
            self._keep_receive_time(seconds)
        try:
            return self.socket.recv(count)
        except BlockingIOError:
            raise TimedOut(TimeoutClass.KEEP_ALIVE) from None

    async def recv(self, count: int, kind: TimeoutClass, seconds: float) -> bytes:
        if self.blocking:
            self._keep_receive_time(seconds)
            try:
                return self.socket.recv(count)
            except BlockingIOError:
                raise TimedOut(kind) from None
        while True:
            try:
                return self.socket.recv(count)
            except BlockingIOError:
                await readable(self.fd, kind, seconds)

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        flags = _MORE if more else _NO_SIGNAL
        if self.blocking:
            self._keep_send_time(seconds)
        total = sum(map(len, pieces))
        if not total:
            return 0
        try:
            sent = self.socket.sendmsg(pieces, (), flags)
        except BlockingIOError:
            if self.blocking:
                raise TimedOut(TimeoutClass.WRITE) from None
            sent = 0
        self.sent += sent
        if sent != total:
            await self._send_rest(_after(pieces, sent), total - sent, flags, seconds)
        return total

    async def _send_rest(self, rest: list[bytes | memoryview], missing: int, flags: int, seconds: float) -> None:
        """Send what the kernel has not taken at once; a loop need not ask again whether it is full."""
        while missing:
            if not self.blocking:
                await writable(self.fd, TimeoutClass.WRITE, seconds)
            try:
                sent = self.socket.sendmsg(rest, (), flags)
            except BlockingIOError:
                if self.blocking:
                    raise TimedOut(TimeoutClass.WRITE) from None
                continue
            missing -= sent
            self.sent += sent
            rest = _after(rest, sent)

    def send_now(self, data: bytes | memoryview) -> int:
        try:
            sent = self.socket.send(data, _SEND_NOW)
        except BlockingIOError:
            return 0
        self.sent += sent
        return sent

    def sendfile_now(self, head: bytes, fd: int, offset: int, count: int) -> int:
        try:
            sent = self.socket.send(head, _MORE_NOW)
        except BlockingIOError:
            return 0
        if sent == len(head) and not self.blocking and not _is_cold(fd, offset):
            with contextlib.suppress(OSError):  # whoever sends the rest will see it
                sent += os.sendfile(self.fd, fd, offset, min(count, SENDFILE_CHUNK))
        self.sent += sent
        return sent

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        if self.blocking:
            return self._sendfile_blocking(fd, offset, count, seconds)
        sending = _Sending(self, fd, offset, count)
        while not sending.over:
            if not sending.go_on():
                await wait(Ready((), (self.fd,), TimeoutClass.WRITE, seconds, go_on=sending.go_on))
            elif not sending.over:
                await offload(sending.read_ahead)
        if sending.error is not None:
            raise sending.error
        return sending.at - offset

    def _sendfile_blocking(self, fd: int, offset: int, count: int, seconds: float) -> int:
        self._keep_send_time(seconds)
        done = 0
        while done < count:
            try:
                sent = os.sendfile(self.fd, fd, offset + done, count - done)
            except BlockingIOError:
                raise TimedOut(TimeoutClass.WRITE) from None
            if not sent:
                break
            done += sent
            self.sent += sent
        return done

    def shutdown_write(self) -> None:
        with contextlib.suppress(OSError):  # the peer has reset the connection already
            self.socket.shutdown(socket.SHUT_WR)

    def interrupt(self, how: int) -> None:
        with contextlib.suppress(OSError):  # closed meanwhile, or reset by the peer
            self.socket.shutdown(how)

    def close(self) -> None:
        self.socket.close()

    def _keep_receive_time(self, seconds: float) -> None:
        if seconds != self._receive_seconds:
            self._receive_seconds = seconds
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))

    def _keep_send_time(self, seconds: float) -> None:
        if seconds != self._send_seconds:
            self._send_seconds = seconds
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(seconds))


class _Sending:
    """A file on its way through a socket that doesn't block: a loop goes on with it whenever the client takes more."""

    __slots__ = ("_end", "_fd", "_transport", "_warm", "at", "error", "over")

    def __init__(self, transport: PlainTransport, fd: int, offset: int, count: int) -> None:
        self._transport = transport
        self._fd = fd
        self._end = offset + count
        self._warm = offset
        """Up to here the file has been found in memory."""
        self.at = offset
        """Up to here it has been sent."""
        self.over = not count
        """There is nothing more to be sent: all was, or the file ended before, or there was an `error`."""
        self.error: OSError | None = None

    def go_on(self) -> bool:
        """Send what the kernel takes, up to SENDFILE_TURN; False where that is all for now.

        True: all is `over`, or what comes next has to be read from the disk.
        """
        transport, fd, at = self._transport, self._fd, self.at
        turn = min(at + SENDFILE_TURN, self._end)
        try:
            while at < turn:
                if at >= self._warm:
                    if _is_cold(fd, at):
                        return True
                    self._warm = min(at + SENDFILE_CHUNK, self._end)
                asked = self._warm - at
                sent = os.sendfile(transport.fd, fd, at, asked)
                self.at = at = at + sent
                transport.sent += sent
                if sent < asked:  # the kernel has no more room, or the file has become shorter
                    self.over = not sent
                    return self.over
        except BlockingIOError:
            return False
        except OSError as error:
            self.error = error
        self.over = self.error is not None or at >= self._end
        return self.over

    def read_ahead(self) -> None:
        """Wait until the next chunk is in memory, so that sendfile() will not wait for the disk; it counts as that."""
        at, end = self.at, min(self.at + SENDFILE_CHUNK, self._end)
        while at < end:
            read = len(os.pread(self._fd, min(READ_AHEAD, end - at), at))
            if not read:
                break
            at += read
        self._warm = end


def _is_cold(fd: int, offset: int) -> bool:
    """Whether reading a file here would wait for the disk; asked once for each chunk, in the loops only."""
    try:
        os.preadv(fd, _PROBE, offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False  # this file system can't tell
    return False


def _timeval(seconds: float) -> bytes:
    """The kernel's struct timeval; zero would mean "for ever", so the least is a millisecond."""
    micros = max(1000, int(seconds * 1_000_000))
    return struct.pack("@ll", *divmod(micros, 1_000_000))


def _after(pieces: Sequence[bytes | memoryview], sent: int) -> list[bytes | memoryview]:
    """What of `pieces` is left when their first `sent` bytes are gone."""
    for index, piece in enumerate(pieces):
        if sent < len(piece):
            return [memoryview(piece)[sent:], *pieces[index + 1 :]]
        sent -= len(piece)
    return []
