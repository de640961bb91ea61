"""What a request may wait for, as values.

The code that serves a connection is one coroutine that knows no event loop, thread or signal. Where it
must wait it yields one of the values below to its *driver*; an MPM is nothing but a driver with a policy:
block the process, block a thread, or park the coroutine in a poller.

The driver answers each value in one way:

* `Ready`: resumed with the tuple of descriptors that are ready (a hang-up or an error makes a descriptor
  ready), or `TimedOut` is thrown into the coroutine when `seconds` have passed.
* `Offload`: resumed with what the function returned; what it raised is thrown.
* `Sleep`: resumed with None.
* `Work`: resumed with None, from here on on a thread that may block (the event MPM moves the coroutine to
  a worker thread, every other MPM goes straight on).
* `Seat`: resumed with None, from here on counted as a worker that is busy (the event MPM lets as many do so at
  a time as it has threads; a loop first lets others go on).
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Generator
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class TimeoutClass(enum.IntEnum):
    """Why something is waited for: an MPM parks some classes and blocks for others.

    Each (class, seconds) is a queue of deadlines.
    """

    HEAD = 0
    BODY = 1
    KEEP_ALIVE = 2
    WRITE = 3
    LINGER = 4
    HANDSHAKE = 5
    SCRIPT = 6
    PROXY = 7


class TimedOut(Exception):
    """A wait lasted longer than it may; `kind` is its timeout class."""

    def __init__(self, kind: TimeoutClass) -> None:
        super().__init__(kind.name)
        self.kind = kind


class Wait:
    """The base of all values that a coroutine may yield to its driver."""

    __slots__ = ()


class Ready(Wait):
    """Wait until a descriptor of `reads` is readable, of `writes` writable, or of `hangups` reset.

    `hangups` are watched for errors and full hang-ups only (a half-close is legal and is not reported);
    a multiplexer that can't see those (select) leaves them out. `seconds` is None for no limit.

    A loop may call `go_on` where it would resume the coroutine, and goes on waiting, for `seconds` anew, while that
    returns False; other drivers leave it to the coroutine, which calls it again in any case. It raises nothing.
    """

    __slots__ = ("go_on", "hangups", "kind", "reads", "seconds", "writes")

    def __init__(
        self,
        reads: tuple[int, ...],
        writes: tuple[int, ...],
        kind: TimeoutClass,
        seconds: float | None,
        hangups: tuple[int, ...] = (),
        go_on: Callable[[], bool] | None = None,
    ) -> None:
        self.go_on = go_on
        self.reads = reads
        self.writes = writes
        self.kind = kind
        self.seconds = seconds
        self.hangups = hangups


class Offload(Wait):
    """Run a blocking function where it stops nobody."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function


class Sleep(Wait):
    """Wait for a number of seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Work(Wait):
    """From here on this coroutine may block its thread."""

    __slots__ = ()


class Seat(Wait):
    """From here on this request is work for long, though it never blocks its thread (a script is waited for)."""

    __slots__ = ()


WORK = Work()
SEAT = Seat()


@types.coroutine
def wait(value: Wait) -> Generator[Wait, Any, Any]:
    """Yield a wait to the driver and return its answer: the one place where a coroutine suspends."""
    return (yield value)


async def readable(fd: int, kind: TimeoutClass, seconds: float | None) -> None:
    """Return when `fd` is readable; raises `TimedOut`."""
    await wait(Ready((fd,), (), kind, seconds))


async def writable(fd: int, kind: TimeoutClass, seconds: float | None) -> None:
    """Return when `fd` is writable; raises `TimedOut`."""
    await wait(Ready((), (fd,), kind, seconds))


async def ready(
    reads: tuple[int, ...],
    writes: tuple[int, ...],
    kind: TimeoutClass,
    seconds: float | None,
    hangups: tuple[int, ...] = (),
) -> tuple[int, ...]:
    """Return those of the descriptors that are ready; raises `TimedOut`."""
    answer: tuple[int, ...] = await wait(Ready(reads, writes, kind, seconds, hangups))
    return answer


async def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks (cold disk, DNS, a password hash) and return its result."""
    result: T = await wait(Offload(lambda: function(*args, **kwargs)))
    return result


async def sleep(seconds: float) -> None:
    """Return after `seconds`."""
    await wait(Sleep(seconds))


async def work() -> None:
    """Say that what follows may block for long."""
    await wait(WORK)


async def seat() -> None:
    """Say that what follows takes long, but waits for descriptors only."""
    await wait(SEAT)
