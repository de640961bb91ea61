"""The chunked transfer coding, both ways (RFC 9112 7.1), with no I/O.

``ChunkedDecoder`` owns a buffer of the wire's octets. ``feed`` appends to it, ``read`` takes body octets
from its front (which a ``bytearray`` does without moving the rest), so the work is linear in the body.
What follows the body stays in the buffer: it is the next request (``leftover``).
"""

from __future__ import annotations

import enum
import re

from mpmserver.http.errors import HTTPError
from mpmserver.http.field_lines import check_line, parse_fields, too_many
from mpmserver.http.headers import Headers
from mpmserver.http.limits import HeadLimits

LAST_CHUNK = b"0\r\n\r\n"

_MAX_SIZE = 2**63 - 1
_SPACES = 10

# a size, a few spaces or an extension without control characters, a line end
_LINE = re.compile(rb"([0-9A-Fa-f]+)[ \t]{0,%d}(?:;[\t -~\x80-\xff]*)?\r\n" % _SPACES)
_LINE_UNSAFE = re.compile(rb"([0-9A-Fa-f]+)[ \t]{0,%d}(?:;[\t -~\x80-\xff]*)?\r?\n" % _SPACES)
_BEGINNING = re.compile(rb"[0-9A-Fa-f]+[ \t]{0,%d}(?:;[\t -~\x80-\xff]*)?\r?" % _SPACES)


class _State(enum.Enum):
    SIZE = enum.auto()
    DATA = enum.auto()
    DATA_END = enum.auto()
    TRAILER = enum.auto()
    DONE = enum.auto()


class ChunkedDecoder:
    """Takes a chunked body off the wire.

    ``done`` turns True behind the last chunk and its trailer section, whose fields are then ``trailers``.
    """

    __slots__ = ("_buffer", "_checked", "_left", "_limits", "_seen", "_state", "trailers")

    def __init__(self, limits: HeadLimits | None = None) -> None:
        self._limits = limits or HeadLimits()
        self._buffer = bytearray()
        self._state = _State.SIZE
        self._left = 0
        self._seen = 0
        self._checked = 0
        self.trailers = Headers()

    @property
    def done(self) -> bool:
        """Whether the body and its trailer section have been read to their end."""
        return self._state is _State.DONE

    @property
    def leftover(self) -> bytes:
        """The octets after the body, once it is ``done``; they belong to the next request."""
        return bytes(self._buffer) if self.done else b""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Append octets from the wire."""
        self._buffer += data

    def read(self, size: int, one: bool = False) -> bytes:
        """Up to ``size`` octets of the body; ``b""`` when more must be fed first, or at the end (``done``).

        ``one`` asks for those of one chunk at most.

        Raises HTTPError 400 for a broken chunk or trailer section, 413 for a chunk that is too large to
        count or whose size line is longer than LimitRequestFieldSize allows. A body that was refused stays so.
        """
        pieces: list[bytes] = []
        while size > 0:
            if self._state is _State.DATA:
                piece = self._take(size)
                if not piece:
                    break
                pieces.append(piece)
                size = 0 if one else size - len(piece)
            elif not self._advance():
                break
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take(self, size: int) -> bytes:
        buffer = self._buffer
        piece = bytes(memoryview(buffer)[: min(size, self._left)])
        del buffer[: len(piece)]
        self._left -= len(piece)
        if self._left == 0:
            self._state = _State.DATA_END
        return piece

    def _advance(self) -> bool:
        """Get past what is no data; False when that needs more octets."""
        if self._state is _State.SIZE:
            return self._read_size()
        if self._state is _State.DATA_END:
            return self._read_data_end()
        return self._state is _State.TRAILER and self._read_trailer()

    def _read_size(self) -> bool:
        end = self._buffer.find(b"\n", self._seen) + 1
        line = bytes(memoryview(self._buffer)[: end or self._limits.field_size + 1])
        if len(line) > self._limits.field_size:
            raise _overflow()
        if not end:
            self._seen = len(line)
            if line and not _BEGINNING.fullmatch(line):
                raise _malformed()
            return False
        match = (_LINE if self._limits.strict else _LINE_UNSAFE).fullmatch(line)
        if match is None:
            raise _malformed()
        digits = match[1].lstrip(b"0") or b"0"
        if len(digits) > 16 or (size := int(digits, 16)) > _MAX_SIZE:
            raise _overflow()
        del self._buffer[:end]
        self._seen = 0
        self._left = size
        self._state = _State.DATA if size else _State.TRAILER
        return True

    def _read_data_end(self) -> bool:
        head = bytes(self._buffer[:2])
        end = 1 if head[:1] == b"\n" and not self._limits.strict else 2
        if head[:end] not in (b"\r\n", b"\n", b"\r", b"") or (head[:1] == b"\n" and end == 2):
            raise _malformed()
        if len(head) < end:
            return False
        del self._buffer[:end]
        self._state = _State.SIZE
        return True

    def _read_trailer(self) -> bool:
        end = self._trailer_end()
        if not end:
            return False
        section = self._buffer[:end].decode("latin-1")
        try:
            self.trailers = Headers.of_fields(parse_fields(section, self._limits))
        except HTTPError as error:
            raise _bad_trailer(error) from None
        del self._buffer[:end]
        self._state = _State.DONE
        return False

    def _trailer_end(self) -> int:
        """The index after the blank line that ends the trailer section; 0 where it is not there yet."""
        buffer = self._buffer
        while line_end := buffer.find(b"\n", self._seen) + 1:
            line = buffer[self._seen : line_end]
            self._seen = line_end
            if bytes(line) in (b"\r\n", b"\n"):
                return line_end
        if len(buffer) - self._checked > self._limits.longest_field:
            self._checked = len(buffer)  # not at every octet that arrives
            self._check_partial_trailer()
        return 0

    def _check_partial_trailer(self) -> None:
        """Refuse a trailer section that breaks a limit before its end."""
        try:
            check_line(self._buffer[self._seen :].decode("latin-1"), self._limits)
            parse_fields(self._buffer[: self._seen].decode("latin-1"), self._limits)
            if 0 < self._limits.fields * self._limits.longest_field < len(self._buffer):
                raise too_many()
        except HTTPError as error:
            raise _bad_trailer(error) from None


def _malformed() -> HTTPError:
    return HTTPError(400, log="AH01590: Error reading/parsing chunk  ", close=True, level="info")


def _overflow() -> HTTPError:
    return HTTPError(413, log="AH01590: Error reading/parsing chunk (overflow) ", close=True, level="info")


class BadTrailer(HTTPError):
    """The body itself was whole, but the fields behind it are none."""


def _bad_trailer(cause: HTTPError) -> BadTrailer:
    detail = f": {cause.message}" if cause.message else ""
    last = ("info", f"AH02656: Error while reading HTTP trailer: 400{detail}")
    first = [pair for pair in ((cause.level, cause.log), *cause.log_more) if "AH00567" not in pair[1]]
    (level, log), *more = [*first, last]
    return BadTrailer(400, cause.message, log=log, close=True, level=level, log_more=tuple(more))


def encode_chunk(data: bytes) -> bytes:
    """One chunk of ``data``; ``b""`` for none, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
