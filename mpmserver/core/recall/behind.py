"""A file behind a remembered head: what is too large to be kept in memory is sent from the file itself each time.

It is opened anew for each answer, by the name under which it was found: so nothing takes up room for a file that has
been deleted, and no descriptors are held. What is opened has to be what was found, whoever else may tell of changes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from mpmserver.core.recall.looks import signature

if TYPE_CHECKING:
    from mpmserver.core.body import OpenFile, Piece
    from mpmserver.core.recall.looks import Looks, Signature

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_BYTES: Final = 700
"""What one takes (estimated by the sizes of its parts), beside the bytes among its pieces."""


class FileBehind(NamedTuple):
    """A file, and what of it is sent behind the head."""

    path: str
    signature: Signature
    """What tells it from whatever has its name later (`looks.signature`)."""
    pieces: tuple[Piece, ...]
    """As an `OpenFile` has them."""
    span: tuple[int, int] | None
    """The one piece, where there are no others: offset and count."""

    @property
    def size(self) -> int:
        """What it counts for RecallSize."""
        return _BYTES + sum([len(piece) for piece in self.pieces if isinstance(piece, bytes)])

    def open(self) -> int:
        """A descriptor of the file, -1 where it can't be had or is not what it was."""
        try:
            fd = os.open(self.path, _FLAGS)
        except OSError:
            return -1
        if signature(os.fstat(fd)) == self.signature:
            return fd
        os.close(fd)
        return -1


def file_behind(looks: Looks, body: OpenFile) -> FileBehind | None:
    """What remembers a body; None where its file is none that was looked at."""
    found = signature(os.fstat(body.fd))
    path = looks.name_of(found)
    if path is None:
        return None
    spans = [piece for piece in body.pieces if not isinstance(piece, bytes)]
    return FileBehind(path, found, body.pieces, spans[0] if len(body.pieces) == len(spans) == 1 else None)
