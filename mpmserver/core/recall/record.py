"""A remembered answer, and the heads that it answers.

A `Record` is level 2: the answer of one resource, with the request fields that it was made for. A `Kept` is level 1:
the record that answers a head, byte by byte, with the log lines that are this head's. Both are made by `memory.py`.
There are thousands of them: what many have in common they share, and there is no object for what is rarely there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.recall.asked import asked_of
from mpmserver.core.recall.ground import Ground
from mpmserver.core.recall.recollection import Line
from mpmserver.http.dates import http_date, parse_http_date

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.memo import Memo
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.recollection import Recollection
    from mpmserver.core.recall.shelf import Shelf
    from mpmserver.http.request import Request

Stamps = tuple[tuple[int, int], ...]
"""Where times stand in a text, each with the seconds that it lies behind the present."""
_STAMP: Final = re.compile(
    rb"\r\n(Date|Expires): ([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT)(?=\r\n)"
)
STAMP_SIZE: Final = 29
_LEFT: Final = re.compile(rb"\r\nKeep-Alive: timeout=[0-9]+, max=([0-9]+)\r\n")


Kept = tuple["Record", tuple[Line, ...]]


class Record(Ground):
    """One answer: its bytes, and all that must still be so for it to be given again."""

    __slots__ = (
        "asked", "behind", "head", "hits", "hits_before", "key", "left_at", "more_texts", "payload",
        "recollection", "request_line", "size", "stamps",
    )  # fmt: skip
    worth: Final = 8
    """It is given so often at least, or was not worth its place: to make one costs about as much as to do without."""

    def __init__(self, shelf: Shelf, first: Exchange, memo: Memo, recollection: Recollection, keep: bool) -> None:
        """Of an exchange that has been answered and logged. Raises ValueError for a head whose times can't be told."""
        super().__init__(shelf, first, keep, recollection.timed)
        request = first.request
        self.key = key_of(request)
        asked = asked_of(memo.asked, request.headers.joined)
        self.asked = asked if asked.there else shelf.recall.shared(asked)  # nothing there: most have it so
        self.recollection = recollection
        self.request_line = request.request_line.encode("latin-1", "replace")
        """What the scoreboard shows."""
        head = memo.head or b""
        self.payload = head + (memo.body or b"")
        self.behind = memo.behind
        """The file that is sent behind the payload, where there is one."""
        self.stamps = shelf.recall.shared(stamps(head, memo.expires_after))
        """Where times stand that are made anew, each with the seconds that it lies behind the time of the answer."""
        self.left_at = requests_left(head)
        """Where the number of requests that the connection has left stands."""
        self.hits = 0
        """How often it has answered."""
        self.hits_before = 0
        """How often it had at its last turn (`room.py`)."""
        self.head = b""
        """The head that it was made for."""
        self.more_texts: list[bytes] | None = None
        """Other heads that it answers, and gists of such, where there are any; the latest is last."""
        self.size = 0
        """What it counts for RecallSize; 0 when it is forgotten."""

    def stamp(self, moment: Moment) -> None:
        self.payload = stamped(self.payload, self.stamps, moment)

    def counted(self, keepalives: int) -> bytes:
        """The payload for a client that is told how many requests are left; `keepalives` have been answered before."""
        assert self.left_at is not None
        start, end = self.left_at
        payload = self.payload
        return b"%b%d%b" % (payload[:start], self.most + 1 - keepalives, payload[end:])


def stamps(head: bytes, expires_after: int | None) -> Stamps:
    """Where a head's Date stands, and the Expires that was made of it. Raises ValueError."""
    found = {match[1]: match for match in _STAMP.finditer(head)}
    date = found.get(b"Date")
    if date is None:
        raise ValueError("no Date")
    if expires_after is None:
        return ((date.start(2), 0),)
    expires = found.get(b"Expires")
    then = http_date((parse_http_date(date[2].decode()) or 0) + expires_after).encode()
    if expires is None or expires[2] != then:
        raise ValueError("Expires has become something else")
    return ((date.start(2), 0), (expires.start(2), expires_after))


def stamped(text: bytes, stamps: Stamps, moment: Moment) -> bytes:
    """A text with the present time at these places."""
    for at, later in stamps:
        stamp = moment.http_date if not later else http_date(moment.second + later).encode()
        text = b"%b%b%b" % (text[:at], stamp, text[at + STAMP_SIZE :])
    return text


def requests_left(head: bytes) -> tuple[int, int] | None:
    """Where a head says how many requests its connection has left, in Keep-Alive."""
    left = _LEFT.search(head)
    return None if left is None else left.span(1)


def key_of(request: Request) -> tuple[Any, ...]:
    """What every answer depends on: the request line, the host meant, and what becomes of the connection."""
    return (request.request_line, request.host, request.port, request.keep_alive, request.keep_alive_asked)
