"""What LOG hooks have remembered of a request: how the next ones like it write the same lines.

A hook's `remember` is called behind an answer that may be remembered and gives a `RememberedLine` for each line that it
has written, or None where such lines can't be written from memory. Most lines differ in the client and the time
alone, so nearly all of a line is the same each time: a template of bytes with places for what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mpmserver.http.gist import Fields, finder

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.moment import Moment

Fetch = Callable[["Moment"], object]
Write = Callable[[bytes], object]
Line = tuple[bytes, Fetch, Write]
"""`write(template % fetch(moment))` writes it."""


class FieldPart(NamedTuple):
    """A part of a template that one field of the request decides."""

    name: str
    """In lower case."""
    octets: Callable[[str | None], bytes]
    """Its text, for the field's value or None where there is none."""


Part = bytes | FieldPart
"""A part of a template: as it is, or what it is for a request with other fields."""


class RememberedLine:
    """One line of a kind of request, whatever fields the request has that nothing but the log looks at."""

    __slots__ = ("fetch", "form", "parts", "timed", "write")

    def __init__(self, parts: tuple[Part, ...], fetch: Fetch, write: Write, *, timed: bool = False) -> None:
        """`fetch` gives what fills the places of the template; `timed`: it looks at `Moment.micros`."""
        self.form = b"".join([part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in parts])
        """What makes the template: with a place for each of `parts`."""
        self.parts = tuple([part for part in parts if isinstance(part, FieldPart)])
        self.fetch = fetch
        self.write = write
        self.timed = timed


class Recollection:
    """All lines of one kind of request."""

    __slots__ = ("_forms", "find", "timed")

    def __init__(self, remembered: tuple[RememberedLine, ...]) -> None:
        self._forms = tuple([(each.form, each.parts, each.fetch, each.write) for each in remembered])
        self.find = finder(frozenset([part.name for each in remembered for part in each.parts]))
        """Finds the fields that the lines show, and no others, in a plain head."""
        self.timed = any(each.timed for each in remembered)
        """Whether a line shows how long the answer took: else nobody needs to read a clock for it."""

    def lines(self, fields: Fields) -> tuple[Line, ...]:
        """The lines of requests with these fields. (Loops: comprehensions' calls would be most of the cost.)"""
        get = fields.get
        lines: tuple[Line, ...] = ()
        for form, parts, fetch, write in self._forms:
            octets: tuple[bytes, ...] = ()
            for name, text in parts:
                octets += (text(get(name)),)
            lines += ((form % octets, fetch, write),)
        return lines


def recollection(x: Exchange) -> Recollection | None:
    """What all LOG hooks together remember of a request (the first of its chain); None where one of them can't."""
    remembered: list[RememberedLine] = []
    for step in x.plan.log:
        found = None if step.hook.remember is None else step.hook.remember(x)
        if found is None:
            return None
        remembered += found
    return Recollection(tuple(remembered))
