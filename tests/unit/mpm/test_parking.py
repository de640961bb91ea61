"""The parking lot: what is given back, when, and to whom; above all when descriptors are reused."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.mpm.parking import Mailbox, Parking, Task
from mpmserver.mpm.pollers import MULTIPLEXERS, OutOfDescriptors, Poller
from mpmserver.net.waits import Ready, Sleep, TimeoutClass, Wait
from mpmserver.serve.outcome import Outcome


class Idle:
    """As much of a connection as the lot asks for."""

    def __init__(self, sock: socket.socket, seconds: float = 5.0, keepalives: int = 1) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.seconds = seconds
        self.peer = SimpleNamespace(keepalives=keepalives)
        self.renewed = 0.0

    def idle_timeout(self) -> tuple[TimeoutClass, float]:
        return (TimeoutClass.KEEP_ALIVE if self.peer.keepalives else TimeoutClass.HEAD), self.seconds


class Lot:
    """A lot with its poller and sockets that are closed at the end."""

    def __init__(self, name: str) -> None:
        self.poller: Poller = MULTIPLEXERS[name]()
        self.parking = Parking(self.poller)
        self.parking.now = time.monotonic()
        self.sockets: list[socket.socket] = []

    def connection(self, **options: Any) -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        self.sockets += [ours, theirs]
        return Idle(ours, **options), theirs

    def task(self, connection: Any) -> Task:
        return Task(connection, never())

    def events(self) -> list[int]:
        self.parking.turn += 1
        return sorted(fd for fd, _mask in self.poller.wait(0))

    def pipe(self) -> tuple[int, int]:
        reader, writer = os.pipe()
        return reader, writer


def never() -> Coroutine[Wait, Any, Outcome]:
    async def nothing() -> Outcome:
        return Outcome.IDLE

    coroutine = nothing()
    coroutine.close()
    return coroutine


@pytest.fixture(params=sorted(MULTIPLEXERS))
def lot(request: pytest.FixtureRequest) -> Iterator[Lot]:
    made = Lot(request.param)
    yield made
    for sock in made.sockets:
        sock.close()
    made.poller.close()


def ready(*reads: int, writes: tuple[int, ...] = (), seconds: float | None = 5.0) -> Ready:
    return Ready(reads, writes, TimeoutClass.SCRIPT, seconds)


def test_an_idle_connection_is_found_by_its_descriptor(lot: Lot) -> None:
    connection, client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    assert lot.events() == []
    client.send(b"x")
    assert lot.events() == [connection.fd]
    assert lot.parking.table[connection.fd] is connection
    assert lot.parking.counts[TimeoutClass.KEEP_ALIVE] == 1
    lot.parking.unpark(connection)
    assert lot.parking.table[connection.fd] is None
    assert not any(lot.parking.counts)


def test_a_connection_that_nobody_reads_from_does_not_make_the_loop_spin(lot: Lot) -> None:
    connection, client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    reader, writer = lot.pipe()
    task = lot.task(connection)
    lot.parking.wait(task, ready(reader))
    client.send(b"pipelined")
    assert lot.events() == [connection.fd]
    assert lot.parking.table[connection.fd] is None
    lot.parking.strays(connection.fd)
    assert lot.events() == []
    os.write(writer, b"x")
    assert lot.events() == [reader]
    lot.parking.take(task)
    lot.parking.idle(connection)
    assert lot.events() == [connection.fd], "the interest is back when it is idle again"
    os.close(reader)
    os.close(writer)


def test_a_task_is_taken_out_of_all_its_descriptors(lot: Lot) -> None:
    connection, _client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    first, second = lot.pipe(), lot.pipe()
    task = lot.task(connection)
    lot.parking.wait(task, ready(first[0], second[0], connection.fd, writes=(second[1],)))
    assert lot.events() == [second[1]]
    lot.parking.take(task)
    assert lot.events() == []
    assert [lot.parking.table[fd] for fd in (*first, *second, connection.fd)] == [None] * 5
    assert not any(lot.parking.counts)
    assert list(lot.parking.expire(1e12)) == []
    for fd in (*first, *second):
        os.close(fd)


def test_an_older_event_does_not_resume_what_is_parked_in_this_turn(lot: Lot) -> None:
    connection, client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    client.send(b"x")
    lot.events()
    lot.parking.unpark(connection)
    task = lot.task(connection)
    lot.parking.wait(task, ready(connection.fd))
    assert task.turn == lot.parking.turn
    lot.events()
    assert task.turn != lot.parking.turn


def test_a_reused_number_is_registered_anew(lot: Lot) -> None:
    connection, _client = lot.connection()
    fd = connection.fd
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    connection.socket.close()
    lot.parking.forget(connection)
    other, client = lot.connection()
    if other.fd != fd:
        os.dup2(other.fd, fd)
        other.fd = fd
    lot.parking.enter(other)
    lot.parking.idle(other)
    client.send(b"x")
    assert lot.events() == [fd]
    assert lot.parking.table[fd] is other
    lot.parking.forget(connection)
    lot.parking.forget(other)
    assert lot.parking.table[fd] is other, "only what is not parked can be forgotten"
    lot.parking.unpark(other)
    lot.parking.idle(other)
    assert lot.events() == [fd]


def test_a_number_that_was_closed_while_parked_elsewhere_is_registered_anew(lot: Lot) -> None:
    """A worker closed the connection; its number came back by accept() before the worker's mail arrived."""
    connection, _client = lot.connection()
    fd = connection.fd
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    lot.parking.release(connection)
    connection.socket.close()
    other, client = lot.connection()
    if other.fd != fd:
        os.dup2(other.fd, fd)
        other.fd = fd
    lot.parking.enter(other)
    lot.parking.idle(other)
    lot.parking.forget(connection)
    client.send(b"x")
    assert lot.events() == [fd]
    assert lot.parking.table[fd] is other


