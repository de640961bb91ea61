"""The body of a request as its handler reads it: framing undone, counted, 100 Continue sent when it is wanted.

Bytes come from the connection's buffer first, then from its transport. What the handler leaves unread is
discarded after the answer, so that the next request begins where it begins; where that can't be done
cheaply the connection closes. What can't be read is a BodyError, whose cause a handler may log.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from mpmserver.core.body import BodyError, BodyWatch, RequestBody
from mpmserver.core.settings import CoreDir, CoreServer, Level
from mpmserver.http.chunked import BadTrailer, ChunkedDecoder
from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import Chunked, Length
from mpmserver.http.headers import Headers
from mpmserver.http.request import Request
from mpmserver.net.waits import TimedOut, TimeoutClass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.serve.connection import Connection

READ_SIZE = 65536
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DISCARD_MOST = 1 << 20
"""Bytes of an unread request body that are read to keep a connection; more is answered by closing it."""


class NoRequestBody:
    """The body of a request that has none."""

    length: int | None = 0
    fd = -1

    @property
    def watch(self) -> BodyWatch | None:
        """There is nothing to look at."""
        return None

    @watch.setter
    def watch(self, watch: BodyWatch | None) -> None:
        """All requests without a body share this one, so it keeps nobody."""

    async def read(self, count: int) -> bytes:
        return b""

    async def read_now(self, count: int) -> bytes | None:
        return b""

    def seconds_left(self) -> float:
        return math.inf

    def late(self) -> BodyError:
        return BodyError(408, BodyError.LATE)


NO_REQUEST_BODY = NoRequestBody()


class ConnectionBody:
    """A request's body, read from its connection."""

    __slots__ = (
        "_connection", "_continue", "_decoder", "_limit", "_rest", "exchange", "failed", "fd", "length", "received",
        "watch",
    )  # fmt: skip

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self.fd = connection.fd
        framing = request.framing
        self.length: int | None = framing.octets if isinstance(framing, Length) else None
        self._rest = self.length or 0
        self._decoder: ChunkedDecoder | None = None
        if isinstance(framing, Chunked):
            self._decoder = ChunkedDecoder(connection.hosts.default.head_limits)
        self._continue = request.expect_continue
        self._limit: int | None = None
        self.received = 0
        self.failed = False
        """True once nothing more can be read: the connection can't be used after the answer."""
        self.exchange: Exchange | None = None
        self.watch: BodyWatch | None = None

    @property
    def done(self) -> bool:
        return self._decoder.done if self._decoder is not None else self._rest == 0

    async def read(self, count: int) -> bytes:
        while True:
            data = await self._read(count, wait=True)
            if data is not None:
                return data

    async def read_now(self, count: int) -> bytes | None:
        return await self._read(count, wait=False)

    def seconds_left(self) -> float:
        try:
            return self._connection.body_seconds()
        except TimedOut:
            raise self.late() from None

    def late(self) -> BodyError:
        self.failed = True
        return BodyError(408, BodyError.LATE)

    async def _read(self, count: int, wait: bool) -> bytes | None:
        """Read some of the body; None where its bytes have not come (or were framing alone)."""
        if self.failed:
            raise BodyError(400, BodyError.BROKEN)
        if self.watch is not None:
            self._ask(self.watch)
        self._check_limit()
        if self.done:
            return b""
        try:
            data = await self._decoded(count, wait)
        except TimedOut:
            raise self.late() from None
        except BodyError:
            self.failed = True
            raise
        except HTTPError as error:
            self.failed = True
            raise _broken(error) from error
        except OSError as error:
            self.failed = True
            raise BodyError(400, f"({error.errno}){os.strerror(error.errno or 0)}") from None
        if data:
            self.received += len(data)
            self._check_limit()
            if self.watch is not None:
                self._ask(self.watch, len(data))
        return data

    def _ask(self, watch: BodyWatch, count: int | None = None) -> None:
        """Ask whoever looks on before a read, or behind it where `count` bytes were read; raises BodyError."""
        try:
            watch.before(self.length) if count is None else watch.took(count)
        except BodyError:
            self.failed = True
            raise

    def can_be_skipped(self, read_meanwhile: bool = False) -> bool:
        """Whether the next request can be found behind this body, by reading no more than `DISCARD_MOST` bytes.

        `read_meanwhile`: who answers may still read it while it is answered.
        """
        if self.failed or self._continue:
            return False
        return read_meanwhile or self._rest <= DISCARD_MOST

    async def discard(self) -> bool:
        """Read and forget what is left, if that isn't too much; True where the next request can follow."""
        if not self.can_be_skipped():
            return self.done and not self.failed
        connection = self._connection
        most = connection.received + DISCARD_MOST
        try:
            while not self.done and connection.received < most:
                await self.read(READ_SIZE)
        except (HTTPError, OSError):
            return False
        return self.done

    def _check_limit(self) -> None:
        """LimitRequestBody: known at once from Content-Length, else as the bytes come."""
        if self._limit is None:
            self._limit = self.exchange.settings[CoreDir].limit_request_body if self.exchange is not None else 0
        if not self._limit:
            return
        if self.length is not None and self.length > self._limit:
            raise self._too_much("AH01588: Requested content-length", self.length)
        if self.received > self._limit:
            raise self._too_much("AH01591: Read content length", self.received)

    def _too_much(self, what: str, count: int) -> BodyError:
        x = self.exchange
        self.failed = True
        if x is not None:
            message = f"{what} of {count} is larger than the configured limit of {self._limit}"
            x.server.log(Level.INFO, "http", message, x)
        return BodyError(413, BodyError.BROKEN)

    async def _decoded(self, count: int, wait: bool) -> bytes | None:
        """Return body bytes, b"" at its end, None where more must come first."""
        decoder = self._decoder
        if decoder is None:
            data = await self._more(min(count, self._rest), wait)
            self._rest -= len(data or b"")
            return data
        one = self.watch is not None
        data = decoder.read(count, one)
        while not data and not decoder.done:
            raw = await self._more(READ_SIZE, wait)
            if raw is None:
                return None
            decoder.feed(raw)
            data = decoder.read(count, one)
        if decoder.done:
            self._connection.buffer[:0] = decoder.leftover
            self._keep_trailers(decoder.trailers)
        return data

    def _keep_trailers(self, trailers: Headers) -> None:
        """Trailers are noted for the log (%{}^ti); MergeTrailers makes headers of them (RFC 9110 6.5.1 says beware)."""
        x = self.exchange
        if x is None or not len(trailers):
            return
        x.notes["trailers-in"] = trailers
        if x.server[CoreServer].merge_trailers:
            for name, value in trailers.items():
                x.own_headers_in().merge(name, value)

    async def _more(self, count: int, wait: bool) -> bytes | None:
        """Return the next raw bytes of the connection; raises BodyError at its end."""
        connection = self._connection
        buffer = connection.buffer
        if self._continue:  # also where the body came with its head: Apache says it then, too
            self._continue = False
            await connection.transport.send([CONTINUE], connection.body_seconds())
        if buffer:
            data: bytes | None = bytes(buffer[:count])
            del buffer[:count]
            return data
        if wait:
            data = await connection.transport.recv(count, TimeoutClass.BODY, connection.body_seconds())
        else:
            data = connection.transport.recv_now(count)
        if data is None:
            return None
        if not data:
            raise BodyError(400, BodyError.CUT_SHORT)
        connection.note_received(len(data))
        return data


def _broken(error: HTTPError) -> BodyError:
    """What the decoder has against a body, as handlers know it; the log lines come with it."""
    broken = BodyError(error.status, BodyError.INVALID if isinstance(error, BadTrailer) else BodyError.BROKEN)
    broken.message, broken.log, broken.level, broken.log_more = error.message, error.log, error.level, error.log_more
    return broken


def request_body(connection: Connection, request: Request) -> RequestBody:
    """Return the body object of a request that was read from `connection`."""
    return ConnectionBody(connection, request) if request.has_body else NO_REQUEST_BODY
