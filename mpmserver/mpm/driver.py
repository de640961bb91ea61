"""Driving a connection's coroutine: one step, and the driver of MPMs whose threads block.

`step` resumes a coroutine once and returns what it waits for, or its outcome. It holds the one `except
BaseException` of every driver: whatever a coroutine lets out is logged with its traceback (the client sees a closed
connection, nothing else), and the child goes on.

`Blocking` answers every wait on the spot. Descriptors are waited for with poll() for the time that remains, together
with the child's `stop_fd`: a stop at once throws `Stopped` into the coroutine, whose clean-ups then run. A wait for
the connection's own socket never gets here in prefork: there the kernel keeps the time (transport.py).
"""

from __future__ import annotations

import select
import traceback
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mpmserver.core.settings import Level
from mpmserver.net.waits import Offload, Ready, Seat, Sleep, TimedOut, Wait, Work
from mpmserver.serve.outcome import Outcome

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.recall.moment import Moment
    from mpmserver.serve.connection import Connection

Conversation = Coroutine[Wait, Any, Outcome]


class Stopped(BaseException):
    """Thrown into a coroutine whose process stops at once: clean up, answer nothing."""


def step(
    child: Child,
    connection: Connection,
    coroutine: Conversation,
    answer: Any = None,
    error: BaseException | None = None,
) -> Wait | Outcome:
    """Resume with `answer`, or throw `error`; returns the next wait, or the outcome at the end."""
    try:
        if error is None:
            return coroutine.send(answer)
        return coroutine.throw(error)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except Stopped:
        pass
    except BaseException as failure:  # noqa: BLE001 - the one place where a coroutine's errors end
        log_failure(child, failure)
    connection.close()
    return Outcome.CLOSED


def arrived(
    child: Child, connection: Connection, data: bytes, moment: Moment | None = None
) -> Conversation | Outcome:
    """Hand received bytes to an idle connection; its answer, a coroutine to be driven or the outcome.

    `moment` is this thread's; None where nothing is to be answered from memory.
    """
    try:
        return connection.arrived(data, moment)
    except BaseException as failure:  # noqa: BLE001 - the one place where a coroutine's errors end
        return failed(child, connection, failure)


def failed(child: Child, connection: Connection, failure: BaseException) -> Outcome:
    """What becomes of a connection whose code has let an exception out."""
    log_failure(child, failure)
    connection.close()
    return Outcome.CLOSED


def log_failure(child: Child, failure: BaseException) -> None:
    """Put a traceback into the error log of the main server, and nowhere else."""
    text = "".join(traceback.format_exception(failure)).rstrip()
    child.site.main.log(Level.ERROR, "core", text)


class Blocking:
    """Drives coroutines on threads that may block; one for each process, without any state of a coroutine."""

    __slots__ = ("_answers", "_child", "_stop_fd")

    def __init__(self, child: Child, stop_fd: int) -> None:
        self._child = child
        self._stop_fd = stop_fd
        self._answers: dict[type[Wait], Callable[[Any], Any]] = {
            Ready: self._ready,
            Offload: _offload,
            Sleep: self._sleep,
            Work: _go_on,
            Seat: _go_on,
        }

    def run(self, connection: Connection, coroutine: Conversation) -> Outcome:
        """Drive to the end."""
        waited = step(self._child, connection, coroutine)
        while not isinstance(waited, Outcome):
            waited = self.answer(connection, coroutine, waited)
        return waited

    def answer(self, connection: Connection, coroutine: Conversation, waited: Wait) -> Wait | Outcome:
        """Block for one wait and resume with its answer."""
        try:
            answer = self._answers[type(waited)](waited)
        except BaseException as error:  # noqa: BLE001 - the one place where a coroutine's errors end
            return step(self._child, connection, coroutine, error=error)
        return step(self._child, connection, coroutine, answer)

    def _ready(self, waited: Ready) -> tuple[int, ...]:
        poll = select.poll()
        for fd, mask in masks_of(waited).items():
            poll.register(fd, mask)
        poll.register(self._stop_fd, select.POLLIN)
        ready = [fd for fd, _mask in poll.poll(None if waited.seconds is None else max(0.0, waited.seconds * 1000))]
        if self._stop_fd in ready:
            raise Stopped
        if not ready:
            raise TimedOut(waited.kind)
        return tuple(ready)

    def _sleep(self, waited: Sleep) -> None:
        if waited.seconds <= 0:
            return  # there is nobody on this thread to let go first
        poll = select.poll()
        poll.register(self._stop_fd, select.POLLIN)
        if poll.poll(waited.seconds * 1000):
            raise Stopped


def masks_of(waited: Ready) -> dict[int, int]:
    """The descriptors of a wait, each with the poll() events that end it; hang-ups and errors always do."""
    masks = dict.fromkeys(waited.hangups, 0)
    for fd in waited.reads:
        masks[fd] = masks.get(fd, 0) | select.POLLIN
    for fd in waited.writes:
        masks[fd] = masks.get(fd, 0) | select.POLLOUT
    return masks


def _offload(waited: Offload) -> Any:
    return waited.function()


def _go_on(waited: Wait) -> None:
    return None
