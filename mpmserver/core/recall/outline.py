"""Outlines: the log lines that answers for many files have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpmserver.core.recall.recollection import Line, Part, Recollection, RememberedLine

if TYPE_CHECKING:
    from mpmserver.http.gist import Fields

_LINE: Final = b"\x00"
_COUNT: Final = b"\x01"
"""What stands in an outline for the request line and for the body's length: no log writes such octets."""


class Outline(Recollection):
    """What was remembered of one request's log lines, without its request line and the length of its answer's body.

    Outlines of requests that differ in nothing else are equal. Where a line tells more of one file, they aren't.
    """

    __slots__ = ("_bare", "_key", "_shown")

    def __init__(self, one: Recollection, request_line: bytes, length: int) -> None:
        """Raises ValueError for lines of which there is no outline."""
        line = request_line.replace(b"%", b"%%")  # as it stands in a template
        super().__init__(tuple([_outline(each, line, length) for each in one.remembered]))
        self._key = tuple([(each.parts, each.fetch, each.write) for each in self.remembered])
        self._shown = self.shown
        self._bare = self.of_head({})
        """The lines, with marks, of a request without any of the fields that they show."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outline) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def lines_of(self, request_line: bytes, length: int, fields: Fields) -> tuple[Line, ...]:
        """The lines of a request with these fields."""
        lines: tuple[Line, ...] = ()
        count, line = b"%d" % length, request_line.replace(b"%", b"%%")
        for template, fetch, write in self._bare if self._shown.isdisjoint(fields) else self.of_head(fields):
            lines += ((template.replace(_LINE, line).replace(_COUNT, count), fetch, write),)
        return lines


def _outline(one: RememberedLine, line: bytes, length: int) -> RememberedLine:
    """A line with marks, from which the same line can be made again."""
    parts: list[Part] = []
    for part in one.parts:
        if isinstance(part, bytes) and (_LINE in part or _COUNT in part):
            raise ValueError("a log with octets of ours")
        parts.append(part.replace(line, _LINE) if isinstance(part, bytes) else part)
    for end in (b" ", b"\n"):
        for at in range(len(parts) - 1, -1, -1):
            part = parts[at]
            before, found, behind = part.rpartition(b" %d%b" % (length, end)) if isinstance(part, bytes) else (b"",) * 3
            if found:
                parts[at] = b"%b %b%b%b" % (before, _COUNT, end, behind)
                return RememberedLine(tuple(parts), one.fetch, one.write, timed=one.timed)
    return RememberedLine(tuple(parts), one.fetch, one.write, timed=one.timed)
