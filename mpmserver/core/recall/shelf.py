"""What is remembered for one local address, and how an answer is found by a head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mpmserver.core.recall.record import Kept, Record, key_of
from mpmserver.http.gist import sieve, within

if TYPE_CHECKING:
    from mpmserver.core.recall.brief import Brief, Key, Terms
    from mpmserver.core.recall.ground import Ground
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.recall.moment import Moment
    from mpmserver.http.limits import HeadLimits
    from mpmserver.http.request import Request

MOST_FAMILIES: Final = 4
"""By so many sieves a head is looked for in vain at most."""


class Gists(NamedTuple):
    """What is known of plain heads with one request line."""

    deciding: frozenset[str]
    """All request fields that a hook has asked for in any of them, so those of `records` and perhaps more."""
    sieve: Callable[[bytes], bytes]
    """What gives the gist of a head for which those fields decide."""
    records: dict[bytes, Record]
    """By gist, what answers such a head."""


class Family(NamedTuple):
    """Answers in brief for which no other fields decide than these; as `Gists`, of whatever request line."""

    deciding: frozenset[str]
    sieve: Callable[[bytes], bytes]
    briefs: dict[bytes, Brief]


class Shelf:
    """What is remembered for one local address."""

    __slots__ = ("families", "gists", "heads", "recall", "resources", "terms")

    def __init__(self, recall: Recall) -> None:
        self.recall = recall
        self.heads: dict[bytes, Kept] = {}
        """Level 1."""
        self.resources: dict[Any, tuple[Record, ...]] = {}
        """Level 2: by what every answer depends on, those that were made for different fields."""
        self.gists: dict[bytes, Gists] = {}
        """The short way to level 2, by request line."""
        self.families: tuple[Family, ...] = ()
        """Level 2 of what is remembered in brief."""
        self.terms: dict[Key, Terms] = {}

    @property
    def briefs(self) -> int:
        """How many there are."""
        return sum([len(family.briefs) for family in self.families])

    def by_gist(self, head: bytes, limits: HeadLimits) -> Record | None:
        """Level 2: what answers a head, where one with its gist has been parsed; it may have to be looked at."""
        known = self.gists.get(head[: head.find(b"\r")])
        if known is None:
            return None
        record = known.records.get(known.sieve(head))
        return record if record is not None and within(limits, head) else None

    def in_brief(self, head: bytes, limits: HeadLimits) -> Brief | None:
        """What answers a head in brief; it may have to be looked at. Most heads of programs are their own gists."""
        for _, gist_of, briefs in self.families:
            brief = briefs.get(head)
            if brief is None:
                brief = briefs.get(gist_of(head))
                if brief is not None and not within(limits, head):
                    return None
            if brief is not None:
                return brief
        return None

    def resource(self, request: Request) -> Record | None:
        """Level 2: what answers a request that has been parsed; it may have to be looked at."""
        for record in self.resources.get(key_of(request), ()):
            if record.suits(request.headers.joined):
                return record
        return None

    def holds(self, ground: Ground, moment: Moment) -> bool:
        """Whether a record, or the terms of briefs, may be used now; dates it. What may not be used is forgotten."""
        recall = self.recall
        if ground.stale or not recall.is_fresh(ground, moment.request_time):
            recall.forget(ground)
            return False
        ground.date(moment)
        return True

    def family(self, deciding: frozenset[str]) -> Family | None:
        """Where a brief belongs for which these fields decide; None where it would be one family more than are had."""
        for family in self.families:
            if deciding <= family.deciding:
                return family
        if len(self.families) >= MOST_FAMILIES:
            return None
        made = Family(deciding, sieve(deciding), {})
        self.families = (*self.families, made)
        return made
