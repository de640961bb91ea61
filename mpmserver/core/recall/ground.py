"""What a remembered answer rests on, and how it is given: the part of it that others may have in common with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpmserver.core.recall.looks import Seen
from mpmserver.core.settings import CoreServer

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.shelf import Shelf

STALE: Final = -2
UNLIMITED: Final = 1 << 62


class Ground(Seen):
    """Stands for as long as nothing of it has changed; who hears of changes has it as a token."""

    __slots__ = (
        "good_for", "keep", "lingers", "most", "second", "shelf", "timed", "timeout", "vhost",
    )  # fmt: skip

    def __init__(self, shelf: Shelf, first: Exchange, keep: bool, timed: bool) -> None:
        super().__init__()
        self.hold(first.request_time, shelf.recall.revalidate)
        core = first.server[CoreServer]
        self.shelf = shelf
        self.keep = keep
        """Whether the connection goes on."""
        self.lingers = first.request.keep_alive and not keep
        """Whether it is the server that ends it: then the client may go on sending for a while."""
        most = core.max_keep_alive_requests
        self.most = most - 1 if most else UNLIMITED
        """As many requests before it, and the connection's last has come: that answer is another one."""
        self.timeout = core.timeout
        """How long a client may take nothing of it, in seconds."""
        self.timed = timed
        """Whether a log shows how long the answer took."""
        self.vhost = shelf.recall.shared(b"%b:%d" % (first.server.name_bytes, first.peer.local[1]))
        """What the scoreboard shows, beside the request line."""
        self.second = -1
        """The second that what is sent is dated; STALE where something has changed: nothing is answered any more."""
        self.good_for = -1
        """The second in which there is nothing to ask: it is dated so, and who hears of changes has heard of none."""

    @property
    def stale(self) -> bool:
        """Whether something of it has changed: it answers no more. Whoever hears of a change sets it, for good."""
        return self.second == STALE

    @stale.setter
    def stale(self, value: bool) -> None:
        assert value, "what has changed stays changed"
        self.second = self.good_for = STALE

    def date(self, moment: Moment) -> None:
        """Put the present second's date into what is sent."""
        if self.second != moment.second:
            self.stamp(moment)
            self.second = moment.second
        if not self.look and moment.second + 1 <= self.valid_until:
            self.good_for = moment.second

    def stamp(self, moment: Moment) -> None:
        """Have what is sent say what time it is."""
        raise NotImplementedError
