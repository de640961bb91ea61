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
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mpmserver.core.recall.brief import Brief, Terms, draft_of
from mpmserver.core.recall.freshness import Freshness, StatFreshness
from mpmserver.core.recall.looks import unchanged
from mpmserver.core.recall.memo import Memo
from mpmserver.core.recall.recollection import recollection
from mpmserver.core.recall.record import Record, key_of
from mpmserver.core.recall.room import Room, Tenant, size_of
from mpmserver.core.recall.routes import Routes
from mpmserver.core.recall.shelf import Gists, Shelf
from mpmserver.core.recall.sightings import Sightings
from mpmserver.core.recall.watches import Watches
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.gist import sieve
from mpmserver.http.head import whole_head
from mpmserver.http.headers import EVERYTHING

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.ground import Ground
    from mpmserver.core.recall.looks import Looks
    from mpmserver.core.recall.moment import Moment
    from mpmserver.core.recall.recollection import Recollection
    from mpmserver.core.scoreboard import ProcessSlot
    from mpmserver.core.site import Server, Site
    from mpmserver.http.gist import Fields
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
SHARED: Final = 4096
"""How many values are kept at hand that records may have in common."""
RAREST_TRY: Final = 64
"""Of so many answers that come for the first time, one is followed at least, where they may be remembered in brief."""
MOST_LUCK: Final = 64
MOST_PROMOTED: Final = 64
MOST_IN_VAIN: Final = 1 << 14
RECORD_BYTES: Final = 2500
"""What a record costs beside its payload (measured, with what the allocator rounds up), a head beside its own bytes."""
KEPT_BYTES: Final = 500


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


