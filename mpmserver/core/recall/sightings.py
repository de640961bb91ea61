"""What has come lately, by hash: much is asked for once and never again, and not worth remembering."""

from __future__ import annotations

from typing import Final

_BYTES: Final = 1 << 14
"""Of each of the two tables of bits."""
_MOST: Final = 1 << 14
"""So many things, and the older table is forgotten: an eighth of the bits, so one in eight is taken for another."""


class Sightings:
    """Two tables of bits; what is in the older one has been seen before the last so many other things."""

    __slots__ = ("_count", "_newer", "_older")

    def __init__(self) -> None:
        self._newer = bytearray(_BYTES)
        self._older = bytearray(_BYTES)
        self._count = 0

    def again(self, mark: int) -> bool:
        """Whether what has this hash has been seen lately; it is noted. Now and then one is taken for another."""
        at, bit = mark >> 3 & _BYTES - 1, 1 << (mark & 7)
        newer = self._newer
        if newer[at] & bit:
            return True
        newer[at] |= bit
        seen = self._older[at] & bit
        self._count += 1
        if self._count >= _MOST:
            self._newer, self._older, self._count = bytearray(_BYTES), newer, 0
        return seen != 0
