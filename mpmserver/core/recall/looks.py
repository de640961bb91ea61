"""Looks at the disk: how hooks ask whether a file is there, and what was found when an answer is to be remembered.

Hooks that call themselves pure look at nothing but through `x.files`: `DISK`, which is the system call itself, or for a
request whose answer may be remembered a `Looks`, which keeps what each look has found.

Of a directory a look keeps who it is and who may use it, not its times: what is created inside is none of its business.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from operator import attrgetter
from stat import S_ISDIR
from typing import Final, Protocol

Signature = tuple[int, ...]
"""What tells a thing on the disk from what stands in its place later: see `signature`."""
Check = tuple[
    bytes, Callable[[bytes], os.stat_result], Callable[[os.stat_result], Signature], Signature | int
]  # fmt: skip
"""A path, how it is looked at, what is read from there, and what that was: a signature, or the errno of who looks."""
Checks = tuple[Check, ...]

RESTLESS: Final = 2_000_000_000
"""For so many nanoseconds behind a change another one may leave the same times, and a file's tag is a weak one."""
_of_directory: Callable[[os.stat_result], Signature] = attrgetter("st_dev", "st_ino", "st_mode", "st_uid", "st_gid")
_of_other: Callable[[os.stat_result], Signature] = attrgetter(
    "st_dev", "st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns"
)
_stat = os.stat
_lstat = os.lstat


class Files(Protocol):
    """What hooks ask of the disk."""

    def stat(self, path: str, /) -> os.stat_result:
        """As os.stat; raises OSError."""

    def lstat(self, path: str, /) -> os.stat_result:
        """As os.lstat; raises OSError."""


class Disk:
    """The disk itself."""

    __slots__ = ()
    stat = staticmethod(os.stat)
    lstat = staticmethod(os.lstat)


DISK: Final[Files] = Disk()


class Looks:
    """The disk, noting what it is asked."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[tuple[str, bool, os.stat_result | int]] = []
        """Each look in turn: the path, whether a link at its end was followed, and what was there or the errno."""

    def stat(self, path: str, /) -> os.stat_result:
        try:
            status = _stat(path)
        except OSError as error:
            self.found.append((path, True, error.errno or 0))
            raise
        self.found.append((path, True, status))
        return status

    def lstat(self, path: str, /) -> os.stat_result:
        try:
            status = _lstat(path)
        except OSError as error:
            self.found.append((path, False, error.errno or 0))
            raise
        self.found.append((path, False, status))
        return status

    @property
    def torn(self) -> bool:
        """Whether two looks at the same path have found different things: no answer made of both is right."""
        return self.checks() is None

    def checks(self) -> Checks | None:
        """What was found, each path once; None where it is torn."""
        checks: dict[tuple[str, bool], Check] = {}
        for path, follow, status in self.found:
            read = _of_other if isinstance(status, int) else _reader(status)
            what = status if isinstance(status, int) else read(status)
            check = (os.fsencode(path), _stat if follow else _lstat, read, what)
            if checks.setdefault((path, follow), check)[-1] != what:
                return None
        return tuple(checks.values())

    def settled(self, now_ns: int) -> bool:
        """Whether no file was changed so shortly before `now_ns`, when the request came, that the next might not show.

        One that claims to be changed later than that is answered otherwise as time goes by.
        """
        latest = now_ns - RESTLESS
        for _, _, status in self.found:
            if isinstance(status, int) or S_ISDIR(status.st_mode):
                continue
            if status.st_mtime_ns > latest or status.st_ctime_ns > latest:
                return False
        return True

    def at(self, path: str) -> Signature | int | None:
        """What following `path` has found first: its signature or the errno; None where nobody has looked."""
        for asked, follow, status in self.found:
            if follow and asked == path:
                return status if isinstance(status, int) else signature(status)
        return None

    def name_of(self, what: Signature) -> str | None:
        """A path under which this thing was found; None where nobody has looked at it."""
        for path, _, status in self.found:
            if not isinstance(status, int) and signature(status) == what:
                return path
        return None


class Seen:
    """What was seen of the disk, and for how long that is taken for what is there."""

    __slots__ = ("checks", "look", "valid_until")

    def __init__(self) -> None:
        self.checks: Checks = ()
        self.look = False
        """Whether that is to be looked at each time, as nobody tells of changes."""
        self.valid_until = 0.0
        """When it is looked at in any case."""

    def hold(self, now: float, seconds: float) -> None:
        """Take the kernel's word for so long, at most: up to the end of a second, where that is no less than one.

        What is dated by the second asks once in each whether it holds, and then needn't again.
        """
        self.valid_until = (now if seconds < 1 else int(now)) + seconds

    def is_fresh(self, now: float, seconds: float) -> bool:
        """Whether all is as it was, by what is known of it or by a look, which holds for so many seconds."""
        if self.look:
            return unchanged(self.checks)
        if now < self.valid_until <= now + seconds:  # else a clock was set back
            return True
        self.hold(now, seconds)
        return unchanged(self.checks)


def signature(status: os.stat_result) -> Signature:
    """What stays the same for as long as a thing on the disk is the same: five numbers of a directory, six of others.

    Device, inode and mode, then a directory's owner and group; of all else size, modification and change.
    """
    return _reader(status)(status)


def _reader(status: os.stat_result) -> Callable[[os.stat_result], Signature]:
    return _of_directory if S_ISDIR(status.st_mode) else _of_other


def unchanged(checks: Checks) -> bool:
    """Look at each again: whether all is as it was. (What has become a directory, or was one, has another mode.)"""
    for path, look, read, was in checks:
        try:
            if read(look(path)) != was:
                return False
        except OSError as error:
            if error.errno != was:
                return False
    return True