class Recall:
    """See the module's docstring."""

    def __init__(self, size: int, freshness: Freshness, revalidate: float, owner: int | None) -> None:
        """`owner`: the only thread that may remember (`threading.get_ident`), None for any."""
        self.room = Room(size)
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
        self._shown = -1
        self.seen = Sightings()
        self._luck = 0
        """What has come for the first time and was remembered, less what was not."""
        self._tried = 0
        """How many of these there were."""
        self._in_vain: set[int] = set()
        """Hashes of what was refused because of its settings: nobody need follow that again, for a while."""
        self._promoted: dict[bytes, int] = {}
        """How often briefs were given whose next answers are to be records, by request line."""
        self._shared: dict[Any, Any] = {}
        self.routes = Routes(self)
        """The ways to what is never remembered."""

    def shelf(self, address: tuple[str, int]) -> Shelf:
        """The shelf of a local address."""
        found = self._shelves.get(address)
        if found is None:
            found = self._shelves.setdefault(address, Shelf(self))
        return found

    # Remembering

    def accompany(self, x: Exchange) -> None:
        """Give a request that has just begun its route, where one is known, or else a memo, where it may have one."""
        if self.routes.known:
            x.route = self.routes.find(x)
        if x.route is None:
            x.memo = memo = self._memo(x.request, x.server)
            if memo is not None:
                x.files = memo.looks

    def _memo(self, request: Request, server: Server) -> Memo | None:
        """What is to follow a request whose answer might be remembered; None for one that can't be."""
        if request.method not in ("GET", "HEAD") or request.has_body or request.expect_continue:
            return None
        if request.version[0] != 1 or request.ambiguous_framing:
            return None
        impure = server.defaults.plan.impure
        if impure is not None:
            self.pass_by(impure)
            return None
        self.misses += 1
        mark = hash(key_of(request))
        at_once = not self.seen.again(mark)
        if at_once and not self._may_be_brief():
            self._count(ONCE)
            return None
        if mark in self._in_vain:
            self._count(IN_VAIN)
            return None
        if self.room.passes_over():
            self._count(NO_ROOM)
            return None
        return Memo(request.headers, at_once=at_once)

    def pass_by(self, reason: str) -> None:
        """Count a request whose answer is not even thought of being remembered."""
        self.misses += 1
        self._count(reason)

    def _may_be_brief(self) -> bool:
        """Whether to follow what comes for the first time: to remember it in brief costs less than to do without twice.

        It is tried now and then, and always for as long as that comes to something.
        """
        room = self.room
        if room.is_ample or room.is_full:
            return False
        self._tried = (self._tried + 1) % RAREST_TRY
        return self._luck > 0 or self._tried == 0

    def offer(self, shelf: Shelf, first: Exchange, last: Exchange, head: bytes, keep: bool) -> None:
        """Remember the answer to `head` if nothing speaks against it. Called when it was sent and logged."""
        memo = first.memo
        assert memo is not None
        if memo.refused is not None:
            if last.plan.impure is not None and len(self._in_vain) < MOST_IN_VAIN:
                self._in_vain.add(hash(key_of(first.request)))
            if memo.route is not None and not memo.at_once:
                self.routes.keep(first, memo.route, memo)
        elif self.owner is not None and threading.get_ident() != self.owner:
            memo.refuse("answered by another thread")
        else:
            self._weigh(memo, last)
        if memo.refused is None:
            with self._lock:
                self._remember(shelf, first, memo, head, keep)
        if memo.at_once:
            self._luck = max(0, self._luck - 1) if memo.refused is not None else min(MOST_LUCK, self._luck + 1)
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
        """Make what answers such a request; under the lock."""
        if head in shelf.heads:
            return None  # another thread was faster
        most = first.server[CoreServer].max_keep_alive_requests
        if most and first.peer.keepalives + 1 >= most:
            return memo.refuse("last request of its connection")
        log = recollection(first)
        if log is None:
            return memo.refuse("log")
        given = self._promoted.pop(head[: head.find(b"\r")], 0)
        try:
            if not (given or self.room.is_ample) and self._remember_briefly(shelf, first, memo, log, head, keep):
                pass
            elif memo.at_once and not given:
                memo.refuse(ONCE)
            else:
                self._remember_whole(shelf, first, memo, log, head, keep, given)
        except ValueError:
            return memo.refuse("Expires")
        while (tenant := self.room.next_to_go()) is not None:
            self._forget(tenant)
        return None

    def _remember_whole(
        self, shelf: Shelf, first: Exchange, memo: Memo, log: Recollection, head: bytes, keep: bool, given: int
    ) -> None:
        """Make a record and its first head, of an answer that has been given so often by a brief."""
        record = Record(shelf, first, memo, log, keep)
        if not self._guard(record, memo.looks):
            return memo.refuse(self.freshness.reason)
        record.head, record.hits = head, given
        record.size = RECORD_BYTES + len(record.payload) + len(head) + len(record.request_line)
        record.size += 0 if record.behind is None else record.behind.size
        shelf.heads[head] = (record, log.of_head(first.request.headers.joined))
        if EVERYTHING not in memo.asked:
            self._add_variant(shelf, record)
        return self.room.take(record)

    def _remember_briefly(
        self, shelf: Shelf, first: Exchange, memo: Memo, log: Recollection, head: bytes, keep: bool
    ) -> bool:
        """Make a brief, and terms where nobody has them; False where that can't be."""
        draft = draft_of(first, memo, log, head, keep)
        family = None if draft is None else shelf.family((frozenset(memo.asked), log.shown, log.read))
        gist = None if family is None else family.sieve.gist(head)
        if draft is None or family is None or gist is None:
            return False
        terms = shelf.terms.get(draft.key)
        if terms is None or terms.stale:
            terms = Terms(shelf, first, draft.key)
            if not self._guard(terms, draft.looks):
                memo.refuse(self.freshness.reason)
                return True
            shelf.terms[draft.key] = terms
            self.room.size += terms.size
        terms.users += 1
        gist = b"%b\n%b" % (head[: head.find(b"\r")], gist)
        before = family.briefs.get(gist)
        if before is not None:
            self._forget(before)
        brief = family.briefs[gist] = Brief(terms, gist, draft.own, draft.at)
        self.room.take(brief)
        return True

    def _guard(self, ground: Ground, looks: Looks) -> bool:
        """Keep something fresh; where nobody will tell of a change (no watch to be had), by a look each time."""
        checks = self.freshness.guard(ground, looks)
        ground.look = checks is None or self.freshness.looks_each_time
        if checks is None:
            checks = looks.checks()
        if checks is None or (ground.look and not unchanged(checks)):
            return False
        ground.checks = checks
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

    def add_head(self, record: Record, head: bytes, limits: HeadLimits) -> None:
        """Have `head` answered by a record that answers it, byte by byte; where room is scarce its gist has to do."""
        if not self.room.is_ample or (record.more_texts is not None and len(record.more_texts) >= MOST_HEADS):
            return
        request = whole_head(head, limits)
        with self._lock:
            if request is not None and head not in record.shelf.heads and self._adds(record, head, MOST_HEADS):
                record.shelf.heads[head] = record, record.recollection.of_head(request.headers.joined)

    def add_gist(self, record: Record, head: bytes, fields: Fields) -> None:
        """Have all heads with the gist of `head`, which was parsed, answered by a record that answers it.

        Only behind the second head with the same gist: where a field decides that is never the same, there is no third.
        `fields` are the head's.
        """
        gists, line, log = record.shelf.gists, head[: head.find(b"\r")], record.recollection
        known = gists.get(line)
        names = record.asked.names, log.shown, log.read
        if known is not None:
            deciding, shown, read = known.names
            names = names[0] | deciding, names[1] | shown, names[2] | read
        if known is None or names != known.names:
            known = Gists(names, sieve(*names), {})  # who asks just now has those that belong together
        gist = known.sieve.gist(head)
        if gist is None or not self.seen.again(hash((line, gist))):
            return
        most = MOST_HEADS + MOST_GISTS if self.room.is_ample else 1
        with self._lock:
            if gist not in known.records and self._adds(record, gist, most):
                known.records[gist] = record, log.of_gist(fields, known.sieve)
                gists[line] = known

    def _adds(self, record: Record, text: bytes, most: int) -> bool:
        """Count one more head or gist that leads to a record; False where that has enough of them, or is forgotten."""
        texts = record.more_texts = record.more_texts or []
        if not record.size or len(texts) >= most:
            return False
        texts.append(text)
        size = KEPT_BYTES + len(text)
        record.size += size
        self.room.size += size
        return True

    def promote(self, brief: Brief) -> None:
        """Have a brief be a record from its next request on, where there is one that is given much less often."""
        with self._lock:
            rival = self.room.rival(brief)
            if rival is not None and len(self._promoted) < MOST_PROMOTED:
                self._forget(rival)
                self._forget(brief)
                self._promoted[brief.gist[: brief.gist.find(b"\n")]] = brief.hits

    # Forgetting

    def forget(self, ground: Ground) -> None:
        """Use a record no more, or any brief with these terms."""
        with self._lock:
            if isinstance(ground, Record):
                self._forget(ground)
            elif isinstance(ground, Terms):
                self._withdraw(ground)

    def forget_brief(self, brief: Brief) -> None:
        """Use a brief no more."""
        with self._lock:
            self._forget(brief)

    def _forget(self, tenant: Tenant) -> None:
        if not self.room.leave(tenant):
            return
        if isinstance(tenant, Record):
            self._forget_record(tenant)
        elif isinstance(tenant, Brief):
            self._forget_own(tenant)

    def _forget_record(self, record: Record) -> None:
        record.stale = True
        shelf = record.shelf
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
        record.size = 0

    def _forget_own(self, brief: Brief) -> None:
        terms = brief.terms
        for family in terms.shelf.families:
            if family.briefs.get(brief.gist) is brief:
                del family.briefs[brief.gist]
        terms.users -= 1
        if not terms.users:
            self.room.size -= terms.size
            self._withdraw(terms)

    def _withdraw(self, terms: Terms) -> None:
        """Have nobody answered under these terms again; their briefs go when they are asked for, or have their turn."""
        terms.stale = True
        if terms.shelf.terms.get(terms.key) is terms:
            del terms.shelf.terms[terms.key]
        self.freshness.release(terms)

    def show(self, process: ProcessSlot, moment: Moment) -> None:
        """Put the figures on the scoreboard, at most once a second."""
        if moment.second != self._shown:
            self._shown = moment.second
            if moment.second % MINUTE == 0:
                self._in_vain.clear()
                self._promoted.clear()
            process.recalled(self.hits, self.resource_hits, self.misses, self.room.size)

    def figures(self) -> dict[str, int]:
        """For the status page: hits by level, misses, and how much is kept."""
        shelves = self._shelves.values()
        return {
            "hits": self.hits,
            "resource_hits": self.resource_hits,
            "misses": self.misses,
            "size": self.room.size,
            "limit": self.room.limit,
            "heads": sum(len(shelf.heads) for shelf in shelves),
            "resources": sum(len(shelf.resources) + shelf.briefs for shelf in shelves),
        }
