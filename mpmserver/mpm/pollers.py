"""epoll, poll and select behind one small surface.

A poller belongs to one thread: `select.poll` is not thread-safe, and for the others it is a rule of ours. All are
level-triggered. Masks are `READ` and `WRITE`; what `wait` returns may also have bits of `GONE` (an error or a full
hang-up), which are reported whether asked for or not, except by select, which shows them as readable.

`register` and `modify` may be called for a descriptor in either state and `unregister` for one that is not there: a
closed descriptor has left an epoll by itself (nobody else has it, nor does a program that is being started), and its
number may have been given away meanwhile.
"""

from __future__ import annotations

import errno
import math
import select
import sys
from collections.abc import Callable
from typing import Protocol

READ = select.POLLIN
WRITE = select.POLLOUT
GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL
FD_SETSIZE = 1024
"""How many descriptors an fd_set has, on every Linux."""

Events = list[tuple[int, int]]


class OutOfDescriptors(OSError):
    """This poller can't wait for so high a descriptor."""


def out_of_descriptors(fd: int) -> OutOfDescriptors:
    """The error of a descriptor that select() can't wait for."""
    return OutOfDescriptors(
        errno.EMFILE,
        f"Multiplexer select is out of descriptors: it can wait for those below {FD_SETSIZE} only, this is"
        f" {fd}; use Multiplexer epoll or poll",
    )


class Poller(Protocol):
    """What the parking lot asks of a multiplexer."""

    sees_hangups: bool
    in_order: bool
    """Whether what became ready first is never reported later than what became ready behind it."""

    most: int
    """Descriptors below this one can be waited for."""

    def listen(self, fd: int) -> None:
        """Wait for a listening socket; where it can be, a connection wakes only one process of all that wait."""

    def register(self, fd: int, mask: int) -> None:
        """Begin to wait for a descriptor. Raises OutOfDescriptors."""

    def modify(self, fd: int, mask: int) -> None:
        """Wait for something else."""

    def unregister(self, fd: int) -> None:
        """Stop waiting for a descriptor."""

    def forget(self, fd: int) -> None:
        """A descriptor has been closed while it was registered."""

    def wait(self, seconds: float | None) -> Events:
        """Return what is ready as (descriptor, mask), after `seconds` an empty list; None waits for ever."""

    def close(self) -> None:
        """Give up; the poller can't be used afterwards."""


class Epoll:
    """Linux's epoll."""

    __slots__ = ("_epoll", "close", "wait")
    sees_hangups = True
    in_order = True
    most = sys.maxsize

    def __init__(self) -> None:
        epoll = self._epoll = select.epoll()
        self.wait: Callable[[float | None], Events] = epoll.poll
        self.close: Callable[[], None] = epoll.close

    def listen(self, fd: int) -> None:
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def register(self, fd: int, mask: int) -> None:
        try:
            self._epoll.register(fd, mask)
        except FileExistsError:
            self._epoll.modify(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def unregister(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBADF):
                raise

    def forget(self, fd: int) -> None:
        """Nothing is to be done: it has left the epoll by being closed."""


class Poll:
    """POSIX poll()."""

    __slots__ = ("_poll", "modify", "register")
    sees_hangups = True
    in_order = False
    most = sys.maxsize

    def __init__(self) -> None:
        poll = self._poll = select.poll()
        self.register: Callable[[int, int], None] = poll.register
        self.modify: Callable[[int, int], None] = poll.register  # it replaces the mask

    def listen(self, fd: int) -> None:
        self._poll.register(fd, READ)

    def unregister(self, fd: int) -> None:
        try:
            self._poll.unregister(fd)
        except KeyError:
            return

    forget = unregister

    def wait(self, seconds: float | None) -> Events:
        events = self._poll.poll(None if seconds is None else math.ceil(seconds * 1000))
        for fd, mask in events:
            if mask & select.POLLNVAL:
                self.unregister(fd)  # closed without a word; poll() would return at once for ever
        return events

    def close(self) -> None:
        self._poll = select.poll()


class Select:
    """POSIX select(): descriptors below FD_SETSIZE only."""

    __slots__ = ("_reads", "_writes")
    sees_hangups = False
    in_order = False
    most = FD_SETSIZE

    def __init__(self) -> None:
        self._reads: set[int] = set()
        self._writes: set[int] = set()

    def listen(self, fd: int) -> None:
        self.register(fd, READ)

    def register(self, fd: int, mask: int) -> None:
        if fd >= FD_SETSIZE:
            raise out_of_descriptors(fd)
        (self._reads.add if mask & READ else self._reads.discard)(fd)
        (self._writes.add if mask & WRITE else self._writes.discard)(fd)

    modify = register

    def unregister(self, fd: int) -> None:
        self._reads.discard(fd)
        self._writes.discard(fd)

    forget = unregister

    def wait(self, seconds: float | None) -> Events:
        try:
            reads, writes, _none = select.select(self._reads, self._writes, (), seconds)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return self._closed()
        masks = dict.fromkeys(reads, READ)
        for fd in writes:
            masks[fd] = masks.get(fd, 0) | WRITE
        return list(masks.items())

    def close(self) -> None:
        self._reads.clear()
        self._writes.clear()

    def _closed(self) -> Events:
        """Drop the descriptors that were closed without a word, and report them as gone."""
        gone = []
        for fd in self._reads | self._writes:
            try:
                select.select((fd,), (), (), 0)
            except OSError:
                gone.append((fd, select.POLLNVAL))
        for fd, _mask in gone:
            self.unregister(fd)
        return gone


MULTIPLEXERS: dict[str, Callable[[], Poller]] = {"epoll": Epoll, "poll": Poll, "select": Select}
