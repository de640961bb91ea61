"""The parking lot: who waits for which descriptor, and until when.

An idle connection is parked as it is, a suspended coroutine as a `Task`, the loop's own descriptors as `Watch`es.
Three lists indexed by descriptor say everything: who is parked there, which events the poller has been asked for, and
the queue that holds the deadline.

Rules of the driver:

1. One thread owns the lot. Others leave mail (`Mailbox`) and never touch it.
2. Parking transfers ownership. It is the last act after `send()` returned; then nobody touches the connection or the
   coroutine until the lot gives them back: by an event (`dispatch` of the loop) or by `expire`. Both take what they
   give out of the lot first, so it is given once. (A connection that is answered on the spot, by the same thread and
   without a coroutine, may stay where it is and is renewed.)
3. A slot is cleared by identity: `forget(connection)` after the connection was closed does nothing where the number
   belongs to somebody else by now. A number that comes anew is registered anew, whatever was asked for before.
4. Descriptors that are not the connection's own (pipes, upstreams) are unregistered before their coroutine goes on,
   for it may close them. The connection's own stays registered as long as the lot knows it; where nobody wants to
   read from it and bytes come all the same, its interest is dropped at that event (`strays`).
5. An event may be older than what is parked in its place: a task parked in this very turn is not resumed by it, nor is
   a connection awakened (what it has received may have been sent behind a change that nobody has heard of yet).
6. Expiry of a task is `TimedOut` thrown into the coroutine; of an idle connection, `expired()`.
"""

from __future__ import annotations

import os
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mpmserver.mpm.deadlines import Deadlines, Queue
from mpmserver.mpm.driver import Conversation, masks_of
from mpmserver.mpm.pollers import READ, Events, Poller, out_of_descriptors
from mpmserver.net.waits import Ready, Sleep, TimeoutClass

if TYPE_CHECKING:
    from mpmserver.serve.connection import Connection

UNARMED = -1
"""The poller has not been asked for this descriptor; 0 is a wait for errors and hang-ups alone."""

SPARE = 8
"""The lists grow by a part of this size beyond what is needed."""

Call = Callable[[int, int], None]


class Watch:
    """One of the loop's own descriptors: `call` is called with (descriptor, mask)."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call = call


class Task:
    """A connection's coroutine that has not begun, or has been suspended."""

    __slots__ = (
        "connection", "coroutine", "fds", "go_on", "kind", "may_block", "queue", "renewed", "seconds", "sleeping",
        "turn",
    )  # fmt: skip

    def __init__(self, connection: Connection, coroutine: Conversation) -> None:
        self.connection = connection
        self.coroutine = coroutine
        self.may_block = False
        """It has said `work()`: it goes on only where it may block."""
        self.kind = TimeoutClass.HEAD
        """What it waits for, while it is parked."""
        self.fds: tuple[int, ...] = ()
        self.queue: Queue | None = None
        self.go_on: Callable[[], bool] | None = None
        """What is called in its place while it is parked (`Ready.go_on`)."""
        self.seconds = 0.0
        """How long it waits for a descriptor at most."""
        self.renewed = 0.0
        """When `go_on` was called last: its time runs from there."""
        self.sleeping = False
        """It waits for time to pass: that it is over is no error."""
        self.turn = -1


