"""RewriteMap int: functions that Apache has built in. Letters are ASCII letters."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from mpmserver.core.exchange import Exchange
from mpmserver.http.text import to_lower, to_upper
from mpmserver.http.uri import escape_uri
from mpmserver.modules.rewrite.maps.base import RewriteMap
from mpmserver.modules.rewrite.trace import trace


def _unescape(key: str) -> str:
    return os.fsdecode(unquote_to_bytes(os.fsencode(key)).partition(b"\0")[0])


FUNCTIONS: dict[str, tuple[Callable[[str], str], bool]] = {
    "toupper": (to_upper, True),
    "tolower": (to_lower, True),
    "escape": (escape_uri, False),
    "unescape": (_unescape, True),
}
"""Each function, and whether it changes the key itself, as the trace shows."""


class InternalMap(RewriteMap):
    """One function."""

    __slots__ = ("_changes_key", "_function")

    is_pure = True

    def __init__(self, name: str, function: str) -> None:
        """`function` is one of FUNCTIONS."""
        super().__init__(name)
        self._function, self._changes_key = FUNCTIONS[function]

    def lookup(self, x: Exchange, key: str) -> str | None:
        value = self._function(key)
        trace(x, 5, f"map lookup OK: map={self.name} key={value if self._changes_key else key} -> val={value}")
        return value
