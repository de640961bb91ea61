"""The clients that digest authentication keeps in mind, in memory that all children of a generation share.

Only sections with AuthDigestNcCheck On, or with nonces for one use, need them: a client is a number (its `opaque`) with
the last nonce that it used and how often. The table has AuthDigestShmemSize bytes, a header and entries that are
chained by bucket, the one used last first; when it is full the last entry of each bucket goes, and its client has to
get a new nonce. Made in the parent before any fork; every access holds a lock that the kernel frees when a child dies.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mpmserver.records import dataclass

LEAST: Final = 88
"""Bytes: what AuthDigestShmemSize may not be below."""
_LIST, _OVERHEAD, _POINTER, _ENTRY = 48, 160, 8, 56
_DEPTH = _POINTER + 5 * 32
"""What Apache needs for the table, a bucket and a client, so that a size means as many clients here."""

_HEADER = struct.Struct("=QQQQQII")  # numbers given, one-time nonces, made, removed, renewed, entries used, first free
_LINK = struct.Struct("=I")
_SLOT = struct.Struct("=QQqI")  # number, nonce count, time of the last nonce, next entry of the bucket
NEVER: Final = -(1 << 63)


class Full(Exception):
    """There is no room for even one client."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What making room came to: entries that went, and since the start those made, removed and renewed."""

    entries: int
    made: int
    removed: int
    renewed: int


@dataclass(frozen=True, slots=True)
class Made:
    """A new client's number, and what had to be collected for it."""

    number: int
    collected: Collected | None


class Clients:
    """The table; raises OSError where there is no such memory. Any thread of any child may use it."""

    def __init__(self, size: int) -> None:
        self.buckets = max(1, (size - _LIST) // _DEPTH)
        self.capacity = max(0, (size - _OVERHEAD - self.buckets * _POINTER) // _ENTRY)
        self._slots = _HEADER.size + self.buckets * _LINK.size
        length = self._slots + self.capacity * _SLOT.size
        self._fd = os.memfd_create("mpmserver digest clients", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._fd)
        os.ftruncate(self._fd, length)
        self._memory = mmap.mmap(self._fd, length)
        self._threads = threading.Lock()

    def make(self, renewed: bool) -> Made:
        """Enter a new client; raises Full. `renewed`: instead of one that had to go."""
        with self._locked():
            numbers, nonces, made, removed, renewals, used, free = _HEADER.unpack_from(self._memory)
            collected = None
            if not free and used == self.capacity:
                gone, free = self._collect(free)
                removed += gone
                collected = Collected(gone, made, removed, renewals)
            if free:
                entry, free = free, self._slot(free)[3]
            elif used < self.capacity:
                used += 1
                entry = used
            else:
                raise Full
            number = numbers + 1
            made, renewals = (made, renewals + 1) if renewed else (made + 1, renewals)
            _HEADER.pack_into(self._memory, 0, number, nonces, made, removed, renewals, used, free)
            bucket = number % self.buckets
            self._write(entry, (number, 0, NEVER, self._first(bucket)))
            self._set_first(bucket, entry)
            return Made(number, collected)

    def knows(self, number: int) -> bool:
        """Whether a client is still in the table; it counts as used."""
        with self._locked():
            return self._find(number) is not None

    def use(self, number: int, nonce_time: int, count: int | None) -> int | None:
        """Note that a client used a nonce for the `count`th time (None: counts don't matter, each nonce serves once).

        Returns None where that is in order: the nonce is younger than any before, or the same with a higher count;
        otherwise the count so far. Raises KeyError for a client that is not known.
        """
        with self._locked():
            entry = self._find(number)
            if entry is None:
                raise KeyError(number)
            _number, present, last, following = self._slot(entry)
            again = nonce_time == last and count is not None and count > present
            if nonce_time <= last and not again:
                return present
            self._write(entry, (number, min(count or 0, (1 << 64) - 1), nonce_time, following))
            return None

    def next_nonce(self) -> int:
        """The number of a new nonce for one use."""
        with self._locked():
            numbers, nonces, *rest = _HEADER.unpack_from(self._memory)
            _HEADER.pack_into(self._memory, 0, numbers, nonces + 1, *rest)
            return int(nonces) + 1

    def _collect(self, free: int) -> tuple[int, int]:
        """Take the last entry out of each bucket; returns how many there were, and the new first free entry."""
        gone = 0
        for bucket in range(self.buckets):
            before, entry = 0, self._first(bucket)
            while entry and (following := self._slot(entry)[3]):
                before, entry = entry, following
            if not entry:
                continue
            self._relink(bucket, before, 0)
            self._write(entry, (0, 0, NEVER, free))
            free, gone = entry, gone + 1
        return gone, free

    def _find(self, number: int) -> int | None:
        """The entry of a client, moved to the front of its bucket."""
        bucket = number % self.buckets
        before, entry = 0, self._first(bucket)
        while entry:
            found, count, last, following = self._slot(entry)
            if found == number:
                if before:
                    self._relink(bucket, before, following)
                    self._write(entry, (found, count, last, self._first(bucket)))
                    self._set_first(bucket, entry)
                return entry
            before, entry = entry, following
        return None

    def _relink(self, bucket: int, before: int, following: int) -> None:
        """Let `following` come behind the entry `before`, or first where that is none."""
        if not before:
            self._set_first(bucket, following)
            return
        number, count, last, _following = self._slot(before)
        self._write(before, (number, count, last, following))

    def _first(self, bucket: int) -> int:
        entry: int = _LINK.unpack_from(self._memory, _HEADER.size + bucket * _LINK.size)[0]
        return entry

    def _set_first(self, bucket: int, entry: int) -> None:
        _LINK.pack_into(self._memory, _HEADER.size + bucket * _LINK.size, entry)

    def _slot(self, entry: int) -> tuple[int, int, int, int]:
        number, count, last, following = _SLOT.unpack_from(self._memory, self._slots + (entry - 1) * _SLOT.size)
        return number, count, last, following

    def _write(self, entry: int, values: tuple[int, int, int, int]) -> None:
        _SLOT.pack_into(self._memory, self._slots + (entry - 1) * _SLOT.size, *values)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else is in the table: no thread of this process, and no other process."""
        with self._threads:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)
