"""Reading pieces of a database file without a position of its own, so that any thread may."""

from __future__ import annotations

import os
import struct
from types import TracebackType
from typing import NoReturn


class DbmError(Exception):
    """A file that isn't what it should be; the message says how, `code` is the number that APR has for it."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


LIBRARY_ERRORS = 120000
"""Where APR's numbers for the errors of DBM libraries begin."""
EINVAL = LIBRARY_ERRORS + 22
"""What Berkeley DB says about a file that isn't its own."""


class Pages:
    """An open file: a context manager that hands out pieces."""

    __slots__ = ("_code", "_fd", "path", "size")

    def __init__(self, path: str, code: int = EINVAL) -> None:
        """`code` goes into each DbmError about the contents. Raises OSError."""
        self.path = path
        self._code = code
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self.size = os.fstat(self._fd).st_size

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` octets; raises DbmError where the file ends before."""
        data = os.pread(self._fd, length, offset) if offset >= 0 <= length <= self.size else b""
        if len(data) != length:
            self.fail("the file ends too early")
        return data

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        """Return the numbers of the form `form` (as in `struct`) at `offset`."""
        return struct.unpack(form, self.read(offset, struct.calcsize(form)))

    def fail(self, message: str) -> NoReturn:
        raise DbmError(f"{self.path}: {message}", self._code)
