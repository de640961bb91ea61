"""RewriteMap txt: and rnd:, files of keys and values.

A line has a key, white space and a value; what follows the value is passed over, lines that begin with # or white space
are comments, the first of several equal keys counts. Lines of more than 1024 octets are several lines.
"""

from __future__ import annotations

import os
import random

from mpmserver.core.errorlog import os_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.maps.base import FileMap
from mpmserver.modules.rewrite.trace import trace

MAX_LINE = 1024
_SPACE = b" \t\n\v\f\r"


class TextMap(FileMap):
    """txt: the file is read once for each of its versions."""

    __slots__ = ("_table",)

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._table: dict[bytes, bytes] | None = None

    def find(self, x: Exchange, key: str) -> str | None:
        table = self._table
        if table is None:
            table = self._table = self._read(x)
        value = table.get(os.fsencode(key))
        return None if value is None else os.fsdecode(value)

    def renewed(self) -> None:
        self._table = None

    def _read(self, x: Exchange) -> dict[bytes, bytes]:
        try:
            with open(self.path, "rb") as file:
                return parse(file.read())
        except IsADirectoryError:
            return {}
        except OSError as error:
            message = f"AH00655: mod_rewrite: can't open text RewriteMap file {self.path}"
            x.server.log(Level.ERROR, "rewrite", f"{os_error(error)}: {message}", x)
            return {}


class RandomMap(TextMap):
    """rnd: the values are separated by |, one of them is the answer."""

    __slots__ = ()

    is_pure = False

    def lookup(self, x: Exchange, key: str) -> str | None:
        found = super().lookup(x, key)
        if found is None:
            return None
        chosen = random.choice(found.split("|"))
        trace(x, 5, f"randomly chosen the subvalue `{chosen}'")
        return chosen or None


def parse(data: bytes) -> dict[bytes, bytes]:
    """Return the table in the contents of a file."""
    table: dict[bytes, bytes] = {}
    for line in data.split(b"\n"):
        for start in range(0, len(line), MAX_LINE):
            piece = line[start : start + MAX_LINE]
            if piece[0] not in _SPACE and piece[:1] != b"#":
                words = piece.split(None, 2)
                if len(words) > 1:
                    table.setdefault(words[0], words[1])
    return table
