"""What the tests of the MPMs share: a child process that serves a tiny line protocol through a real MPM.

The connection speaks lines, one answer each, so that a test can make it wait in every way that there is:

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
import ctypes
import gc
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mpmserver.config.build import Configuration, Registry
from mpmserver.config.node import Origin
from mpmserver.config.sections import HostConfig
from mpmserver.core.child import Child
from mpmserver.core.exchange import Peer
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.recall.moment import Moment
from mpmserver.core.scoreboard import Scoreboard, WorkerSlot
from mpmserver.core.settings import Level
from mpmserver.mpm.base import MPM
from mpmserver.mpm.registry import load
from mpmserver.net.listen import Listener, ListenOptions, open_listeners, resolve
from mpmserver.net.transport import Transport
from mpmserver.net.waits import TimedOut, TimeoutClass, offload, ready, sleep, work
from mpmserver.serve.outcome import Outcome
from tests.live_server import free_port

SECONDS = 20.0
AT_ONCE = 4.0
"""Who waits for any time-out of a LineConnection has waited for longer."""
HELD = b"held "
PR_SET_PDEATHSIG = 1


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


class FakeSite:
    """As much of a Site as an MPM asks for: a configuration, and a main server whose log is a file."""

    def __init__(self, configuration: Configuration, log: Path) -> None:
        self.configuration = configuration
        self.main = self
        self._fd = os.open(log, os.O_WRONLY | os.O_APPEND)

    def log(self, level: Level, module: str, message: str, exchange: object = None) -> None:
        os.write(self._fd, f"[{module}:{level.name.lower()}] {message}\n".encode())


def configuration_of(**settings: Any) -> Configuration:
    """A configuration with these MpmSettings."""
    host = HostConfig(Origin("test", 1))
    configuration = Configuration("/", host, Registry())
    for name, value in settings.items():
        setattr(host.settings(MpmSettings), name, value)
    return configuration


def free_listener() -> Listener:
    """A listening socket on a free port of the loopback."""
    options = ListenOptions(defer_seconds=1, filters={"http": "none"})
    return open_listeners(resolve("127.0.0.1", free_port()), options)[0]


def built_in(name: str) -> MPM:
    """One of our MPMs."""
    mpm = load(name).mpm
    assert mpm is not None
    return mpm


class Served:
    """One child process that serves LineConnections through an MPM ("reactor poll" names the multiplexer too)."""

    def __init__(
        self,
        mpm: str | MPM,
        log: Path,
        connection: type[LineConnection] = LineConnection,
        before: Callable[[], None] = lambda: None,
        **settings: Any,
    ) -> None:
        if isinstance(mpm, str):
            mpm, _space, multiplexer = mpm.partition(" ")
            settings = {"multiplexer": multiplexer or "epoll", **settings}
        self.mpm = built_in(mpm) if isinstance(mpm, str) else mpm
        self.log_path = log
        log.touch()
        defaults: dict[str, Any] = {"threads_per_child": 4, "max_request_workers": 16} if self.mpm.threaded else {}
        configuration = configuration_of(**{**defaults, **settings})
        self.mpm.check(configuration)
        geometry = self.mpm.geometry(configuration)
        self.scoreboard = Scoreboard.create(1, geometry.slots, 1)
        self.listener = free_listener()
        self._death_read, self.death_write = os.pipe()
        self._gate_read, self._gate_write = os.pipe()
        self.status: int | None = None
        self.pid = fork_child(log)
        if not self.pid:
            self._child(configuration, connection, before)
        os.close(self._death_read)
        os.close(self._gate_read)
        try:
            wait_until(lambda: self.scoreboard.process(0)["state"] == 2 or self.ended(), "the child to be ready")
            assert self.status is None, self.log()
        except BaseException:
            self.close()
            raise

    def _child(
        self, configuration: Configuration, connection: type[LineConnection], before: Callable[[], None]
    ) -> None:
        status = 1
        try:
            os.close(self.death_write)
            os.close(self._gate_write)
            connection.gate = self._gate_read
            site: Any = FakeSite(configuration, self.log_path)
            child = Child(site, self.mpm, self.scoreboard, 0, (self.listener,), self._death_read)
            child.connect = partial(connection, child)
            before()
            self.mpm.serve(child, child.listeners)
            status = 0
        except BaseException:  # noqa: BLE001 (whatever it was must not become a second process that runs the tests)
            with self.log_path.open("a") as log:
                log.write(traceback.format_exc())
        finally:
            os._exit(status)

    def connect(self, receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        client.settimeout(SECONDS)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            client.connect(("127.0.0.1", self.listener.port))
        except OSError:
            client.close()
            raise
        return client

    def ask(self, line: str, client: socket.socket | None = None) -> str:
        """Send one line and return the answer; on a connection of its own unless one is given."""
        if client is not None:
            client.sendall(line.encode() + b"\n")
            return read_line(client)
        with self.connect() as own:
            return self.ask(line, own)

    def hold(self, line: str, client: socket.socket) -> None:
        """Send a line that waits for the gate, or for ever, and return when it does."""
        client.sendall(line.encode() + b"\n")
        assert client.recv(len(HELD), socket.MSG_WAITALL) == HELD

    def open_gate(self) -> None:
        """Let all go on who wait for it, now and later."""
        if self._gate_write >= 0:
            os.close(self._gate_write)
            self._gate_write = -1

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def freeze(self) -> None:
        """Stop the child, with all its threads, and return when it has: so all that comes now is there at SIGCONT."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: set(self._states()) == {"T"}, "the child to stop")

    def _states(self) -> Iterator[str]:
        """What each thread of the child does: one letter, as the kernel has it."""
        for path in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            yield path.read_text(encoding="latin-1").rpartition(") ")[2][0]

    def ended(self) -> bool:
        """Whether the child has exited; its status is then in `status`."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self) -> int:
        wait_until(self.ended, "the child to end")
        assert self.status is not None
        return self.status

    def log(self) -> str:
        return self.log_path.read_text()

    def close(self) -> None:
        if not self.ended():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        with contextlib.suppress(OSError):
            os.close(self.death_write)
        self.open_gate()
        self.listener.close()
        self.scoreboard.close()


def fork_child(log: Path) -> int:
    """Fork; the child leads a process group, writes to `log`, and ends with this process whatever becomes of it.

    So a test run that is killed leaves nobody behind who holds its pipes.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        with contextlib.suppress(PermissionError):  # both do it, whoever comes first
            os.setpgid(pid, pid)
        return pid
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    gc.freeze()  # as the server does before it forks: walking through all that tests hold would look like spinning
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return 0


@contextlib.contextmanager
def served(mpm: str | MPM, log: Path, **options: Any) -> Iterator[Served]:
    """Serve for the length of a `with` block; the child's clean end by SIGTERM is part of it."""
    server = Served(mpm, log, **options)
    try:
        yield server
        if not server.ended():
            server.signal(signal.SIGTERM)
        assert server.wait() == 0, server.log()
    finally:
        server.close()


def read_line(client: socket.socket) -> str:
    """One line without its newline; shorter where the connection was closed."""
    data = bytearray()
    while not data.endswith(b"\n"):
        piece = client.recv(65536)
        if not piece:
            break
        data += piece
    return data.decode().removesuffix("\n")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)