class Parking:
    """See the module's docstring."""

    __slots__ = (
        "_armed", "_kinds", "_masks", "_masks_turn", "_poller", "_queues", "_tasks", "counts", "deadlines", "now",
        "table", "turn",
    )  # fmt: skip

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.table: list[Any] = [None] * 256
        """By descriptor: a Connection, a Task, a Watch, or None."""
        self._armed = array("b", [UNARMED]) * 256
        self._kinds = array("b", [TimeoutClass.HEAD]) * 256
        self._queues: list[Queue | None] = [None] * 256
        self._tasks: set[Task] = set()
        self._masks: dict[int, int] = {}
        """The present events by descriptor, made when the first task with several of them asks."""
        self._masks_turn = -1
        self.deadlines = Deadlines()
        self.counts = [0] * len(TimeoutClass)
        """How many are parked in each timeout class."""
        self.turn = 0
        """The number of the present wake-up; the loop counts it."""
        self.now = 0.0
        """The time of the present wake-up (time.monotonic), the loop's as well."""

    # The loop's own descriptors

    def watch(self, fd: int, call: Call) -> None:
        """Call `call` whenever `fd` is readable."""
        self._reach(fd)
        self.table[fd] = Watch(call)
        self._armed[fd] = READ
        self._poller.register(fd, READ)

    def watch_listener(self, fd: int, call: Call) -> None:
        """The same for a listening socket."""
        self._reach(fd)
        self.table[fd] = Watch(call)
        self._armed[fd] = READ
        self._poller.listen(fd)

    def unwatch(self, fd: int) -> None:
        """Take one of the loop's own descriptors out, before it is closed."""
        self.table[fd] = None
        self._armed[fd] = UNARMED
        self._poller.unregister(fd)

    # Connections

    def enter(self, connection: Connection) -> None:
        """Make room for a connection that has just been accepted: nothing is known of its number yet.

        Raises OutOfDescriptors.
        """
        fd = connection.fd
        if fd >= self._poller.most:
            raise out_of_descriptors(fd)
        if fd >= len(self.table):
            self._reach(fd)
        self.table[fd] = None
        self._armed[fd] = UNARMED

    def idle(self, connection: Connection) -> None:
        """Park a connection that waits for its next request."""
        fd = connection.fd
        if self._armed[fd] != READ:
            self._arm(fd, READ)
        kind, seconds = connection.idle_timeout()
        self.table[fd] = connection
        self._queues[fd] = self.deadlines.add(connection, kind, seconds, self.now)
        self._kinds[fd] = kind
        self.counts[kind] += 1
        connection.renewed = self.now if kind is TimeoutClass.KEEP_ALIVE else 0.0

    def renew(self, connection: Connection) -> None:
        """Give a parked connection that was answered in place its full time for the next request.

        Between two requests (`connection.renewed` is a time) the loop just notes the present one there: how long is
        left is found out when the first deadline comes. This is for the first request, which has a time of its own.
        """
        self.unpark(connection)
        self.idle(connection)

    def unpark(self, connection: Connection) -> None:
        """Take an idle connection out; its descriptor stays registered."""
        fd = connection.fd
        self.table[fd] = None
        queue = self._queues[fd]
        if queue is not None:
            queue.pop(connection, None)
            self._queues[fd] = None
        self.counts[self._kinds[fd]] -= 1

    def release(self, connection: Connection) -> None:
        """Stop waiting for a connection that goes to another thread."""
        fd = connection.fd
        if self._armed[fd] != UNARMED:
            self._armed[fd] = UNARMED
            self._poller.unregister(fd)

    def forget(self, connection: Connection) -> None:
        """A connection that was not parked has been closed: whatever comes with its number is new."""
        fd = connection.fd
        if fd < len(self.table) and self.table[fd] is None and self._armed[fd] != UNARMED:
            self._armed[fd] = UNARMED
            self._poller.forget(fd)

    def strays(self, fd: int) -> None:
        """Nobody is parked where this event came from: drop the interest until somebody wants it again."""
        self._armed[fd] = UNARMED
        self._poller.unregister(fd)

    # Coroutines

    def wait(self, task: Task, waited: Ready) -> None:
        """Park a coroutine until one of its descriptors is ready. Raises OSError where one can't be waited for."""
        masks = masks_of(waited)
        if not self._poller.sees_hangups:
            masks = {fd: mask for fd, mask in masks.items() if mask}
        task.fds = tuple(masks)
        task.turn = self.turn
        task.go_on = waited.go_on
        self._enter(task, waited.kind)
        if waited.seconds is not None:
            task.seconds = waited.seconds
            task.queue = self.deadlines.add(task, waited.kind, max(0.0, waited.seconds), time.monotonic())
        own = task.connection.fd
        self._reach(max(masks, default=0))
        try:
            for fd, mask in masks.items():
                if fd != own:
                    self._poller.register(fd, mask)
                    self._armed[fd] = mask
                elif self._armed[fd] != mask:
                    self._arm(fd, mask)
                self.table[fd] = task
        except OSError:
            self.take(task)
            raise

    def sleep(self, task: Task, waited: Sleep) -> None:
        """Park a coroutine for a time."""
        self._enter(task, task.kind)
        task.sleeping = True
        task.queue = self.deadlines.add_moving(task, max(0.0, waited.seconds), time.monotonic())

    def ready(self, task: Task, fd: int, events: Events) -> tuple[int, ...]:
        """Those of a task's descriptors that these events of the present turn are about; `fd` is one of them."""
        if len(task.fds) == 1:
            return (fd,)
        if self._masks_turn != self.turn:
            self._masks_turn, self._masks = self.turn, dict(events)
        return tuple([each for each in task.fds if each in self._masks])

    def take(self, task: Task) -> None:
        """Take a coroutine out, to go on."""
        self._tasks.discard(task)
        self.counts[task.kind] -= 1
        if task.queue is not None:
            task.queue.pop(task, None)
            task.queue = None
        own = task.connection.fd
        for fd in task.fds:
            if self.table[fd] is task:
                self.table[fd] = None
                if fd != own:
                    self._armed[fd] = UNARMED
                    self._poller.unregister(fd)
        task.fds = ()

    def _enter(self, task: Task, kind: TimeoutClass) -> None:
        self._tasks.add(task)
        task.kind = kind
        task.renewed = 0.0
        self.counts[kind] += 1

    # Times

    def expire(self, now: float) -> Iterator[Connection | Task]:
        """Take out, one after the other, all whose time is up."""
        for parked in self.deadlines.expired(now):
            if isinstance(parked, Task):
                if parked in self._tasks and not self._still_goes_on(parked, now):
                    self.take(parked)
                    yield parked
            elif self.table[parked.fd] is parked and not self._goes_on(parked, now):
                self.unpark(parked)
                yield parked

    def _goes_on(self, connection: Connection, now: float) -> bool:
        """Whether a connection whose deadline has come was renewed since it was entered; it is entered anew then."""
        left = connection.renewed + connection.idle_timeout()[1] - now
        if left <= 0:
            return False
        self._queues[connection.fd] = self.deadlines.add_moving(connection, left, now)
        return True

    def _still_goes_on(self, task: Task, now: float) -> bool:
        """The same for a coroutine in whose place its `go_on` was called."""
        left = task.renewed + task.seconds - now
        if not task.renewed or left <= 0:
            return False
        task.queue = self.deadlines.add_moving(task, left, now)
        return True

    def idle_connections(self) -> list[Connection]:
        """All parked connections that wait for a request."""
        others = (Task, Watch, type(None))
        return [parked for parked in self.table if not isinstance(parked, others)]

    def tasks(self) -> list[Task]:
        """All parked coroutines."""
        return list(self._tasks)

    def _arm(self, fd: int, mask: int) -> None:
        (self._poller.register if self._armed[fd] == UNARMED else self._poller.modify)(fd, mask)
        self._armed[fd] = mask

    def _reach(self, fd: int) -> None:
        missing = fd + 1 - len(self.table)
        if missing > 0:
            missing += fd // SPARE
            self.table += [None] * missing
            self._armed += array("b", [UNARMED]) * missing
            self._kinds += array("b", [TimeoutClass.HEAD]) * missing
            self._queues += [None] * missing


class Mailbox:
    """What other threads leave for the thread that owns a poller: functions, called on that thread in order."""

    __slots__ = ("_functions", "_rung", "fd")

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._functions: deque[Callable[[], None]] = deque()
        self._rung = False

    def post(self, function: Callable[[], None]) -> None:
        """Leave a function; for any thread. The owner is woken once for any number of them."""
        self._functions.append(function)
        if not self._rung:
            self._rung = True
            os.eventfd_write(self.fd, 1)

    def collect(self) -> Iterator[Callable[[], None]]:
        """Take out what was there; what comes meanwhile wakes the owner again."""
        os.eventfd_read(self.fd)
        self._rung = False
        return self.take()

    def take(self) -> Iterator[Callable[[], None]]:
        """Take out what is there, rung or not."""
        for _each in range(len(self._functions)):
            yield self._functions.popleft()
