"""Connections of a tiny line protocol, one answer each, so that a test can make them wait in every way that there is.

    echo X       answers X
    later N X    sleeps N seconds, then answers X
    work X       says that it may block, then answers X
    offload X    has X reversed by a blocking function
    block N      has a blocking function called that sleeps N seconds, then answers "blocked N"
    pipe N X     answers what a pipe delivers after N seconds (class SCRIPT)
    hold X       says "held " at once; answers X when the test has opened the gate, waiting as pipe does
    stay X       the same, in a blocking function, which is where it says so
    guarded X    says "held " at once and waits for ever; when it is told to stop it says so in file X
    body N       reads N more bytes (class BODY) and answers their number
    big N        answers N bytes
    fail         lets an exception out
    thread       answers the name of the thread it runs on
    quit         answers, and closes as after Connection: close
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from mpmserver.core.child import Child
from mpmserver.core.exchange import Peer
from mpmserver.core.recall.moment import Moment
from mpmserver.core.scoreboard import WorkerSlot
from mpmserver.net.listen import Listener
from mpmserver.net.transport import Transport
from mpmserver.net.waits import TimedOut, TimeoutClass, offload, ready, sleep, work
from mpmserver.serve.outcome import Outcome

SECONDS = 20.0
AT_ONCE = 4.0
"""Who waits for any time-out of a LineConnection has waited for longer."""
HELD = b"held "


class LineConnection:
    """Speaks the protocol above; has what MPMs ask of a Connection."""

    keep_alive_seconds = 5.0
    first_seconds = 5.0
    write_seconds = 5.0
    gate = -1
    """A pipe that ends when the test opens the gate: see Served.open_gate."""

    def __init__(self, child: Child, transport: Transport, listener: Listener, peer: Peer, worker: WorkerSlot) -> None:
        self.child = child
        self.transport = transport
        self.fd = transport.fd
        self.listener = listener
        self.peer = peer
        self.worker = worker
        self.renewed = 0.0
        self.buffer = bytearray()
        worker.connected()

    def idle_timeout(self) -> tuple[TimeoutClass, float]:
        if self.peer.keepalives:
            return TimeoutClass.KEEP_ALIVE, self.keep_alive_seconds
        return TimeoutClass.HEAD, self.first_seconds

    def arrived(self, data: bytes, moment: Moment | None) -> Coroutine[Any, Any, Outcome] | Outcome:
        if not data:
            self.close()
            return Outcome.CLOSED
        if data == b"explode":
            raise RuntimeError("exploded on arrival")
        self.buffer += data
        return self.serve()

    def expired(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self.fd, b"expired\n")
        self.close()

    def close(self) -> None:
        self.transport.close()

    async def serve(self) -> Outcome:
        try:
            while True:
                while b"\n" not in self.buffer:
                    data = await self.transport.recv(4096, TimeoutClass.HEAD, 5.0)
                    if not data:
                        return self._closed()
                    self.buffer += data
                line, _newline, rest = bytes(self.buffer).partition(b"\n")
                self.buffer = bytearray(rest)
                word, _space, rest = line.partition(b" ")
                answer: bytes = await getattr(self, f"do_{word.decode()}")(rest)
                await self.transport.send([answer, b"\n"], self.write_seconds)
                self.peer.keepalives += 1
                if word == b"quit" or self.child.stopping:
                    return await self._leave()
                if not self.buffer:
                    return Outcome.IDLE
        except (OSError, TimedOut):
            return self._closed()

    def _closed(self) -> Outcome:
        self.close()
        return Outcome.CLOSED

    async def _leave(self) -> Outcome:
        self.transport.shutdown_write()
        with contextlib.suppress(OSError, TimedOut):
            while await self.transport.recv(4096, TimeoutClass.LINGER, 5.0):
                pass
        return self._closed()

    async def do_echo(self, rest: bytes) -> bytes:
        return rest

    do_quit = do_echo

    async def do_later(self, rest: bytes) -> bytes:
        seconds, _space, text = rest.partition(b" ")
        await sleep(float(seconds))
        return text

    async def do_work(self, rest: bytes) -> bytes:
        await work()
        return rest

    async def do_offload(self, rest: bytes) -> bytes:
        return await offload(_reverse, rest)

    async def do_block(self, rest: bytes) -> bytes:
        await offload(time.sleep, float(rest))
        return b"blocked " + rest

    async def do_broken(self, rest: bytes) -> bytes:
        try:
            await offload(_broken)
        except KeyError:
            return b"KeyError"
        return b""

    async def do_pipe(self, rest: bytes) -> bytes:
        seconds, _space, text = rest.partition(b" ")
        reader, writer = os.pipe()
        timer = threading.Timer(float(seconds), _write, (writer, text))
        timer.daemon = True
        timer.start()
        try:
            await ready((reader,), (), TimeoutClass.SCRIPT, 5.0, hangups=(self.fd,))
            return os.read(reader, 100)
        finally:
            os.close(reader)

    async def do_hold(self, rest: bytes) -> bytes:
        gate = os.dup(self.gate)  # a loop knows a descriptor by one task
        self.transport.send_now(HELD)
        try:
            await ready((gate,), (), TimeoutClass.SCRIPT, SECONDS, hangups=(self.fd,))
            return rest
        finally:
            os.close(gate)

    async def do_stay(self, rest: bytes) -> bytes:
        await offload(self._stay)
        return rest

    def _stay(self) -> None:
        self.transport.send_now(HELD)
        select.select([self.gate], [], [], SECONDS)

    async def do_never(self, rest: bytes) -> bytes:
        reader, writer = os.pipe()
        try:
            await ready((reader,), (), TimeoutClass.SCRIPT, float(rest))
        except TimedOut as error:
            return b"timed out " + error.kind.name.encode()
        finally:
            os.close(reader)
            os.close(writer)
        return b""

    async def do_guarded(self, rest: bytes) -> bytes:
        reader, writer = os.pipe()
        self.transport.send_now(HELD)
        try:
            await wait_for_ever(reader)
        finally:
            Path(rest.decode()).write_text("cleaned up")
            os.close(reader)
            os.close(writer)
        return b""

    async def do_body(self, rest: bytes) -> bytes:
        missing = int(rest)
        while len(self.buffer) < missing:
            data = await self.transport.recv(4096, TimeoutClass.BODY, 5.0)
            if not data:
                return b"cut short"
            self.buffer += data
        del self.buffer[:missing]
        return b"%d" % missing

    async def do_big(self, rest: bytes) -> bytes:
        return b"x" * int(rest)

    async def do_fail(self, rest: bytes) -> bytes:
        raise RuntimeError("failed in the coroutine")

    async def do_thread(self, rest: bytes) -> bytes:
        return threading.current_thread().name.encode()

    async def do_workthread(self, rest: bytes) -> bytes:
        await work()
        return threading.current_thread().name.encode()

    async def do_workbig(self, rest: bytes) -> bytes:
        await work()
        return b"x" * int(rest)


async def wait_for_ever(fd: int) -> None:
    await ready((fd,), (), TimeoutClass.SCRIPT, None)


def _reverse(text: bytes) -> bytes:
    time.sleep(0.01)
    return text[::-1]


def _broken() -> None:
    raise KeyError("broken")


def _write(fd: int, data: bytes) -> None:
    os.write(fd, data)
    os.close(fd)
