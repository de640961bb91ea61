"""A server that runs: started in a folder of its own, found ready, and ended with all its children.

Only processes started here are ended, by their process ids.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from bench.peers import Peer, Setting
from bench.processes import tree

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 15.0
_LOWEST_PORT = 10_240


def free_port() -> int:
    """A port below those that the kernel gives to connections, where nobody listens now."""
    highest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    for _ in range(1000):
        port = random.randrange(_LOWEST_PORT, highest)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


class PeerError(RuntimeError):
    """A server didn't start, or left."""


class Running:
    """A peer that serves; a context manager that stops it and all its children."""

    def __init__(self, peer: Peer, setting: Setting, core: int | None) -> None:
        self.peer, self.setting = peer, setting
        self.folder = setting.root / "peers" / f"{peer.name.replace(' ', '-')}-{setting.port}"
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o777)
        command = peer.prepare(setting, self.folder)
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self._output = (self.folder / "output").open("wb")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*pin, *command], cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL, stdout=self._output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def port(self) -> int:
        return self.setting.port

    @property
    def pid(self) -> int:
        """The parent of all its processes."""
        return self.process.pid

    def children(self) -> list[int]:
        """All its processes but the parent; the parent where it has no children."""
        return tree(self.pid)[1:] or [self.pid]

    def __enter__(self) -> Self:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if answers(self.port):
                return self
            time.sleep(0.01)
        said = "".join(
            path.read_text(errors="replace")[-2000:] for name in ("output", "error_log")
            if (path := self.folder / name).exists()
        )  # fmt: skip
        self.__exit__()
        raise PeerError(f"{self.name} doesn't serve:\n{said}")

    def __exit__(self, *_error: object) -> None:
        end(tree(self.pid))
        self.process.wait(5)
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def environment() -> dict[str, str]:
    """What a server started from here gets: this checkout's mpmserver, wherever it is started, compiled once."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(PROJECT)}


def answers(port: int) -> bool:
    """Whether a connection is taken, and a request on it answered."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /small.html HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False


def end(family: Iterable[int], seconds: float = 5.0) -> None:
    """Ask processes to end, the parent first, then see to it."""
    left = list(family)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + seconds
        for _ in itertools.count():
            left = [pid for pid in left if _runs(pid)]
            if not left or time.monotonic() > until:
                break
            time.sleep(0.02)
        if not left:
            return


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
