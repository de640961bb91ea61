"""What the tests of the MPMs share: a child process that serves `lines.py` through a real MPM."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mpmserver.config.build import Configuration, Registry
from mpmserver.config.node import Origin
from mpmserver.config.sections import HostConfig
from mpmserver.core.child import Child
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.scoreboard import Scoreboard
from mpmserver.core.settings import Level
from mpmserver.mpm.base import MPM
from mpmserver.mpm.registry import load
from mpmserver.net.listen import Listener, ListenOptions, open_listeners, resolve
from tests.live_server import free_port
from tests.unit.mpm.lines import HELD, SECONDS, LineConnection

PR_SET_PDEATHSIG = 1


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
