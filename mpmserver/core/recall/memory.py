"""What one process remembers: answers by the heads that they answer, bounded, and forgotten when they may be wrong.

A connection asks its `Shelf`, which belongs to one local address (the answer may depend on it): first for the head as
it came, byte by byte (level 1), then for the resource (level 2): the same request line, Host and wish to keep the
connection, and the same values of all request fields that any hook asked for. A head's `gist` (`http/gist.py`) tells
that where it has been told of another head with the same one; else the head is parsed. What can't be said so is not
remembered: a `Memo` follows each request that might be, and whatever happens there may refuse it.

Freshness is `freshness.py`'s: told by the kernel where one loop answers for the process (all but prefork), looked at
with each hit elsewhere. Memory is bounded by RecallSize: who was not asked for since the last time round has to
go first.

Threads: any thread may ask. Remembering is done under a lock, and where the kernel tells of changes by the thread
that hears of them alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mpmserver.core.recall.freshness import Freshness, StatFreshness
from mpmserver.core.recall.looks import unchanged
from mpmserver.core.recall.memo import Memo
from mpmserver.core.recall.recollection import recollection
from mpmserver.core.recall.record import Kept, Record, key_of
from mpmserver.core.recall.watches import Watches
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.gist import sieve, within
from mpmserver.http.headers import EVERYTHING

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.looks import Looks
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.scoreboard import ProcessSlot
    from mpmserver.core.site import Server, Site
    from mpmserver.http.limits import HeadLimits
    from mpmserver.http.request import Request

T = TypeVar("T")
STATUSES: Final = frozenset({200, 206, 301, 302, 303, 304, 307, 308, 403, 404, 410})
ONCE: Final = "asked for once"
"""The reason for most: they may never be asked for again."""
IN_VAIN: Final = "refused before"
NO_ROOM: Final = "no room for all"
MINUTE: Final = 60
"""Seconds until an .htaccess may have changed what was refused before."""
MOST_HEADS: Final = 256
"""How many heads lead to one record byte by byte; others find it by level 2."""
MOST_GISTS: Final = 64
"""How many gists lead to one record beside them."""
MOST_VARIANTS: Final = 32
"""How many answers of one resource are kept for different values of the fields that it depends on."""
WORTH: Final = 8
"""An answer that goes before it was given so often was not worth its place: to remember one costs about as much."""
RAREST: Final = 64
"""Of so many answers for which there is no room, one is remembered at least."""
SHARED: Final = 4096
"""How many values are kept at hand that records may have in common."""
SEEN: Final = 1 << 14
"""In how many bytes it is kept in mind what has come once: much is asked for once and never again."""
RECORD_BYTES: Final = 2500
"""What a record costs beside its payload (measured, with what the allocator rounds up), a head beside its own bytes."""
KEPT_BYTES: Final = 500
AUTO_BYTES: Final = 6 << 20
"""So a process of event with 128 threads stays below 40 MiB, its code included."""
AUTO_TOTAL: Final = 256 << 20
AUTO_LEAST: Final = 1 << 20


def begin(site: Site, processes: int, blocking: bool) -> Recall | None:
    """What a child remembers, made by the thread that will hear of changes; None where Recall is off.

    `processes`: how many there may be. `blocking`: it has no loop that could hear of changes.
    """
    core = site.main[CoreServer]
    if not core.recall:
        return None
    size = size_of(core.recall_size, processes)
    if not blocking:
        try:
            return Recall(size, Watches(), core.recall_revalidate, threading.get_ident())
        except OSError as error:
            message = f"nobody tells of changed files, so they are looked at each time: {error}"
            site.main.log(Level.INFO, "core", message)
    return Recall(size, StatFreshness(), core.recall_revalidate, None)


def size_of(configured: int | None, processes: int) -> int:
    """RecallSize in bytes: as configured, or what suits so many processes together."""
    if configured is not None:
        return configured
    return max(AUTO_LEAST, min(AUTO_BYTES, AUTO_TOTAL // max(1, processes)))


class Gists(NamedTuple):
    """What is known of plain heads with one request line."""

    deciding: frozenset[str]
    """All request fields that a hook has asked for in any of them, so those of `records` and perhaps more."""
    sieve: Callable[[bytes], bytes]
    """What gives the gist of a head for which those fields decide."""
    records: dict[bytes, Record]
    """By gist, what answers such a head."""


class Shelf:
    """What is remembered for one local address."""

    __slots__ = ("gists", "heads", "recall", "resources")

    def __init__(self, recall: Recall) -> None:
        self.recall = recall
        self.heads: dict[bytes, Kept] = {}
        """Level 1."""
        self.resources: dict[Any, tuple[Record, ...]] = {}
        """Level 2: by what every answer depends on, those that were made for different fields."""
        self.gists: dict[bytes, Gists] = {}
        """The short way to level 2, by request line."""

    def by_gist(self, head: bytes, limits: HeadLimits) -> Record | None:
        """Level 2: what answers a head, where one with its gist has been parsed; it may have to be looked at."""
        known = self.gists.get(head[: head.find(b"\r")])
        if known is None:
            return None
        record = known.records.get(known.sieve(head))
        return record if record is not None and within(limits, head) else None

    def resource(self, request: Request) -> Record | None:
        """Level 2: what answers a request that has been parsed; it may have to be looked at."""
        for record in self.resources.get(key_of(request), ()):
            if record.suits(request.headers.joined):
                return record
        return None

    def holds(self, record: Record, moment: Moment) -> bool:
        """Whether a record may be used now; dates it. One that may not be is forgotten."""
        recall = self.recall
        if record.stale or not recall.is_fresh(record, moment.request_time):
            recall.forget(record)
            return False
        record.date(moment)
        return True


class Recall:
    """See the module's docstring."""

    def __init__(self, size: int, freshness: Freshness, revalidate: float, owner: int | None) -> None:
        """`owner`: the only thread that may remember (`threading.get_ident`), None for any."""
        self.limit = size
        self.size = 0
        self.freshness = freshness
        self.watches = freshness if isinstance(freshness, Watches) else None
        """Who must be asked about changes before anything is answered; None where files are looked at each time."""
        self.hits = 0
        """Answers by level 1."""
        self.resource_hits = 0
        """Answers by level 2."""
        self.misses = 0
        """Requests that might have been answered so, and were not."""
        self.reasons: dict[str, int] = {}
        """Why answers were not remembered."""
        self.revalidate = revalidate
        """For how many seconds the kernel's word is taken."""
        self.owner = owner
        """The thread that hears of changes: the only one that may remember. None where any may."""
        self._lock = threading.Lock()
        self._shelves: dict[Any, Shelf] = {}
        self._records: deque[Record] = deque()
        self._shown = -1
        self._seen = bytearray(SEEN)
        self._in_vain: set[int] = set()
        """Hashes of what was refused because of its settings: nobody need follow that again, for a while."""
        self._shared: dict[Any, Any] = {}
        self._every = 1
        """Of so many answers one is remembered while there is no room for all: more, the less others were given."""
        self._passed = 0
        """How many have been passed over since the last one."""

    def shelf(self, address: tuple[str, int]) -> Shelf:
        """The shelf of a local address."""
        found = self._shelves.get(address)
        if found is None:
            found = self._shelves.setdefault(address, Shelf(self))
        return found

    # Finding

    def is_fresh(self, record: Record, now: float) -> bool:
        """Whether what a record was made from is as it was, by what is known of it or by a look."""
        if record.look:
            return unchanged(record.checks)
        if now < record.valid_until:
            return True
        record.valid_until = now + self.revalidate
        return unchanged(record.checks)

    # Remembering

    def memo(self, request: Request, server: Server) -> Memo | None:
        """What is to follow a request whose answer might be remembered; None for one that can't be."""
        if request.method not in ("GET", "HEAD") or request.has_body or request.expect_continue:
            return None
        if request.version[0] != 1 or request.ambiguous_framing or server.defaults.plan.impure is not None:
            return None
        self.misses += 1
        mark = hash(key_of(request))
        if not self.comes_again(mark):
            self._count(ONCE)
            return None
        if mark in self._in_vain:
            self._count(IN_VAIN)
            return None
        if self._every > 1 and self._is_passed_over():
            self._count(NO_ROOM)
            return None
        return Memo(request.headers)

    def _is_passed_over(self) -> bool:
        """Whether an answer gets no place because there are too few; who is asked for often gets one all the same."""
        if self.size < self.limit * 3 // 4:
            self._every = 1
            return False
        self._passed = (self._passed + 1) % self._every
        return self._passed != 0

    def offer(self, shelf: Shelf, first: Exchange, last: Exchange, head: bytes, keep: bool) -> None:
        """Remember the answer to `head` if nothing speaks against it. Called when it was sent and logged."""
        memo = first.memo
        assert memo is not None
        if memo.refused is not None:
            if last.plan.impure is not None and len(self._in_vain) < SEEN:
                self._in_vain.add(hash(key_of(first.request)))
        elif self.owner is not None and threading.get_ident() != self.owner:
            memo.refuse("answered by another thread")
        else:
            self._weigh(memo, last)
        if memo.refused is None:
            with self._lock:
                self._remember(shelf, first, memo, head, keep)
        if memo.refused is not None:
            self._count(memo.refused)

    def _count(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def _weigh(self, memo: Memo, last: Exchange) -> None:
        if last.status not in STATUSES:
            memo.refuse(f"status {last.status}")
        elif memo.body is None and memo.behind is None:
            memo.refuse("body is streamed")
        elif "send-error" in last.notes:
            memo.refuse("client left")
        elif not memo.looks.settled(int(last.request_time * 1e9)) or memo.looks.torn:
            memo.refuse("file has just changed")

    def _remember(self, shelf: Shelf, first: Exchange, memo: Memo, head: bytes, keep: bool) -> None:
        """Make the record and its first head; under the lock."""
        request = first.request
        if head in shelf.heads:
            return None  # another thread was faster
        most = first.server[CoreServer].max_keep_alive_requests
        if most and first.peer.keepalives + 1 >= most:
            return memo.refuse("last request of its connection")
        log = recollection(first)
        if log is None:
            return memo.refuse("log")
        try:
            record = Record(shelf, first, memo, log, keep)
        except ValueError:
            return memo.refuse("Expires")
        if not self._guard(record, memo.looks):
            return memo.refuse(self.freshness.reason)
        record.valid_until = first.request_time + self.revalidate
        record.head = head
        record.size = RECORD_BYTES + len(record.payload) + len(head) + len(request.request_line)
        record.size += 0 if record.behind is None else record.behind.size
        shelf.heads[head] = (record, log.lines(request.headers.joined))
        if EVERYTHING not in memo.asked:
            self._add_variant(shelf, record)
        self._records.append(record)
        self.size += record.size
        while self.size > self.limit and self._records:
            self._make_room()
        return None

    def _guard(self, record: Record, looks: Looks) -> bool:
        """Keep a record fresh; where nobody will tell of a change (no watch to be had), by a look each time."""
        checks = self.freshness.guard(record, looks)
        record.look = checks is None or self.freshness.looks_each_time
        if checks is None:
            checks = looks.checks()
        if checks is None or (record.look and not unchanged(checks)):
            return False
        record.checks = checks
        return True

    def _add_variant(self, shelf: Shelf, record: Record) -> None:
        variants = shelf.resources.get(record.key, ())
        shelf.resources[record.key] = (*variants, record)
        if len(variants) >= MOST_VARIANTS:
            self._forget(variants[0])

    def shared(self, value: T) -> T:
        """A value that is equal to this one, the same for all that ask."""
        if len(self._shared) >= SHARED:
            self._shared.clear()
        found: T = self._shared.setdefault(value, value)
        return found

    def comes_again(self, mark: int) -> bool:
        """Whether what has this hash has been seen lately; it is noted. Now and then one thing is taken for another."""
        at, tag = mark & SEEN - 1, mark >> 32 & 0xFF
        seen = self._seen
        if seen[at] == tag:
            return True
        seen[at] = tag
        return False

    def add_head(self, kept: Kept, head: bytes) -> None:
        """Have `head` answered by a record, byte by byte."""
        record = kept[0]
        if record.more_texts is not None and len(record.more_texts) >= MOST_HEADS:
            return
        with self._lock:
            if head not in record.shelf.heads and self._adds(record, head, MOST_HEADS):
                record.shelf.heads[head] = kept

    def add_gist(self, record: Record, head: bytes) -> None:
        """Have all heads with the gist of `head`, which is plain and was parsed, answered by a record that answers it.

        Only behind the second head with the same gist: where a field decides that is never the same, there is no third.
        """
        gists, line = record.shelf.gists, head[: head.find(b"\r")]
        known = gists.get(line)
        if known is None or not record.decided_by <= known.deciding:
            deciding = record.decided_by if known is None else record.decided_by | known.deciding
            known = Gists(deciding, sieve(deciding), {})  # who asks just now has those that belong together
        gist = known.sieve(head)
        if not self.comes_again(hash(gist)):
            return
        with self._lock:
            if gist not in known.records and self._adds(record, gist, MOST_HEADS + MOST_GISTS):
                known.records[gist] = record
                gists[line] = known

    def _adds(self, record: Record, text: bytes, most: int) -> bool:
        """Count one more head or gist that leads to a record; False where that has enough of them, or is forgotten."""
        texts = record.more_texts = record.more_texts or []
        if not record.size or len(texts) >= most:
            return False
        texts.append(text)
        size = KEPT_BYTES + len(text)
        record.size += size
        self.size += size
        return True

    # Forgetting

    def forget(self, record: Record) -> None:
        """Use a record no more."""
        with self._lock:
            self._forget(record)

    def _forget(self, record: Record) -> None:
        record.stale = True
        shelf = record.shelf
        if not record.size:
            return
        known = shelf.gists.get(record.request_line)
        for text in (record.head, *(record.more_texts or ())):
            shelf.heads.pop(text, None)
            if known is not None:
                known.records.pop(text, None)
        if known is not None and not known.records:
            del shelf.gists[record.request_line]
        left = tuple([each for each in shelf.resources.get(record.key, ()) if each is not record])
        if left:
            shelf.resources[record.key] = left
        else:
            shelf.resources.pop(record.key, None)
        self.freshness.release(record)
        self.size -= record.size
        record.size = 0

    def _make_room(self) -> None:
        """Let the oldest go, unless it was needed since its last turn."""
        record = self._records.popleft()
        if not record.size:
            return
        if record.hits != record.hits_before:
            record.hits_before = record.hits
            self._records.append(record)
            return
        self._every = min(RAREST, self._every * 2) if record.hits < WORTH else max(1, self._every // 2)
        self._forget(record)

    def show(self, process: ProcessSlot, moment: Moment) -> None:
        """Put the figures on the scoreboard, at most once a second."""
        if moment.second != self._shown:
            self._shown = moment.second
            if moment.second % MINUTE == 0:
                self._in_vain.clear()
            process.recalled(self.hits, self.resource_hits, self.misses, self.size)

    def figures(self) -> dict[str, int]:
        """For the status page: hits by level, misses, and how much is kept."""
        return {
            "hits": self.hits,
            "resource_hits": self.resource_hits,
            "misses": self.misses,
            "size": self.size,
            "limit": self.limit,
            "heads": sum(len(shelf.heads) for shelf in self._shelves.values()),
            "resources": sum(len(shelf.resources) for shelf in self._shelves.values()),
        }
