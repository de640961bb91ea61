"""The table of clients: who is known, who goes when it is full, and that processes share it."""

from __future__ import annotations

import gc
import os
import random
import threading
from collections import deque

import pytest

from mpmserver.modules.auth_digest.clients import Clients, Collected, Full


@pytest.mark.parametrize(
    ("size", "capacity", "buckets"),
    [
        (88, 0, 1), (200, 0, 1), (240, 1, 1), (300, 2, 1), (352, 3, 1), (400, 4, 2), (500, 5, 2), (1000, 14, 5),
        (4096, 66, 24), (1 << 20, 17830, 6241),
    ],
)  # fmt: skip
def test_how_many_there_is_room_for(size: int, capacity: int, buckets: int) -> None:
    clients = Clients(size)
    assert (clients.capacity, clients.buckets) == (capacity, buckets)


def test_no_room_at_all() -> None:
    with pytest.raises(Full):
        Clients(200).make(renewed=False)


def test_the_oldest_goes() -> None:
    clients = Clients(300)
    assert [clients.make(renewed=False).number for _ in range(2)] == [1, 2]
    assert clients.knows(1)
    made = clients.make(renewed=True)
    assert (made.number, made.collected) == (3, Collected(entries=1, made=2, removed=1, renewed=0))
    assert [clients.knows(number) for number in (1, 2, 3)] == [True, False, True]
    assert clients.make(renewed=False).collected == Collected(entries=1, made=2, removed=2, renewed=1)


def test_one_goes_from_each_bucket() -> None:
    clients = Clients(400)
    for _ in range(4):
        assert clients.make(renewed=False).collected is None
    collected = clients.make(renewed=False).collected
    assert collected is not None
    assert collected.entries == 2
    assert clients.make(renewed=False).collected is None
    assert [clients.knows(number) for number in range(1, 7)] == [False, False, True, True, True, True]


def test_nonces_are_counted() -> None:
    clients = Clients(300)
    number = clients.make(renewed=False).number
    uses = [(100, 1), (100, 1), (100, 3), (100, 2), (200, 1), (100, 9), (200, 1), (200, 2)]
    assert [clients.use(number, time, count) for time, count in uses] == [None, 1, None, 3, None, 1, 1, None]
    with pytest.raises(KeyError):
        clients.use(99, 1, 1)


def test_nonces_that_serve_once() -> None:
    clients = Clients(300)
    number = clients.make(renewed=False).number
    assert [clients.next_nonce() for _ in range(3)] == [1, 2, 3]
    assert [clients.use(number, time, None) for time in (1, 1, 3, 2)] == [None, 0, None, 0]


@pytest.mark.parametrize("size", [300, 400, 1000, 3000])
def test_beside_a_plain_model(size: int) -> None:
    """Anything in any order: the table knows who lists of each bucket, last used first, know."""
    clients, chance = Clients(size), random.Random(size)
    buckets: list[deque[int]] = [deque() for _ in range(clients.buckets)]
    number = 0
    for _ in range(2000):
        if chance.random() < 0.4:
            if sum(map(len, buckets)) == clients.capacity:
                for bucket in filter(None, buckets):
                    bucket.pop()
            number += 1
            assert clients.make(renewed=False).number == number
            buckets[number % clients.buckets].appendleft(number)
        else:
            wanted = chance.randint(1, number + 2)
            bucket = buckets[wanted % clients.buckets]
            assert clients.knows(wanted) == (wanted in bucket)
            if wanted in bucket:
                bucket.remove(wanted)
                bucket.appendleft(wanted)


def test_processes_and_threads_share_it() -> None:
    clients = Clients(1 << 14)

    def work() -> None:
        for _ in range(100):
            clients.make(renewed=False)
            clients.next_nonce()

    children = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        children.append(pid)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pid in children:
        os.waitpid(pid, 0)
    assert clients.make(renewed=False).number == 501
    assert clients.next_nonce() == 501


def tables() -> int:
    """How many tables this process has open."""
    gc.collect()
    names = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)]
    return sum("digest clients" in name for name in names)


def test_nothing_is_left_open() -> None:
    kept = Clients(1000)
    before = tables()
    for _ in range(5):
        Clients(1000).make(renewed=False)
    assert tables() == before > 0
    assert kept.make(renewed=False).number == 1
