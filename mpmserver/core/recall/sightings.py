"""What has come lately, by hash: much is asked for once and never again, and not worth remembering."""

from __future__ import annotations

from typing import Final

_PLACES: Final = 1 << 15
"""One byte each."""


class Sightings:
    """A byte of each hash, in a place that the rest of it chooses, until another one takes that.

    So what came last is known, and what came long ago is forgotten: two thirds of it when as many others have come as
    there are places. 0 is no such byte: where nothing has come, nothing is known.
    """

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places = bytearray(_PLACES)

    def again(self, mark: int) -> bool:
        """Whether what has this hash has been seen lately; it is noted. One in 256 is taken for another."""
        places, at, kept = self._places, mark & _PLACES - 1, mark >> 16 & 255 or 1
        if places[at] == kept:
            return True
        places[at] = kept
        return False
