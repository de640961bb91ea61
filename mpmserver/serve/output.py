"""A response on the wire: head, framing, and the system call that suits the body.

The head is made as Apache makes it: Date and Server first, the modules' fields, then what the connection adds
(Connection, Keep-Alive, Transfer-Encoding), the type last. A body of unknown length is chunked for HTTP/1.1 and
ends with the connection for HTTP/1.0.

What is in memory goes out with the head by one call, and so do small files, which are read for that; larger ones are
sent by the kernel. Whoever remembers answers (`x.memo`) is given the bytes of those that were sent whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.body import EMPTY, Body, Content, OpenFile, Piece, Response, Stream, read_now
from mpmserver.core.names import server_product
from mpmserver.core.recall.behind import file_behind
from mpmserver.http.chunked import LAST_CHUNK, encode_chunk
from mpmserver.http.dates import http_date
from mpmserver.http.status import NO_BODY, status_line
from mpmserver.serve.fields import field_lines
from mpmserver.serve.persistence import persistence

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.net.transport import Transport
    from mpmserver.serve.connection import Connection

_LINE_END: Final = "\r\n"
SMALL_FILE: Final = 1 << 16
"""Bytes up to which a file is read and sent with its head: one system call less than sendfile()."""


class Sender:
    """Sends one response; made anew for each."""

    __slots__ = ("chunked", "connection", "response", "seconds", "x")

    def __init__(self, connection: Connection, x: Exchange) -> None:
        self.connection = connection
        self.x = x
        assert x.response is not None
        self.response: Response = x.response
        self.seconds = x.server.core.timeout
        self.chunked = False

    def send(self) -> Coroutine[Any, Any, None] | None:
        """Send head and body; where the client doesn't take all at once, or more is to come, a coroutine of the rest.

        Raises OSError or TimedOut where the client is gone, after closing the body, as does the coroutine.
        """
        x, body = self.x, self.response.body
        headless = x.protocol == "HTTP/0.9"
        if headless:
            x.keep_alive = False
        try:
            if isinstance(body, Stream):
                return self._to_the_end(body, self._send_stream(body))
            pieces = [] if headless else [self._head(body.length)]
            if x.request.method == "HEAD" or body is EMPTY or self.response.status in NO_BODY:
                pass
            elif not self._add_whole(body, pieces):
                return self._to_the_end(body, self._send_file(body, pieces))
            if x.memo is not None:
                x.memo.head, x.memo.body = pieces[0], b"".join(pieces[1:])
                if isinstance(body, OpenFile):
                    x.memo.file = file_behind(x.memo.looks, body)
            rest = b"".join(pieces)
            if rest:
                rest = rest[self.connection.transport.send_now(rest) :]
        except BaseException:
            body.close()
            raise
        body.close()
        return self._send_rest(rest) if rest else None

    async def _send_rest(self, rest: bytes) -> None:
        """Send what the client has not taken at once."""
        await self.connection.transport.send([rest], self.seconds)

    async def _to_the_end(self, body: Body, sending: Coroutine[Any, Any, None]) -> None:
        """Send what takes its time, and close the body."""
        try:
            await sending
        finally:
            body.close()

    def _add_whole(self, body: Body, pieces: list[bytes]) -> bool:
        """Put a body behind its head where all of it can be in memory, and count it for the log; False else."""
        if isinstance(body, Content):
            data = body.data
            pieces.append(encode_chunk(data) + LAST_CHUNK if self.chunked else data)
            self.x.sent_body += len(data)
            return True
        if not isinstance(body, OpenFile):
            raise TypeError(f"{type(body).__name__} is no body that can be sent")
        length = body.length
        found = _contents(body, self.connection.transport.blocking) if length <= SMALL_FILE else None
        if found is None:
            return False
        pieces += found
        self.x.sent_body += length
        return True

    async def _send_file(self, body: Body, pieces: list[bytes]) -> None:
        """Have the kernel send what a file holds."""
        assert isinstance(body, OpenFile)
        memo = self.x.memo
        self.x.sent_body += body.length  # all of it, also where the client leaves, as Apache counts for %b
        if memo is not None and pieces and body.length > SMALL_FILE:
            memo.head, memo.behind = pieces[0], file_behind(memo.looks, body)
        await send_pieces(self.connection.transport, body.fd, (*pieces, *body.pieces), self.seconds)

    async def _send_stream(self, body: Stream) -> None:
        """Send a body that is produced meanwhile."""
        x, transport = self.x, self.connection.transport
        if body.raw:
            x.keep_alive = False
            await self._pump(body, b"", await body.read())
        elif x.header_only or self.response.status in NO_BODY:
            await transport.send([self._head(body.total)], self.seconds)
        else:
            head = b"" if x.protocol == "HTTP/0.9" else self._head(body.total)
            if head and not body.ready:
                await transport.send([head], self.seconds)
                head = b""
            await self._pump(body, head, await body.read())
        await body.finish()

    async def _pump(self, body: Stream, head: bytes, data: bytes) -> None:
        """Send a stream to its end; while the client takes nothing the body may go on with its other work.

        `head` goes with its first bytes, which have come already.
        """
        transport = self.connection.transport
        while data:
            rest = memoryview(head + (encode_chunk(data) if self.chunked else data))
            head = b""
            if not body.raw:  # nobody looks for where the body of a whole answer begins
                self.x.sent_body += len(data)
            while rest:
                sent = transport.send_now(rest)
                rest = rest[sent:]
                if rest and not sent:
                    await body.while_blocked(transport.fd, self.seconds)
            data = await body.read()
        end = head + LAST_CHUNK if self.chunked else head
        if end:
            await transport.send([end], self.seconds)

    def _head(self, length: int | None) -> bytes:
        """Decide what becomes of the connection, and return the head's bytes; `length` is the body's."""
        x, response = self.x, self.response
        status = response.status
        child = x.world.child
        decided = persistence(x, response, length, child is not None and child.stopping)
        x.keep_alive, self.chunked = decided.keep, decided.chunked
        lines = field_lines(x, status, length, decided.lines)
        head = (
            f"{decided.version} {response.reason or status_line(status)}\r\n"
            f"Date: {http_date(int(x.request_time))}\r\nServer: {server_product(x.world.site)}\r\n"
        )
        x.notes["sent-head"] = head = f"{head}{_LINE_END.join(lines)}\r\n\r\n" if lines else f"{head}\r\n"
        if "track-first-byte" in x.notes:
            x.first.notes["first-byte"] = int((time.time() - x.first.request_time) * 1_000_000)
        return head.encode("latin-1", "replace")


async def send_pieces(transport: Transport, fd: int, pieces: Iterable[Piece], seconds: float) -> None:
    """Send bytes, and (offset, count) of a file, in their order. Raises OSError also where the file became shorter."""
    ahead: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            ahead.append(piece)
            continue
        if ahead:
            await transport.send(ahead, seconds, more=True)
            ahead = []
        offset, count = piece
        if await transport.sendfile(fd, offset, count, seconds) < count:
            raise ConnectionAbortedError("the file became shorter while it was sent")
    if ahead:
        await transport.send(ahead, seconds)


def after(pieces: Iterable[Piece], sent: int) -> list[Piece]:
    """What of `pieces` is left when their first `sent` bytes are gone."""
    left: list[Piece] = []
    for piece in pieces:
        size = len(piece) if isinstance(piece, bytes) else piece[1]
        if sent < size:
            left.append(piece[sent:] if isinstance(piece, bytes) else (piece[0] + sent, size - sent))
        sent = max(0, sent - size)
    return left


def _contents(body: OpenFile, may_wait: bool) -> list[bytes] | None:
    """The pieces of a small file; None where it has become shorter, or (unless one may wait) isn't all in memory."""
    found: list[bytes] = []
    for piece in body.pieces:
        if isinstance(piece, bytes):
            found.append(piece)
            continue
        offset, count = piece
        data = os.pread(body.fd, count, offset) if may_wait else read_now(body.fd, offset, count)
        if len(data) < count:
            return None
        found.append(data)
    return found