def test_a_pipe_that_was_closed_by_its_coroutine_comes_back(lot: Lot) -> None:
    connection, _client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    task = lot.task(connection)
    for _each in range(3):
        reader, writer = lot.pipe()
        os.write(writer, b"x")
        lot.parking.wait(task, ready(reader))
        assert lot.events() == [reader]
        lot.parking.take(task)
        os.close(reader)
        os.close(writer)


def test_expiry_takes_out_before_it_gives(lot: Lot) -> None:
    brief, _one = lot.connection(seconds=1.0)
    long, _two = lot.connection(seconds=1000.0)
    fresh, _three = lot.connection(seconds=1.0, keepalives=0)
    for connection in (brief, long, fresh):
        lot.parking.enter(connection)
        lot.parking.idle(connection)
    task = lot.task(lot.connection()[0])
    reader, writer = lot.pipe()
    lot.parking.wait(task, ready(reader, seconds=2.5))
    sleeper = lot.task(lot.connection()[0])
    lot.parking.sleep(sleeper, Sleep(3.0))
    found = []
    for parked in lot.parking.expire(lot.parking.deadlines.next + 10.0):
        found.append(parked)
        assert all(slot is not parked for slot in lot.parking.table)
    assert set(map(id, found)) == set(map(id, (brief, fresh, task, sleeper)))
    assert lot.parking.idle_connections() == [long]
    assert lot.parking.tasks() == []
    assert sleeper.sleeping
    assert not task.sleeping
    os.close(reader)
    os.close(writer)


def test_what_came_in_time_does_not_expire(lot: Lot) -> None:
    connection, _client = lot.connection(seconds=1.0)
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    due = lot.parking.deadlines.next
    lot.parking.unpark(connection)
    assert list(lot.parking.expire(due + 1)) == []
    lot.parking.now += 1.5
    lot.parking.idle(connection)
    assert lot.parking.deadlines.next > due


