"""The blocking driver, and the one place where a coroutine's errors end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.mpm.driver import Blocking, Stopped, masks_of, step
from mpmserver.mpm.pollers import READ, WRITE
from mpmserver.net.waits import Ready, TimedOut, TimeoutClass, Wait, offload, ready, sleep, work
from mpmserver.serve.outcome import Outcome


class Harness:
    """A driver with a child that keeps what is logged and a connection that knows whether it was closed."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.closed = 0
        main = SimpleNamespace(log=lambda level, module, message: self.logged.append(message))
        self.child: Any = SimpleNamespace(site=SimpleNamespace(main=main))
        self.connection: Any = SimpleNamespace(close=self._close)
        self.stop_fd = os.eventfd(0)
        child: Any = self.child
        self.driver = Blocking(child, self.stop_fd)

    def _close(self) -> None:
        self.closed += 1

    def run(self, coroutine: Coroutine[Wait, Any, Outcome]) -> Outcome:
        return self.driver.run(self.connection, coroutine)


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    os.close(made.stop_fd)


def test_each_kind_of_wait(harness: Harness) -> None:
    seen: list[Any] = []
    ours, theirs = socket.socketpair()

    async def everything() -> Outcome:
        seen.append(await offload(max, 1, 2))
        await sleep(0.001)
        await work()
        theirs.send(b"x")
        seen.append(await ready((ours.fileno(),), (theirs.fileno(),), TimeoutClass.BODY, 1.0))
        try:
            await offload(int, "x")
        except ValueError as error:
            seen.append(type(error))
        return Outcome.IDLE

    with ours, theirs:
        assert harness.run(everything()) is Outcome.IDLE
        assert seen[0] == 2
        assert set(seen[1]) == {ours.fileno(), theirs.fileno()}
        assert seen[2] is ValueError
    assert harness.closed == 0


def test_a_wait_ends_after_its_time(harness: Harness) -> None:
    reader, writer = os.pipe()

    async def waits() -> Outcome:
        with pytest.raises(TimedOut) as caught:
            await ready((reader,), (), TimeoutClass.PROXY, 0.05)
        assert caught.value.kind is TimeoutClass.PROXY
        return Outcome.CLOSED

    begin = time.monotonic()
    assert harness.run(waits()) is Outcome.CLOSED
    assert time.monotonic() - begin > 0.04
    os.close(reader)
    os.close(writer)


def test_a_hang_up_ends_a_wait_and_a_half_close_does_not(harness: Harness) -> None:
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()

    async def waits() -> Outcome:
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(TimedOut):
            await ready((reader,), (), TimeoutClass.SCRIPT, 0.02, hangups=(ours.fileno(),))
        theirs.close()
        assert await ready((reader,), (), TimeoutClass.SCRIPT, 1.0, hangups=(ours.fileno(),)) == (ours.fileno(),)
        return Outcome.CLOSED

    with ours:
        assert harness.run(waits()) is Outcome.CLOSED
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_whatever_a_coroutine_lets_out_is_logged_and_closes_the_connection(
    harness: Harness, error: type[BaseException]
) -> None:
    async def fails() -> Outcome:
        await sleep(0)
        raise error("secret")

    assert harness.run(fails()) is Outcome.CLOSED
    assert harness.closed == 1
    assert len(harness.logged) == 1
    assert "secret" in harness.logged[0]
    assert harness.logged[0].startswith("Traceback")


@pytest.mark.parametrize("wait_of", [lambda fd: ready((fd,), (), TimeoutClass.SCRIPT, None), lambda fd: sleep(30)])
def test_a_stop_at_once_is_thrown_into_the_coroutine(
    harness: Harness, wait_of: Callable[[int], Coroutine[Wait, Any, Any]]
) -> None:
    reader, writer = os.pipe()
    cleaned = []

    async def waits() -> Outcome:
        try:
            await wait_of(reader)
        except Exception:  # noqa: BLE001 (as serving code has it)
            cleaned.append("as an error")
        finally:
            cleaned.append("finally")
        return Outcome.IDLE

    os.eventfd_write(harness.stop_fd, 1)
    assert harness.run(waits()) is Outcome.CLOSED
    assert cleaned == ["finally"]
    assert harness.closed == 1
    assert harness.logged == [], "a stop is no error"
    os.close(reader)
    os.close(writer)


def test_a_step_returns_what_is_waited_for(harness: Harness) -> None:
    async def waits() -> Outcome:
        answer = await ready((1,), (2,), TimeoutClass.BODY, 3.0)
        assert answer == (1,)
        return Outcome.IDLE

    coroutine = waits()
    waited = step(harness.child, harness.connection, coroutine)
    assert isinstance(waited, Ready)
    assert step(harness.child, harness.connection, coroutine, (1,)) is Outcome.IDLE


def test_stopped_is_not_caught_as_an_error() -> None:
    assert not issubclass(Stopped, Exception)


def test_masks() -> None:
    waited = Ready((1, 2), (2, 3), TimeoutClass.SCRIPT, None, hangups=(1, 4))
    assert masks_of(waited) == {1: READ, 2: READ | WRITE, 3: WRITE, 4: 0}
