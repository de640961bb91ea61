"""epoll, poll and select behind one surface."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from mpmserver.mpm.pollers import FD_SETSIZE, GONE, MULTIPLEXERS, READ, WRITE, OutOfDescriptors, Poller


@pytest.fixture(params=sorted(MULTIPLEXERS))
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made = MULTIPLEXERS[request.param]()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


def test_readable(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    assert poller.wait(0) == []
    theirs.send(b"x")
    assert poller.wait(1) == [(ours.fileno(), READ)]
    assert poller.wait(0) == [(ours.fileno(), READ)], "level-triggered"


def test_writable_and_both(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), WRITE)
    assert poller.wait(1) == [(ours.fileno(), WRITE)]
    theirs.send(b"x")
    poller.modify(ours.fileno(), READ | WRITE)
    assert poller.wait(1) == [(ours.fileno(), READ | WRITE)]
    poller.modify(ours.fileno(), READ)
    assert poller.wait(1) == [(ours.fileno(), READ)]


def test_unregister(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.register(ours.fileno(), READ)
    poller.unregister(ours.fileno())
    assert poller.wait(0) == []
    poller.unregister(ours.fileno())


def test_either_state_will_do(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.modify(ours.fileno(), READ)
    poller.register(ours.fileno(), WRITE)
    assert poller.wait(1) == [(ours.fileno(), WRITE)]


def test_hang_up_without_interest(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), 0)
    theirs.close()
    events = poller.wait(0)
    assert bool(events) == poller.sees_hangups
    assert all(mask & GONE for _fd, mask in events)


def test_end_of_a_pipe(poller: Poller) -> None:
    reader, writer = os.pipe()
    poller.register(reader, READ)
    os.close(writer)
    assert [fd for fd, _mask in poller.wait(1)] == [reader]
    poller.unregister(reader)
    os.close(reader)


def test_closed_without_a_word(poller: Poller, pair: Pair) -> None:
    ours, _theirs = pair
    fd = ours.fileno()
    poller.register(fd, READ)
    ours.close()
    poller.wait(0)
    assert poller.wait(0) == [], "a closed descriptor must not make the loop spin"
    again, other = socket.socketpair()
    with again, other:
        if again.fileno() != fd:
            os.dup2(again.fileno(), fd)
        poller.register(fd, READ)
        other.send(b"x")
        assert poller.wait(1) == [(fd, READ)]
        poller.unregister(fd)
        if again.fileno() != fd:
            os.close(fd)


def test_time_is_up(poller: Poller) -> None:
    assert poller.wait(0.01) == []


def test_select_says_when_it_is_out_of_descriptors(pair: Pair) -> None:
    poller = MULTIPLEXERS["select"]()
    with pytest.raises(OutOfDescriptors, match="Multiplexer select is out of descriptors"):
        poller.register(FD_SETSIZE, READ)
    assert poller.wait(0) == []
