"""Output that waits for the client, first in first out: a buffer that moves to disk when it grows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

IN_MEMORY = 1 << 20
PIECE = 65536


class Spool:
    """Used by the one coroutine that serves the request. What is in memory came before what is in the file."""

    __slots__ = ("_fd", "_memory", "_read_at", "_write_at", "size")

    def __init__(self) -> None:
        self.size = 0
        """Bytes that wait."""
        self._memory: bytes | bytearray = b""
        """A bytearray where there was more than one piece."""
        self._fd = -1
        self._read_at = 0
        self._write_at = 0

    def put(self, data: bytes) -> None:
        """Append; raises OSError where the disk is full."""
        if self._fd < 0 and self.size + len(data) <= IN_MEMORY:
            if not self.size:
                self._memory = data
            else:
                if isinstance(self._memory, bytes):
                    self._memory = bytearray(self._memory)
                self._memory += data
            self.size += len(data)
            return
        if self._fd < 0:
            self._fd, name = tempfile.mkstemp(prefix="mpmserver-")
            os.unlink(name)
        while data:
            written = os.pwrite(self._fd, data, self._write_at)
            self._write_at += written
            self.size += written
            data = data[written:]

    def cut(self, reader: Callable[[bytes | bytearray], int]) -> None:
        """Have a reader look at what is in memory, and drop as much off its front as it says."""
        count = reader(self._memory)
        self._memory = self._memory[count:]
        self.size -= count

    def take(self) -> bytes:
        """Return some of what has waited longest, b"" where nothing waits."""
        if self._memory:
            data = bytes(self._memory)
            self._memory = b""
            self.size -= len(data)
            return data
        if self._fd < 0:
            return b""
        data = os.pread(self._fd, min(PIECE, self._write_at - self._read_at), self._read_at)
        self._read_at += len(data)
        self.size -= len(data)
        if self._read_at == self._write_at:
            self.close()
        return data

    def close(self) -> None:
        """Release the file; what was in it is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.size -= self._write_at - self._read_at
            self._read_at = self._write_at = 0
