"""A connection without a server: bytes in pieces, through the parser, to statuses. Used by the parser's tests."""

from __future__ import annotations

from collections.abc import Iterator

from mpmserver.http.chunked import ChunkedDecoder
from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import Chunked, Length
from mpmserver.http.head import check_partial, find_head_end, parse_head
from mpmserver.http.limits import HeadLimits
from mpmserver.http.request import Request
from mpmserver.http.uri import decode_path

ACCEPTED = 200
BODY_LIMIT = 2**30
"""LimitRequestBody's default."""


class Connection:
    """Reads requests off ``sent``, which arrives ``step`` octets at a time.

    ``statuses`` are what the parser alone would answer, ``requests`` and ``bodies`` what it accepted,
    ``open`` whether another request could follow.
    """

    def __init__(self, sent: bytes, step: int = 65536, limits: HeadLimits | None = None) -> None:
        self.limits = limits or HeadLimits()
        self.statuses: list[int] = []
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.errors: list[HTTPError] = []
        self.open = True
        self._pieces: Iterator[bytes] = (sent[at : at + step] for at in range(0, len(sent), step))
        self._buffer = bytearray()
        while self.open and self._read_request():
            pass

    def _more(self) -> bool:
        piece = next(self._pieces, b"")
        self._buffer += piece
        return bool(piece)

    def _read_request(self) -> bool:
        try:
            head = self._read_head()
            if head is None:
                return False
            request = parse_head(head, self.limits)
            self.statuses += [100] if request.expect_continue and request.has_body else []
            body = self._read_body(request)
            if request.uri.path_raw != "*":
                decode_path(request.uri.path_raw)
        except HTTPError as error:
            self.errors.append(error)
            self.statuses.append(error.status)
            self.open = self.open and not error.close
            return self.open
        self.requests.append(request)
        self.bodies.append(body)
        self.statuses.append(ACCEPTED)
        self.open = request.keep_alive
        return True

    def _read_head(self) -> bytes | None:
        seen = 0
        while (end := find_head_end(self._buffer, seen, self.limits.strict)) < 0:
            check_partial(self._buffer, self.limits)
            seen = len(self._buffer)
            if not self._more():
                return None
        head = bytes(self._buffer[:end])
        del self._buffer[:end]
        return head

    def _read_body(self, request: Request) -> bytes:
        framing = request.framing
        if isinstance(framing, Length):
            if framing.octets > BODY_LIMIT:
                raise HTTPError(413, close=True)
            while len(self._buffer) < framing.octets and self._more():
                pass
            body = bytes(self._buffer[: framing.octets])
            del self._buffer[: framing.octets]
            return body
        return self._read_chunks() if isinstance(framing, Chunked) else b""

    def _read_chunks(self) -> bytes:
        decoder = ChunkedDecoder(self.limits)
        body = b""
        while True:
            decoder.feed(self._buffer)
            self._buffer.clear()
            while piece := decoder.read(7):
                body += piece
            if decoder.done:
                self._buffer += decoder.leftover
                return body
            if not self._more():
                raise EOFError("the chunks have no end")
