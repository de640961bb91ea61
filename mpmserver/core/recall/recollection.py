"""What LOG hooks have remembered of a request: how the next ones like it write the same lines.

A hook's `remember` is called behind an answer that may be remembered and gives a `RememberedLine` for each line that it
has written, or None where such lines can't be written from memory. Most lines differ in the client and the time
alone, so nearly all of a line is the same each time: a template of bytes with places for what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mpmserver.http.gist import ABSENT, Fields

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.moment import Moment
    from mpmserver.http.gist import Sieve

FETCHES: Final = 256
"""How many functions are kept that the lines of many answers share."""

Fetch = Callable[["Moment"], tuple[Any, ...]]
Write = Callable[[bytes], object]
Line = tuple[bytes, Fetch, Write]
"""`write(template % fetch(moment))` writes it."""


class FieldPart(NamedTuple):
    """A part of a line that one field of the request decides."""

    name: str
    """In lower case."""
    octets: Callable[[str], bytes]
    """Its text, for the field's value; where there is none it is `ABSENT`."""
    as_is: bool = False
    """Whether it is the value itself, where `http/gist.py` finds nothing in that to be escaped."""

    def template(self, fields: Fields) -> bytes:
        """Its text for a request with these fields, as a part of a template."""
        value = fields.get(self.name)
        return ABSENT if value is None else self.octets(value).replace(b"%", b"%%")


Part = bytes | FieldPart
"""A part of a line: of a template, or what it is for a request with other fields."""


class RememberedLine:
    """One line of a kind of request, whatever fields the request has that nothing but the log looks at."""

    __slots__ = ("fetch", "parts", "timed", "write")

    def __init__(self, parts: tuple[Part, ...], fetch: Fetch, write: Write, *, timed: bool = False) -> None:
        """`fetch` gives what fills the places of the template; `timed`: it looks at `Moment.micros`."""
        self.parts = parts
        self.fetch = fetch
        self.write = write
        self.timed = timed

    def of_head(self, fields: Fields) -> Line:
        """The line of a head with these fields."""
        parts = [part if isinstance(part, bytes) else part.template(fields) for part in self.parts]
        return b"".join(parts), self.fetch, self.write

    def of_gist(self, fields: Fields, known: Sieve) -> Line:
        """The line of all heads that have the gist of one with these fields: what is shown as it is has places, too."""
        shown = known.names[known.shown]
        template = b""
        order: list[int] = []
        here = 0
        """How many of the moment's places are on the left."""
        behind = sum([_places(part) for part in self.parts])
        for part in self.parts:
            if isinstance(part, FieldPart) and part.name in shown:
                template += b"%b"
                order.append(behind + shown.index(part.name))
            else:
                template += part if isinstance(part, bytes) else part.template(fields)
                order += range(here, here + _places(part))
                here += _places(part)
        fetch = self.fetch if len(order) == here else _with_shown(self.fetch, tuple(order), behind + len(shown))
        return template, fetch, self.write


def _places(part: Part) -> int:
    """How many places of the moment's a part has."""
    return part.replace(b"%%", b"").count(b"%") if isinstance(part, bytes) else 0


@lru_cache(maxsize=FETCHES)
def _with_shown(fetch: Fetch, order: tuple[int, ...], count: int) -> Fetch:
    """What fetches the values of the moment and then those that are shown, which are so many in all, in this order."""
    if order == tuple(range(count)):
        return lambda moment: fetch(moment) + moment.shown
    ordered = itemgetter(*order)  # of a single one that is the value itself, which suits a template as well
    return lambda moment: ordered(fetch(moment) + moment.shown)


class Recollection:
    """All lines of one kind of request."""

    __slots__ = ("remembered", "timed")

    def __init__(self, remembered: tuple[RememberedLine, ...]) -> None:
        self.remembered = remembered
        self.timed = any(each.timed for each in remembered)
        """Whether a line shows how long the answer took: else nobody needs to read a clock for it."""

    @property
    def shown(self) -> frozenset[str]:
        """The fields that lines show."""
        return frozenset([part.name for part in self._field_parts])

    @property
    def read(self) -> frozenset[str]:
        """Those of them that a line doesn't show as they are."""
        return frozenset([part.name for part in self._field_parts if not part.as_is])

    @property
    def _field_parts(self) -> list[FieldPart]:
        return [part for each in self.remembered for part in each.parts if isinstance(part, FieldPart)]

    def of_head(self, fields: Fields) -> tuple[Line, ...]:
        """The lines of a head with these fields."""
        return tuple([each.of_head(fields) for each in self.remembered])

    def of_gist(self, fields: Fields, known: Sieve) -> tuple[Line, ...]:
        """The lines of all heads that have the gist of one with these fields, and show all other fields as they are."""
        return tuple([each.of_gist(fields, known) for each in self.remembered])


def recollection(x: Exchange) -> Recollection | None:
    """What all LOG hooks together remember of a request (the first of its chain); None where one of them can't."""
    remembered: list[RememberedLine] = []
    for step in x.plan.log:
        found = None if step.hook.remember is None else step.hook.remember(x)
        if found is None:
            return None
        remembered += found
    return Recollection(tuple(remembered))
