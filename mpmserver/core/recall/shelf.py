"""What is remembered for one local address, and how an answer is found by a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mpmserver.core.recall.record import Kept, Record, key_of
from mpmserver.http.gist import ABSENT, sieve, within

if TYPE_CHECKING:
    from mpmserver.core.recall.brief import Brief, Key, Terms
    from mpmserver.core.recall.ground import Ground
    from mpmserver.core.recall.memory import Recall
    from mpmserver.core.recall.moment import Moment
    from mpmserver.http.gist import Fields, Sieve
    from mpmserver.http.limits import HeadLimits
    from mpmserver.http.request import Request

MOST_FAMILIES: Final = 4
"""By so many sieves a head is looked for in vain at most."""


Names = tuple[frozenset[str], frozenset[str], frozenset[str]]
"""Request fields: those that decide, those that log lines show, and those of these that are not shown as they are."""


class Gists(NamedTuple):
    """What is known of plain heads with one request line."""

    names: Names
    """Of all that `records` has, or has had."""
    sieve: Sieve
    """What gives the gist of a head for which those fields decide."""
    records: dict[bytes, Kept]
    """By gist, what answers such a head, with the log lines of one that shows all fields as they are."""


class Family(NamedTuple):
    """Answers in brief for which no other fields decide than these; as `Gists`, of whatever request line."""

    names: Names
    sieve: Sieve
    briefs: dict[bytes, Brief]
    """By request line and gist."""


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

    def by_gist(self, head: bytes, limits: HeadLimits, moment: Moment) -> Kept | None:
        """Level 2: what answers a head, where one with its gist has been parsed; it may have to be looked at."""
        line, _, fields = head.partition(b"\r\n")
        known = self.gists.get(line)
        if known is None or (len(head) > limits.few and not within(limits, head)):
            return None
        _, (match, _, deciding, shown), by_gist = known
        found = match(fields)
        if found is None:
            return None
        groups = found.groups(ABSENT)
        kept = by_gist.get(b"\n".join(groups[deciding]))
        if kept is None:
            return None
        if groups[-1]:
            moment.shown = groups[shown]
            return kept
        record = kept[0]
        return record, record.recollection.of_head(known.sieve.fields(groups))

    def in_brief(self, head: bytes, limits: HeadLimits) -> tuple[Brief, Fields] | None:
        """What answers a head in brief, with the fields that its log lines show; it may have to be looked at."""
        if not self.families or (len(head) > limits.few and not within(limits, head)):
            return None
        line, _, fields = head.partition(b"\r\n")
        for (_, shown, _), known, briefs in self.families:
            found = known.match(fields)
            if found is None:
                continue
            groups = found.groups(ABSENT)
            brief = briefs.get(b"\n".join((line, *groups[known.deciding])))
            if brief is not None:
                none = groups[-1] and groups[known.shown].count(ABSENT) == len(shown)  # of those that are shown
                return (brief, {} if none else known.fields(groups))
        return None

    def resource(self, request: Request) -> Record | None:
        """Level 2: what answers a request that has been parsed; it may have to be looked at."""
        for record in self.resources.get(key_of(request), ()):
            if record.asked.suits(request.headers.joined):
                return record
        return None

    def holds(self, ground: Ground, moment: Moment) -> bool:
        """Whether a record, or the terms of briefs, may be used now; dates it. What may not be used is forgotten."""
        recall = self.recall
        if ground.stale or not ground.is_fresh(moment.request_time, recall.revalidate):
            recall.forget(ground)
            return False
        ground.date(moment)
        return True

    def family(self, names: Names) -> Family | None:
        """Where a brief belongs for which these fields decide; None where it would be one family more than are had."""
        for family in self.families:
            if all(few <= many for few, many in zip(names, family.names, strict=True)):
                return family
        if len(self.families) >= MOST_FAMILIES:
            return None
        made = Family(names, sieve(*names), {})
        self.families = (*self.families, made)
        return made
