"""What a remembered answer's log lines are told of the present request: all that differs from hit to hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.http.dates import clf_time, http_date

if TYPE_CHECKING:
    from mpmserver.core.exchange import Peer


class Moment:
    """One hit. A loop or thread has one object of these, and fills it anew each time."""

    __slots__ = (
        "aborted", "bytes_in", "bytes_out", "clf_time", "client", "http_date", "keep_alive", "micros",
        "peer", "request_time", "second", "shown",
    )  # fmt: skip

    def __init__(self) -> None:
        self.client = b""
        """The client's address as text."""
        self.clf_time = b""
        """Now, in the Common Log Format, with its brackets."""
        self.peer: Peer
        self.request_time = 0.0
        """Seconds since 1970."""
        self.second = -1
        """The whole ones of them."""
        self.http_date = b""
        """The present second as Date has it."""
        self.micros = 0
        """How long the answer took; filled in where a log asks for it (`Recollection.timed`)."""
        self.bytes_in = 0
        self.bytes_out = 0
        self.aborted = False
        """Whether the client was gone before it had the whole answer."""
        self.keep_alive = True
        """Whether the connection goes on."""
        self.shown: tuple[bytes, ...] = ()
        """What the log shows of a head's fields, each as it is, where the answer is found by its gist."""

    def tick(self, now: float) -> None:
        """Make it `now`, seconds since 1970."""
        self.request_time = now
        second = int(now)
        if second != self.second:
            self.second = second
            self.http_date = http_date(second).encode()
            self.clf_time = clf_time(second).encode()

    def copy(self) -> Moment:
        """This moment for an answer that takes longer than it: the thread's own goes on to other answers."""
        other = Moment()
        other.bytes_in, other.keep_alive, other.shown = self.bytes_in, self.keep_alive, self.shown
        other.tick(self.request_time)
        return other
