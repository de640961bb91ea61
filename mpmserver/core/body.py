"""What a handler answers with: a status and a body whose *kind* lets the connection choose the system call.

Bodies are objects with `close` and, where they must be produced while they are sent, `read`; none is an
async generator (those can't be closed from synchronous clean-up).
"""

from __future__ import annotations

import enum
import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mpmserver.http.errors import HTTPError
from mpmserver.net.waits import TimeoutClass, writable
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


class ClientGone(ConnectionError):
    """The client has left in the middle of its request: there is nobody to answer; the request is logged and over."""


class StreamBroken(ConnectionError):
    """The producer of a body failed when its head had been sent: the connection ends, the client gets a cut body."""


class BodyError(HTTPError):
    """A request's body can't be read: the client sends nonsense, too much, too slowly, or stopped in its middle.

    `cause` is what the error log calls it: a system's or APR's error with its number.
    """

    BROKEN: ClassVar = "(-102)Unknown error -102"
    INVALID: ClassVar = "(22)Invalid argument"
    LATE: ClassVar = "(70007)The timeout specified has expired"
    CUT_SHORT: ClassVar = "(70008)Partial results are valid but processing is incomplete"

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(status, close=True)
        self.cause = cause


class Body:
    """The empty body, and the base of the others."""

    __slots__ = ()

    @property
    def length(self) -> int | None:
        """Size in bytes, or None where it is not known before the end."""
        return 0

    def close(self) -> None:
        """Release what the body holds; called exactly once, whether it was sent or not."""


class Content(Body):
    """Bytes in memory."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def length(self) -> int:
        return len(self.data)


class Unmeasured(Content):
    """Bytes in memory that are sent before anybody asked how many they are, so without a Content-Length.

    Apache answers TRACE and unsatisfiable ranges so: chunked for HTTP/1.1, up to the connection's end before.
    With `to_the_end` the latter holds for HTTP/1.1, too, where the connection ends after this answer.
    """

    __slots__ = ("to_the_end",)

    def __init__(self, data: bytes, to_the_end: bool = False) -> None:
        super().__init__(data)
        self.to_the_end = to_the_end

    @property
    def length(self) -> None:  # type: ignore[override]
        return None


Piece = bytes | tuple[int, int]
"""Of what is sent: bytes, or (offset, count) of a file."""


class OpenFile(Body):
    """Pieces of an open file and bytes in memory, in order: a whole file, a range, or a multipart answer.

    The body owns the descriptor.
    """

    __slots__ = ("_length", "fd", "pieces", "size")

    def __init__(self, fd: int, size: int, pieces: tuple[Piece, ...] | None = None) -> None:
        self.fd = fd
        self.size = size
        if pieces is None:
            self.pieces: tuple[Piece, ...] = ((0, size),)
            self._length = size
        else:
            self.pieces = pieces
            self._length = sum(len(piece) if isinstance(piece, bytes) else piece[1] for piece in pieces)

    @property
    def length(self) -> int:
        return self._length

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_now(fd: int, offset: int, count: int) -> bytes:
    """Read so much of a file without waiting for the disk; nothing where that can't be."""
    data = bytearray(count)
    try:
        read = os.preadv(fd, (data,), offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return b""
    except OSError:
        return os.pread(fd, count, offset)  # this file system can't tell
    return bytes(data) if read == count else b""


class Stream(Body):
    """A body that is produced while it is sent: `await read()` gives the next bytes, b"" at the end.

    `total` is its length where it is known (a script that said Content-Length). `raw` is True when the stream
    is the whole answer, head included (nph- scripts): nothing is framed or added. Errors in `read` after the
    head has been sent end the connection. `flush` is True where each piece is to be sent at once.
    """

    __slots__ = ("raw", "total")

    def __init__(self, total: int | None = None, raw: bool = False) -> None:
        self.total = total
        self.raw = raw

    @property
    def length(self) -> int | None:
        return self.total

    @property
    def ready(self) -> bool:
        """True where `read` has something without waiting: the head may wait for it, to be sent in one go."""
        return False

    async def read(self) -> bytes:
        """Return the next bytes, or b"" at the end; may wait."""
        raise EOFError("a stream must say how it is read")

    async def while_blocked(self, fd: int, seconds: float) -> None:
        """Called when the client doesn't take more: return when `fd` is writable; may do other work meanwhile."""
        await writable(fd, TimeoutClass.WRITE, seconds)

    async def finish(self) -> None:
        """Called when the client has got all that it will get (the head alone, where it asked for no more)."""


class Response:
    """A status with a body. Headers are the Exchange's `headers_out`; `reason` replaces the standard phrase."""

    __slots__ = ("body", "reason", "status")

    def __init__(self, status: int, body: Body | None = None, reason: str | None = None) -> None:
        self.status = status
        self.body = EMPTY if body is None else body
        self.reason = reason


EMPTY = Body()


class BodyWatch(Protocol):
    """Somebody who looks at a request's body while it is read, and may refuse it with a BodyError."""

    def before(self, length: int | None) -> None:
        """Called before each read with the body's Content-Length, None where it is chunked."""

    def took(self, count: int) -> None:
        """So many bytes were read: of a chunked body never more than one chunk's."""


class RequestBody(Protocol):
    """The body of a request, as a handler reads it: decoded, counted against LimitRequestBody."""

    length: int | None
    """Content-Length, 0 where there is no body, None where it is chunked."""

    watch: BodyWatch | None
    """Who looks on while it is read."""

    async def read(self, count: int) -> bytes:
        """Return 1 to `count` bytes, b"" at the end; sends 100 Continue where that is awaited.

        Raises BodyError (400, 413, 408) and OSError when the client has left.
        """

    async def read_now(self, count: int) -> bytes | None:
        """As `read`, but None at once where nothing has arrived: wait until `fd` is readable then."""

    fd: int
    """What to wait on; -1 where there is nothing to wait for."""

    def seconds_left(self) -> float:
        """How long a wait for more may last; raises BodyError (408) where the time is up."""

    def late(self) -> BodyError:
        """Say that nothing came in that time: nothing more can be read; returns the error to raise."""


class FilterClass(enum.IntEnum):
    """In which order filters see a response; a filter of a class runs after those of lower classes.

    Those of one class run in the order in which they were added. A module may place a filter between two classes.
    """

    RESOURCE = 10
    CONTENT_SET = 20
    PROTOCOL = 30
    TRANSCODE = 40


@dataclass(frozen=True, slots=True)
class Filter:
    """An output filter: `apply(exchange, response)` returns the response to go on with (perhaps the same).

    It is called once, when the whole answer is known and before anything is sent; it may change the head
    (`headers_out`, `err_headers_out`, `content_type`) and may be an `async def`.
    """

    name: str
    order: int
    """A `FilterClass`, or a number near one."""
    apply: Callable[[Exchange, Response], Any]
    is_async: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(self.apply))
