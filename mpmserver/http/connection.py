"""What a client's Connection field says about the connection (RFC 9110 7.6.1)."""

from __future__ import annotations

from typing import Final

from mpmserver.http.cache import Cache
from mpmserver.http.syntax import token_pattern

_CLOSE = token_pattern("close")
_KEEP_ALIVE = token_pattern("keep-alive")


def _read(connection: str) -> tuple[bool, bool]:
    return _KEEP_ALIVE.search(connection) is not None, _CLOSE.search(connection) is not None


OPTIONS: Final = Cache(_read, most=64, longest=64)
"""By the text of a Connection field: whether it asks to keep the connection, and whether it asks to close it."""


def connection_options(connection: str | None) -> tuple[bool, bool]:
    """As ``OPTIONS`` says; neither where there is no such field."""
    return OPTIONS[connection or ""]
