"""BufferedLogs: lines are kept in each child until they fill a pipe's worth, and written when it ends.

One buffer stands before each sink. Any thread may write to it; the sink is handed whole lines, several at a time, so
lines of different children never mix.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from mpmserver.core.logs import PIPE_BUF


class LineBuffer:
    """Keeps up to PIPE_BUF bytes of lines before they go to `write`."""

    __slots__ = ("_lines", "_lock", "_size", "_write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0

    def write(self, line: bytes) -> None:
        """Keep a line; what is kept goes out first where there is no room for it, and a line that has none at all."""
        with self._lock:
            if self._size + len(line) > PIPE_BUF:
                self._empty()
            if len(line) >= PIPE_BUF:
                self._write(line)
                return
            self._lines.append(line)
            self._size += len(line)

    def flush(self) -> None:
        """Hand over what is kept: at the end of a child."""
        with self._lock:
            self._empty()

    def _empty(self) -> None:
        if self._lines:
            self._write(b"".join(self._lines))
            self._lines.clear()
            self._size = 0
