"""How bytes get in and out of a connection: the surface that plain sockets and, later, TLS share.

A transport is used by one coroutine at a time. In MPMs whose threads block (prefork, worker) the socket
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

from mpmserver.net.waits import TimedOut, TimeoutClass, offload, readable, sleep, writable

# Plain numbers: the socket module's flags are enums, which cost more to combine and to pass than a call of the kernel.
_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_MORE = int(socket.MSG_MORE | socket.MSG_NOSIGNAL)
_NOW = int(socket.MSG_DONTWAIT)
_SEND_NOW = int(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
SENDFILE_CHUNK = 1 << 20
"""The loops ask for so much whether it is in memory, then send it."""
SENDFILE_TURN = 2 << 20
"""So much of a file a loop sends in a row to a client that takes it as fast."""
READ_AHEAD = 1 << 17


class Transport(Protocol):
    """What a connection asks of whatever carries its bytes."""

    fd: int
    blocking: bool
    sent: int
    """Bytes that the kernel has taken since the connection began."""

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

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        if self.blocking:
            return self._sendfile_blocking(fd, offset, count, seconds)
        done = warm = 0
        turn = SENDFILE_TURN
        while done < count:
            if done >= warm:
                if done >= turn:  # this client takes all at once: the others wait for their turn
                    turn = done + SENDFILE_TURN
                    await sleep(0)
                warm = done + min(count - done, SENDFILE_CHUNK)
                if _is_cold(fd, offset + done):
                    await offload(_read_ahead, fd, offset + done, warm - done)
            asked = warm - done
            try:
                sent = os.sendfile(self.fd, fd, offset + done, asked)
            except BlockingIOError:
                await writable(self.fd, TimeoutClass.WRITE, seconds)
                continue
            if not sent:
                break
            done += sent
            self.sent += sent
            if sent < asked:  # the kernel has no more room, or the file has become shorter
                await writable(self.fd, TimeoutClass.WRITE, seconds)
        return done

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


def _is_cold(fd: int, offset: int) -> bool:
    """Whether reading a file here would wait for the disk; asked once for each chunk, in the loops only."""
    try:
        os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False  # this file system can't tell
    return False


def _read_ahead(fd: int, offset: int, count: int) -> None:
    """Wait until a chunk of a file is in memory, so that sendfile() will not wait for the disk."""
    end = offset + count
    while offset < end:
        read = len(os.pread(fd, min(READ_AHEAD, end - offset), offset))
        if not read:
            return
        offset += read


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
