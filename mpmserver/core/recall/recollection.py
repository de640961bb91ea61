"""What LOG hooks have remembered of a request: how the next ones like it write the same lines.

A hook's `remember` is called behind an answer that may be remembered and gives a `RememberedLine` for each line that it
has written, or None where such lines can't be written from memory. Most lines differ in the client and the time
alone, so nearly all of a line is the same each time: a template of bytes with places for what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.moment import Moment
    from mpmserver.http.headers import Headers

Fetch = Callable[["Moment"], object]
Write = Callable[[bytes], object]
Line = tuple[bytes, Fetch, Write]
"""`write(template % fetch(moment))` writes it."""
Part = bytes | Callable[["Headers"], bytes]
"""A part of a template: as it is, or what it is for a request with other fields."""


class RememberedLine:
    """One line of a kind of request, whatever fields the request has that nothing but the log looks at."""

    __slots__ = ("fetch", "parts", "timed", "write")

    def __init__(self, parts: tuple[Part, ...], fetch: Fetch, write: Write, *, timed: bool = False) -> None:
        """`fetch` gives what fills the places of the template; `timed`: it looks at `Moment.micros`."""
        self.parts = parts
        self.fetch = fetch
        self.write = write
        self.timed = timed

    def line(self, headers: Headers) -> Line:
        """The line of requests with these fields."""
        template = b"".join([part if type(part) is bytes else part(headers) for part in self.parts])  # type: ignore[operator]
        return template, self.fetch, self.write


class Recollection:
    """All lines of one kind of request."""

    __slots__ = ("remembered", "timed")

    def __init__(self, remembered: tuple[RememberedLine, ...]) -> None:
        self.remembered = remembered
        self.timed = any(each.timed for each in remembered)
        """Whether a line shows how long the answer took: else nobody needs to read a clock for it."""

    def lines(self, headers: Headers) -> tuple[Line, ...]:
        """The lines of requests with these fields."""
        return tuple([each.line(headers) for each in self.remembered])


def recollection(x: Exchange) -> Recollection | None:
    """What all LOG hooks together remember of a request (the first of its chain); None where one of them can't."""
    remembered: list[RememberedLine] = []
    for step in x.plan.log:
        found = None if step.hook.remember is None else step.hook.remember(x)
        if found is None:
            return None
        remembered += found
    return Recollection(tuple(remembered))
