"""RewriteMap dbm: and dbm=TYPE:, DBM files; the key is looked up as it is, the answer is the whole value."""

from __future__ import annotations

import os

from mpmserver.core import dbm
from mpmserver.core.exchange import Exchange
from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.maps.base import FileMap


class DbmMap(FileMap):
    """One database."""

    __slots__ = ("type",)

    kind = "dbm"

    def __init__(self, name: str, path: str, type_: str) -> None:
        super().__init__(name, path)
        self.type = type_
        self.files = dbm.files(type_, path)

    def find(self, x: Exchange, key: str) -> str | None:
        try:
            value = dbm.fetch(self.type, self.path, os.fsencode(key))
        except dbm.DbmError as error:
            message = f"AH00656: mod_rewrite: can't open DBM RewriteMap {self.path}"
            x.server.log(Level.ERROR, "rewrite", f"{dbm.reason(error)}: {message}", x)
            return None
        return None if value is None else os.fsdecode(value.partition(b"\0")[0])

    def complaint(self, number: int) -> str:
        which = "AH00663" if number else "AH00662"
        return f"{which}: mod_rewrite: can't access DBM RewriteMap file {self.files[number]}"
