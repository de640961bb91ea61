"""From a listening socket to a connection.

Errors of accept() are judged once, here: another process was faster, or the listener was closed because this one
leaves (nothing to do); the client left before it was accepted (take the next one); the machine is out of descriptors
or memory (say so, at most once a second, and pause, so that a level-triggered poller does not spin); or the listener
itself is broken (this process can't go on).

A socket is the plain object of C, made for a known family: what `socket.socket` adds in Python costs more for each
connection than the kernel does. What many connections share, their local address, is kept once.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from mpmserver.core.exchange import Peer
from mpmserver.core.settings import Level
from mpmserver.net.transport import PlainTransport

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.scoreboard import WorkerSlot
    from mpmserver.net.listen import Listener
    from mpmserver.serve.connection import Connection

TRY_AGAIN = frozenset({errno.EAGAIN, errno.EINTR})
CLIENT_LEFT = frozenset({
    errno.ECONNABORTED, errno.ECONNRESET, errno.EPROTO, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN,
    errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EPERM,
})  # fmt: skip
"""Errors of the network that Linux reports by accept()."""
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_SECONDS = 0.1
MOST_LOCALS = 1024
"""A network that is the machine's as a whole has more addresses than are worth keeping."""

SocketType = socket.SocketType
AF_INET = int(socket.AF_INET)
SOCK_STREAM = int(socket.SOCK_STREAM)


class Shortage(Exception):
    """The machine has no descriptor or memory left for another connection: don't accept for PAUSE_SECONDS."""


class Acceptor:
    """Accepts for one child; safe on several threads."""

    __slots__ = ("_blocking", "_child", "_locals", "_next_report")

    def __init__(self, child: Child, blocking: bool) -> None:
        self._child = child
        self._blocking = blocking
        self._locals: dict[tuple[str, int], tuple[str, int]] = {}
        self._next_report = 0.0

    def accept(self, listener: Listener, worker: WorkerSlot) -> Connection | None:
        """Accept one connection, None where there is none. Raises Shortage, or OSError for a broken listener."""
        try:
            fd, remote = listener.accept()
        except OSError as error:
            self._judge(error, listener)
            return None
        family = listener.family
        try:
            sock = SocketType(family, SOCK_STREAM, 0, fd)
        except OSError:
            os.close(fd)  # reset meanwhile
            return None
        try:
            local = self._local(sock.getsockname()) if listener.wildcard else listener.local
            transport = PlainTransport(sock, self._blocking)
            peer = Peer(local, remote if family == AF_INET else _plain(remote), transport.fd)
            connection: Connection = self._child.connect(transport, listener, peer, worker)
        except OSError:
            sock.close()  # reset before its address was asked for
            return None
        return connection

    def _local(self, name: tuple[str, int] | tuple[str, int, int, int]) -> tuple[str, int]:
        """The address that a client connected to; the same object for the same one."""
        local = _plain(name)
        known = self._locals
        if len(known) >= MOST_LOCALS:
            known.clear()
        return known.setdefault(local, local)

    def _judge(self, error: OSError, listener: Listener) -> None:
        if error.errno in TRY_AGAIN or error.errno in CLIENT_LEFT or listener.socket.fileno() < 0:
            return
        now = time.monotonic()
        if error.errno not in SHORTAGE:
            self._log(f"({error.errno}){os.strerror(error.errno or 0)}: AH02177: apr_socket_accept: giving up.")
            raise error
        if now >= self._next_report:
            self._next_report = now + 1.0
            self._log(f"({error.errno}){os.strerror(error.errno or 0)}: AH02179: apr_socket_accept: (client socket)")
        raise Shortage

    def _log(self, message: str) -> None:
        self._child.site.main.log(Level.ERROR, "core", message)


def _plain(name: tuple[str, int] | tuple[str, int, int, int]) -> tuple[str, int]:
    """Address and port, an IPv4-mapped IPv6 address as IPv4."""
    return name[0].removeprefix("::ffff:") if "." in name[0] else name[0], name[1]
