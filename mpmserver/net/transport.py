"""How bytes get in and out of a connection: the surface that plain sockets and, later, TLS share.

A transport is used by one coroutine at a time. In an MPM whose threads block (prefork) calls block and the
kernel keeps the time (SO_RCVTIMEO and SO_SNDTIMEO, set only when the figure changes): such a transport never yields
a wait for its own socket. Elsewhere no call blocks (MSG_DONTWAIT, and from the first sendfile() on, which has no such
flag, the socket as a whole), and one that would yields `Ready`. Which of the two holds is fixed for the transport's
life.

Errors: `TimedOut` when nothing could be moved for the given seconds, `OSError` when the peer is gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from mpmserver.net.waits import Ready, TimedOut, TimeoutClass, offload, readable, wait, writable

# Plain numbers: the socket module's flags are enums, which cost more to combine and to pass than a call of the kernel.
_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_MORE = int(socket.MSG_MORE | socket.MSG_NOSIGNAL)
_NOW = int(socket.MSG_DONTWAIT)
_MORE_NOW = int(socket.MSG_MORE | socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
_SEND_NOW = int(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
_NO_MORE = int(socket.SHUT_WR)
SENDFILE_CHUNK = 2 << 20
"""So much of what is not in memory is read before a loop sends it."""
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

    def receiver(self, seconds: float) -> Callable[[int], bytes]:
        """What receives so many bytes at most, until another time is kept; only for blocking transports.

        It raises BlockingIOError where none has come for so many seconds.
        """

    async def recv(self, count: int, kind: TimeoutClass, seconds: float) -> bytes:
        """Return at least one byte, or b"" at the end of the stream."""

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        """Send all pieces, in order; `more` says that a file follows at once. Returns their size."""

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes at once and return how much that was, 0 where one would have to wait."""

    def send_last(self, data: bytes | memoryview) -> int:
        """As `send_now`, of all that is left to be sent: where the kernel takes it whole, its end goes with it."""

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

    __slots__ = ("_as_made", "_receive_seconds", "_send_seconds", "blocking", "fd", "sent", "socket")

    def __init__(self, sock: socket.SocketType, blocking: bool) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.blocking = blocking
        self.sent = 0
        self._receive_seconds = -1.0
        self._send_seconds = -1.0
        self._as_made = True
        """The socket is one that blocks wherever a call doesn't say otherwise, as new ones are."""

    def recv_now(self, count: int) -> bytes | None:
        try:
            return self.socket.recv(count, _NOW)
        except BlockingIOError:
            return None

    def receiver(self, seconds: float) -> Callable[[int], bytes]:
        self._keep_receive_time(seconds)
        return self.socket.recv

    async def recv(self, count: int, kind: TimeoutClass, seconds: float) -> bytes:
        if self.blocking:
            self._keep_receive_time(seconds)
            try:
                return self.socket.recv(count)
            except BlockingIOError:
                raise TimedOut(kind) from None
        while True:
            try:
                return self.socket.recv(count, _NOW)
            except BlockingIOError:
                await readable(self.fd, kind, seconds)

    async def send(self, pieces: list[bytes], seconds: float, more: bool = False) -> int:
        if self.blocking:
            flags = _MORE if more else _NO_SIGNAL
            self._keep_send_time(seconds)
        else:
            flags = _MORE_NOW if more else _SEND_NOW
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

    def send_last(self, data: bytes | memoryview) -> int:
        try:
            sent = self.socket.send(data, _MORE_NOW)
        except BlockingIOError:
            return 0
        self.sent += sent
        if sent == len(data):  # what waits for more goes out with the end, in one packet
            self.shutdown_write()
        return sent

    def sendfile_now(self, head: bytes, fd: int, offset: int, count: int) -> int:
        try:
            sent = self.socket.send(head, _MORE_NOW)
        except BlockingIOError:
            return 0
        if sent == len(head) and not self.blocking and not _is_cold(fd, offset):
            self._never_block()
            with contextlib.suppress(OSError):  # whoever sends the rest will see it
                sent += os.sendfile(self.fd, fd, offset, min(count, SENDFILE_TURN))
        self.sent += sent
        return sent

    async def sendfile(self, fd: int, offset: int, count: int, seconds: float) -> int:
        if self.blocking:
            return self._sendfile_blocking(fd, offset, count, seconds)
        self._never_block()
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

    def _never_block(self) -> None:
        """Have sendfile() return where it would block; most connections never need it, and are spared the call."""
        if self._as_made:
            self._as_made = False
            self.socket.setblocking(False)

    def shutdown_write(self) -> None:
        try:
            self.socket.shutdown(_NO_MORE)
        except OSError:
            return  # the peer has reset the connection already

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
        """Up to here the file has been read ahead."""
        self.at = offset
        """Up to here it has been sent."""
        self.over = not count
        """There is nothing more to be sent: all was, or the file ended before, or there was an `error`."""
        self.error: OSError | None = None

    def go_on(self) -> bool:
        """Send what the kernel takes, up to SENDFILE_TURN; False where that is all for now.

        True: all is `over`, or what comes next has to be read from the disk.
        """
        transport, at = self._transport, self.at
        asked = self._warm - at
        if asked <= 0:
            if _is_cold(self._fd, at):
                return True
            asked = min(SENDFILE_TURN, self._end - at)
        try:
            sent = os.sendfile(transport.fd, self._fd, at, asked)
        except BlockingIOError:
            return False
        except OSError as error:
            self.error = error
            self.over = True
            return True
        self.at = at = at + sent
        transport.sent += sent
        self.over = at >= self._end or not sent  # nothing: the file has become shorter
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
    """Whether reading a file here would wait for the disk; asked before each sendfile(), in the loops only."""
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