def test_a_wait_that_is_refused_leaves_nothing_behind() -> None:
    lot = Lot("select")
    connection, _client = lot.connection()
    lot.parking.enter(connection)
    lot.parking.idle(connection)
    lot.parking.unpark(connection)
    task = lot.task(connection)
    with pytest.raises(OutOfDescriptors):
        lot.parking.wait(task, Ready((connection.fd, 5000, 50_000), (), TimeoutClass.SCRIPT, 1.0))
    assert lot.parking.tasks() == []
    assert not any(lot.parking.counts)
    assert list(lot.parking.expire(1e12)) == []
    for sock in lot.sockets:
        sock.close()


def test_a_connection_that_never_came_in_is_forgotten() -> None:
    lot = Lot("select")
    connection, _client = lot.connection()
    table = len(lot.parking.table)
    lot.parking.forget(SimpleNamespace(fd=table + 1000))  # type: ignore[arg-type]
    lot.parking.forget(connection)
    assert len(lot.parking.table) == table
    for sock in lot.sockets:
        sock.close()


def test_mail_from_many_threads_arrives_once_and_in_order() -> None:
    mail = Mailbox()
    got: list[tuple[int, int]] = []

    def post(writer: int) -> None:
        for number in range(500):
            mail.post(partial(got.append, (writer, number)))

    threads = [threading.Thread(target=post, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    poller = MULTIPLEXERS["poll"]()
    poller.register(mail.fd, 1)
    while len(got) < 2000:
        assert poller.wait(5.0), "a letter was left without the bell being rung"
        for function in mail.collect():
            function()
    for thread in threads:
        thread.join()
    assert poller.wait(0) == []
    for writer in range(4):
        assert [number for who, number in got if who == writer] == list(range(500))
    os.close(mail.fd)


def test_a_renewed_connection_has_its_full_time_and_its_turn(lot: Lot) -> None:
    first, _one = lot.connection()
    second, _two = lot.connection()
    lot.parking.enter(first)
    lot.parking.idle(first)
    lot.parking.enter(second)
    lot.parking.idle(second)
    due = lot.parking.deadlines.next
    lot.parking.now = due - 2.0
    lot.parking.renew(first)
    assert list(lot.parking.expire(due + 1.0)) == [second]
    assert due + 2.5 < lot.parking.deadlines.next <= due + 3.5
    assert list(lot.parking.expire(due + 3.5)) == [first]
    lot.parking.idle(second)
    first.peer.keepalives = 0
    lot.parking.idle(first)
    assert lot.parking.counts[TimeoutClass.KEEP_ALIVE] == lot.parking.counts[TimeoutClass.HEAD] == 1
    first.peer.keepalives = 1
    lot.parking.renew(first)
    assert lot.parking.counts[TimeoutClass.KEEP_ALIVE] == 2
    assert lot.parking.table[first.fd] is first


def test_what_waits_since_the_same_turn_shares_one_time(lot: Lot) -> None:
    first, second = lot.connection()[0], lot.connection()[0]
    for connection in (first, second):
        lot.parking.enter(connection)
        lot.parking.idle(connection)
    assert first.renewed is second.renewed is lot.parking.now
    queue = lot.parking.deadlines.add(first, TimeoutClass.KEEP_ALIVE, 5.0, lot.parking.now)
    assert list(queue.values()) == [lot.parking.now] * 2
    assert lot.parking.deadlines.next == lot.parking.now + 5.0


def test_who_sleeps_has_no_time_left_from_what_went_on_before(lot: Lot) -> None:
    connection, _client = lot.connection()
    lot.parking.enter(connection)
    task = lot.task(connection)
    lot.parking.wait(task, Ready((), (connection.fd,), TimeoutClass.WRITE, 1000.0, go_on=lambda: False))
    task.renewed = time.monotonic()
    lot.parking.take(task)
    lot.parking.sleep(task, Sleep(1.0))
    assert list(lot.parking.expire(lot.parking.deadlines.next)) == [task]
