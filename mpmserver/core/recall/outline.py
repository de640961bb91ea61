"""Outlines: the log lines that answers for many files have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mpmserver.core.recall.recollection import Line, Recollection

if TYPE_CHECKING:
    from mpmserver.http.gist import Fields

_LINE: Final = b"\x00"
_COUNT: Final = b"\x01"
"""What stands in an outline for the request line and for the body's length: no log writes such octets."""


class Outline(Recollection):
    """What was remembered of one request's log lines, without its request line and the length of its answer's body.

    Outlines of requests that differ in nothing else are equal. Where a line tells more of one file, they aren't.
    """

    __slots__ = ("_bare",)

    def __init__(self, one: Recollection, request_line: bytes, length: int) -> None:
        """Raises ValueError for lines of which there is no outline."""
        self.find, self.timed = one.find, one.timed
        line = _escaped(request_line, 2)
        self._forms = tuple([(_outline(each[0], line, length), *each[1:]) for each in one._forms])
        self._bare: tuple[Line, ...] | None = None
        """The lines, with marks, of a request without any of the fields that they show."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outline) and self._forms == other._forms

    def __hash__(self) -> int:
        return hash(self._forms)

    def lines_of(self, request_line: bytes, length: int, fields: Fields) -> tuple[Line, ...]:
        """The lines of a request with these fields."""
        lines: tuple[Line, ...] = ()
        count = b"%d" % length
        if not fields:
            line = _escaped(request_line, 1) if b"%" in request_line else request_line
            for form, fetch, write in self._bare or self._make_bare():
                lines += ((form.replace(_LINE, line).replace(_COUNT, count), fetch, write),)
            return lines
        line = _escaped(request_line, 2)
        for form, parts, fetch, write in self._forms:
            octets: tuple[bytes, ...] = ()
            for name, text in parts:
                octets += (text(fields.get(name)),)
            lines += ((form.replace(_LINE, line).replace(_COUNT, count) % octets, fetch, write),)
        return lines

    def _make_bare(self) -> tuple[Line, ...]:
        self._bare = self.lines({})
        return self._bare


def _outline(form: bytes, line: bytes, length: int) -> bytes:
    """A line's form with marks, from which the same form can be made again."""
    if _LINE in form or _COUNT in form:
        raise ValueError("a log with octets of ours")
    form = form.replace(line, _LINE)
    for end in (b" ", b"\n"):
        before, found, behind = form.rpartition(b" %d%b" % (length, end))
        if found:
            return b"%b %b%b%b" % (before, _COUNT, end, behind)
    return form


def _escaped(request_line: bytes, times: int) -> bytes:
    """As it stands in what will be filled in so many times."""
    return request_line.replace(b"%", b"%" * 2**times)
