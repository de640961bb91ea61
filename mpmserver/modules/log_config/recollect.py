"""How the lines of remembered answers are written: nearly all of a line is the same each time, and kept as a template.

A line becomes a template of bytes with places for what differs. In the common formats that is the client and the time
alone, which one call fetches from the `Moment`. What the request's fields say is the same, too, for a head that is
known byte by byte; for another head of the same resource those parts are made from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from mpmserver.core.recall.recollection import Fetch, FieldPart, Part, RememberedLine, Write
from mpmserver.modules.log_config.format import Format, Token
from mpmserver.modules.log_config.items import Live, OfField, Unknown

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

KEPT = 256
"""How many functions are kept that the lines of many answers share."""


def remembered_line(form: Format, write: Write, first: Exchange) -> RememberedLine | None:
    """How a log writes the line of such a request; None where that can't be told from memory."""
    pieces: list[bytes | Live | OfField] = []
    for piece in form.pieces:
        found = _octets(piece) if isinstance(piece, str) else _piece(piece, first)
        if found is None:
            return None
        pieces.append(found)
    live = tuple([piece for piece in pieces if isinstance(piece, Live)])
    return RememberedLine(_parts(pieces), _fetcher(live), write, timed=any(piece.timed for piece in live))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _piece(token: Token, first: Exchange) -> bytes | Live | OfField | None:
    """A token's text at a hit: as it is now, or how it is found; None where it can't be."""
    if not token.wanted(first):
        return b"-"
    x, item = token.of(first), token.item
    again = item.again
    if again is None or (isinstance(again, OfField) and x.headers_in is not first.request.headers):
        # fields that a module has changed were all looked at, so no request with others is answered like this one
        return _octets(item.render(x))
    if isinstance(again, Unknown):
        return b"-" if item.render(x) == "-" else None
    return again


def _parts(pieces: Sequence[bytes | Live | OfField]) -> tuple[Part, ...]:
    """A template, in parts between those that fields decide."""
    parts: list[Part] = []
    text = b""
    for piece in pieces:
        if isinstance(piece, OfField):
            parts += [text, _field_part(piece)]
            text = b""
        else:
            text += piece.place if isinstance(piece, Live) else piece.replace(b"%", b"%%")
    return (*parts, text)


@lru_cache(maxsize=KEPT)
def _field_part(piece: OfField) -> FieldPart:
    text = piece.text
    return FieldPart(
        piece.name.lower(),
        lambda value: _octets(text(value)),
        piece.as_is,
    )


@lru_cache(maxsize=KEPT)
def _fetcher(places: tuple[Live, ...]) -> Fetch:
    """What fetches the values of all places at once: by a single call where all of several are attributes."""
    attributes = [place.attribute for place in places if place.attribute is not None]
    if len(attributes) == len(places) > 1:
        return attrgetter(*attributes)
    values = [place.value for place in places]
    return lambda moment: tuple([value(moment) for value in values])
