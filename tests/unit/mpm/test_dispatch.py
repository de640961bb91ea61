"""Whom a turn's events are for: those who were parked when it began."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.mpm.bell import Order
from mpmserver.mpm.loop import FEW_EVENTS, WRITING, Loop
from mpmserver.mpm.parking import Parking, Task
from mpmserver.mpm.pollers import Epoll
from mpmserver.net.waits import Ready, TimeoutClass


class Probe(Loop):
    """A loop without a server: notes whom it awakens; a coroutine that goes on ends, and its connection is idle."""

    def __init__(self) -> None:
        self.poller = Epoll()
        self.parking = Parking(self.poller)
        self.said: list[Any] = []

    def _awake(self, connection: Any, late: bool = False) -> bool:
        self.said.append(connection)
        return True

    def resume(self, task: Task, answer: Any = None, error: BaseException | None = None) -> None:
        self.said.append((task, answer))
        self.parking.idle(task.connection)

    def turn(self) -> list[Any]:
        """What the events that there are lead to."""
        self.parking.turn += 1
        self._dispatch(sorted(self.poller.wait(0)))
        said, self.said = self.said, []
        return said


class Idle:
    """As much of a connection as the lot asks for."""

    def __init__(self, sock: socket.socket) -> None:
        self.fd = sock.fileno()
        self.renewed = 0.0

    def idle_timeout(self) -> tuple[TimeoutClass, float]:
        return TimeoutClass.KEEP_ALIVE, 5.0


@pytest.fixture
def loop() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.poller.close()


def nothing() -> Coroutine[Any, Any, Any]:
    async def coroutine() -> None: ...

    made = coroutine()
    made.close()
    return made


def test_a_connection_that_is_parked_in_a_turn_is_awakened_in_the_next(loop: Probe) -> None:
    """Its request may have come meanwhile, from a client that knows of changes that this turn has not heard of."""
    reader, writer = os.pipe()
    ours, theirs = socket.socketpair()
    other, client = socket.socketpair()
    assert reader < ours.fileno() < other.fileno(), "the task's event is the first"
    with ours, theirs, other, client:
        connection: Any = Idle(ours)
        idle: Any = Idle(other)
        for waiting in (connection, idle):
            loop.parking.enter(waiting)
            loop.parking.idle(waiting)
        loop.parking.unpark(connection)
        task = Task(connection, nothing())
        loop.parking.wait(task, Ready((reader,), (), TimeoutClass.SCRIPT, 5.0))
        os.write(writer, b"x")
        for each in (theirs, client):
            each.send(b"next")
        assert loop.turn() == [idle, (task, (reader,))], "who was idle before comes first"
        assert loop.turn() == [connection, idle]
        os.close(reader)
        os.close(writer)


def test_a_task_is_told_of_all_of_its_descriptors(loop: Probe) -> None:
    pipes = [os.pipe() for _each in range(3)]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection: Any = Idle(ours)
        loop.parking.enter(connection)
        task = Task(connection, nothing())
        for ready in (pipes[:2], pipes[1:], pipes):
            for _reader, writer in ready:
                os.write(writer, b"x")
            loop.parking.wait(task, Ready(tuple(reader for reader, _ in pipes), (), TimeoutClass.SCRIPT, 5.0))
            assert loop.turn() == [(task, tuple(reader for reader, _ in ready))]
            loop.parking.unpark(connection)
            for reader, _writer in ready:
                os.read(reader, 10)
    for ends in pipes:
        for end in ends:
            os.close(end)


class Hearing(Probe):
    """A loop with a poller that tells of so many idle connections in turn, and somebody who hears of changes."""

    def __init__(self, *reported: int) -> None:
        super().__init__()
        self.poller.close()
        lists = [[(fd, 1) for fd in range(count)] for count in reported]
        quiet: Any = SimpleNamespace(
            in_order=True, wait=lambda seconds: lists.pop(0), fd=-1, read=lambda: self.said.append("heard"),
            closed_until=0.0, choose=lambda: None, bring_up_to_date=lambda *shown: None, flush_logs=lambda: None,
            order=Order.NONE,
        )  # fmt: skip
        self.poller = self._watches = self._entrance = self._display = self.child = self._bell = quiet
        self.open, self.shed, self._obeyed = 0, False, Order.NONE
        self._queued, self._moment, self._settled, self._reported = deque(), None, True, 0
        self.parking.table = ["idle"] * 256

    def hears(self) -> bool:
        """Whether it hears of changes in this turn before it answers."""
        self.said.clear()
        self._turn()
        return self.said[:1] == ["heard"]


def test_changes_are_heard_of_where_the_list_that_the_kernel_reads_is_long() -> None:
    """It asks all anew whom it told of last; a change, and the request behind it, may come while it does so."""
    loop = Hearing(FEW_EVENTS, 1, FEW_EVENTS + 1, 1, 1)
    assert [loop.hears() for _each in range(5)] == [False, False, True, True, False]


def test_a_list_is_as_long_where_all_on_it_go_on_with_files(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Hearing(FEW_EVENTS + 1, 1, 1)
    monkeypatch.setattr(loop, "_files_alone", lambda events: len(events) > FEW_EVENTS and not events.clear())
    loop.parking.counts[WRITING] = 1
    assert [loop.hears() for _each in range(2)] == [True, False]
