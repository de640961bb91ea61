"""inotify(7): the kernel tells of changes on the disk. The system calls through the C library, and the events' bytes.

One instance has one descriptor, which becomes readable when something has happened. A watch belongs to an inode: to
watch it again, whatever the path, gives the same number.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MODIFY: Final = 0x00000002
ATTRIB: Final = 0x00000004
MOVED_TO: Final = 0x00000080
CREATE: Final = 0x00000100
DELETE_SELF: Final = 0x00000400
MOVE_SELF: Final = 0x00000800
UNMOUNT: Final = 0x00002000
OVERFLOW: Final = 0x00004000
"""Events were lost; comes with `watch` -1."""
IGNORED: Final = 0x00008000
"""The watch is gone: it was taken away, or what it watched is no more."""
ONLYDIR: Final = 0x01000000
DONT_FOLLOW: Final = 0x02000000
MASK_ADD: Final = 0x20000000
"""Keep what an inode is watched for already."""

_READ: Final = 1 << 16
_HEAD: Final = struct.Struct("iIII")
_LARGEST: Final = _HEAD.size + 256
"""Bytes of the largest event: its head, and a name of NAME_MAX."""
_libc = ctypes.CDLL(None, use_errno=True)


def _bind(name: str, *arguments: type) -> ctypes._NamedFuncPointer:
    function = getattr(_libc, name)
    function.argtypes = arguments
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]


_init = _bind("inotify_init1", ctypes.c_int)
_add = _bind("inotify_add_watch", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_remove = _bind("inotify_rm_watch", ctypes.c_int, ctypes.c_int)


class Event(NamedTuple):
    """What happened to a watched inode, or to `name` in a watched directory (b"" where it is the inode itself)."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """One instance. Its descriptor is non-blocking, and closed in programs that are executed."""

    __slots__ = ("fd",)

    def __init__(self) -> None:
        """Raises OSError; EMFILE where the user has too many instances."""
        self.fd: int = _init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise _failure()

    def add(self, path: bytes, mask: int) -> int:
        """Watch what `path` leads to; its number. Raises OSError; ENOSPC where the user has too many watches."""
        watch: int = _add(self.fd, path, mask)
        if watch < 0:
            raise _failure()
        return watch

    def remove(self, watch: int) -> None:
        """Watch that no more; one that is gone already is no error. What was told before may still be read."""
        _remove(self.fd, watch)

    def read(self) -> Iterator[Event]:
        """What has happened, oldest first; ends when it has read all that was there, however much comes meanwhile."""
        full = True
        while full:
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            full = len(data) > _READ - _LARGEST
            yield from parse(data)

    def close(self) -> None:
        os.close(self.fd)


def parse(data: bytes) -> Iterator[Event]:
    """The events in what was read: each a head of four numbers, the last of which is its name's padded length."""
    at = 0
    while at < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Event(watch, mask, data[at : at + length].rstrip(b"\0"))
        at += length


def _failure() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
