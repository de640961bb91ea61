"""Live servers for tests: mpmserver itself and, as the reference, the machine's real ``apache2``.

Both are started the same way: a server root in a temporary directory (``conf/httpd.conf``, ``htdocs``, ``cgi-bin``,
``logs``), the command line of httpd with ``-D FOREGROUND``, in a session of its own, so that whatever it leaves behind
can be found by its session id and its descent, and never another test's process. Invariants:

* every wait is bounded and looks at something real (a connection answered, a process gone), never a fixed sleep;
* started as root, the configuration names an unprivileged ``User``/``Group`` and the root is readable by it;
* :meth:`Live.stop` is an assertion: exit status 0 and nobody of the session left.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal as signals
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.require import missing
from tests.wire_client import Response, exchange, parse_responses

PROJECT = Path(__file__).resolve().parent.parent
MIME_TYPES = PROJECT / "tests" / "mime.types"
HOST = "127.0.0.1"
UNPRIVILEGED = "www-data"
APACHE = shutil.which("apache2") or shutil.which("httpd")
APACHE_MODULES = Path("/usr/lib/apache2/modules")
START_SECONDS = 15.0
STOP_SECONDS = 15.0

#: What a test gets without asking: the modules that the server's own default configuration has.
MODULES: tuple[str, ...] = (
    "authn_core", "authn_file", "auth_basic", "authz_core", "authz_host", "authz_user", "alias", "autoindex",
    "cgi", "dir", "env", "macro", "mime", "reqtimeout", "setenvif", "status",
)  # fmt: skip

#: Small pools: a test wants a quick start, not capacity.
POOLS: Mapping[str, str] = {
    "prefork": "StartServers 2\nMinSpareServers 1\nMaxSpareServers 4\nMaxRequestWorkers 8\n",
    "worker": "StartServers 1\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 16\nMaxRequestWorkers 16\n",
    "event": "StartServers 1\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 16\nMaxRequestWorkers 16\n",
    "reactor": "#\n" * 5,  # as many lines as event's, with which it is compared: messages name lines
}


class Ports:
    """Ports that nobody has and nobody gets by chance until the server of a test listens there.

    They lie below those that the kernel gives to connections, each is given once by a process, and the workers of
    one pytest run (pytest-xdist) share them out: a worker's are those of its number modulo how many workers there are.
    """

    LOWEST = 10_240

    def __init__(self) -> None:
        share = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        highest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
        own = range(self.LOWEST + number, highest, share)
        start = random.randrange(len(own)) if own else 0
        self._left = iter([*own[start:], *own[:start]])

    def next(self) -> int:
        """The next port that is free now; one of the kernel's choice where all have been used."""
        for port in itertools.chain(self._left, itertools.repeat(0)):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind((HOST, port))
                found: int = probe.getsockname()[1]
                return found
        raise AssertionError("there is always one more")


@cache
def _ports() -> Ports:
    return Ports()


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on, nor will before the caller does."""
    return _ports().next()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll ``condition`` until it holds; ``AssertionError`` naming ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Process:
    """What ``/proc`` says of a process that runs (a zombie does not); ``started`` tells it from a later namesake."""

    pid: int
    parent: int
    session: int
    started: int


def processes() -> dict[int, Process]:
    """Every process that runs, by id."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text(encoding="latin-1")
        except OSError:
            continue
        state, parent, _group, session, *rest = stat[stat.rindex(")") + 2 :].split()
        if state != "Z":
            found[int(entry)] = Process(int(entry), int(parent), int(session), int(rest[15]))
    return found


def session_members(session: int) -> list[int]:
    """Ids of the processes that run in a session."""
    return [process.pid for process in processes().values() if process.session == session]


def family(leader: int) -> set[Process]:
    """Who runs in the session of ``leader``, and all their descendants: a script has a session of its own."""
    found = processes()
    members = {process for process in found.values() if process.session == leader}
    while more := {p for p in found.values() if p not in members and found.get(p.parent) in members}:
        members |= more
    return members


def still_running(known: set[Process]) -> set[Process]:
    """Those of ``known`` that have not ended."""
    now = processes()
    return {process for process in known if process.pid in now and now[process.pid].started == process.started}


def identity_lines() -> str:
    """``User``/``Group`` for a server that root starts; nothing otherwise."""
    return f"User {UNPRIVILEGED}\nGroup {UNPRIVILEGED}\n" if os.geteuid() == 0 else ""


def server_head(root: Path, port: int, mpm: str, modules: Sequence[str] = MODULES) -> str:
    """The lines that every test configuration needs: modules, listener, identity, pid file and error log."""
    loads = [f"LoadModule mpm_{mpm}_module {APACHE_MODULES}/mod_mpm_{mpm}.so"]
    loads += [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules]
    if "mime" in modules:
        loads.append(f'TypesConfig "{root}/conf/mime.types"')
    return (
        f'ServerRoot "{root}"\n' + "\n".join(loads) + f"\nListen {HOST}:{port}\n{identity_lines()}"
        f'PidFile "{root}/logs/httpd.pid"\nDefaultRuntimeDir "{root}/logs"\nErrorLog "{root}/logs/error.log"\n'
        f"{POOLS[mpm]}"
    )


class Live:
    """A server process on a temporary server root; a context manager.

    ``config`` is a fragment that follows :func:`server_head`, or with ``whole=True`` all of ``httpd.conf``; ``${ROOT}``
    and ``${PORT}`` in it are replaced. ``files`` maps paths below the root (``htdocs/a.txt``) to contents; a file
    that starts with ``#!`` becomes executable. A ``root`` that is passed in is used as it is and not removed.
    """

    name: ClassVar[str] = "server"
    always: ClassVar[str] = ""
    """A directive at the end of every configuration that hasn't it, where it moves no line of a test's own."""

    def __init__(
        self,
        config: str = "",
        *,
        mpm: str = "event",
        files: Mapping[str, str | bytes] | None = None,
        modules: Sequence[str] = MODULES,
        whole: bool = False,
        root: Path | None = None,
        port: int | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._owned = root is None
        self.root = root or Path(tempfile.mkdtemp(prefix="mpmserver-test-"))
        self.port = port or free_port()
        self.mpm = mpm
        self.arguments = tuple(arguments)
        self.environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._lay_out(files or {})
        self.write_config(config, modules=modules, whole=whole)

    @classmethod
    def command(cls) -> list[str]:
        """httpd's command line without the configuration's arguments."""
        raise NotImplementedError

    # The server root

    def _lay_out(self, files: Mapping[str, str | bytes]) -> None:
        self.root.chmod(0o755)
        for folder in ("conf", "htdocs", "cgi-bin", "logs"):
            self.root.joinpath(folder).mkdir(exist_ok=True)
        self.write("conf/mime.types", MIME_TYPES.read_bytes())
        for path, content in files.items():
            self.write(path, content)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file below the server root, readable by everybody, executable when it starts with ``#!``."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        target.write_bytes(data)
        target.chmod(0o755 if data.startswith(b"#!") else 0o644)
        return target

    def write_config(self, config: str, *, modules: Sequence[str] = MODULES, whole: bool = False) -> None:
        """Write ``conf/httpd.conf``; a running server sees it at its next restart."""
        text = config.replace("${ROOT}", str(self.root)).replace("${PORT}", str(self.port))
        if not whole:
            defaults = (
                f'ServerName localhost\nDocumentRoot "{self.root}/htdocs"\n'
                f'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common\nCustomLog "{self.root}/logs/access.log" common\n'
            )
            text = server_head(self.root, self.port, self.mpm, modules) + defaults + text
        if self.always and self.always.split()[0] not in text.split():
            text = f"{text}\n{self.always}"
        self.write("conf/httpd.conf", text)

    # The process

    def start(self) -> Self:
        """Start and wait until a connection is answered; ``AssertionError`` with stderr when it never is."""
        environment = {key: os.environ[key] for key in ("PATH", "LANG", "TZ", "HOME") if key in os.environ}
        environment |= {"PYTHONPATH": str(PROJECT), **self.environment}
        command = [*self.command(), "-d", str(self.root), "-f", str(self.root / "conf/httpd.conf")]
        with self._stderr_path().open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, "-D", "FOREGROUND", *self.arguments],
                cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                start_new_session=True,
            )  # fmt: skip
        try:
            wait_until(self._answers, START_SECONDS, f"{self.name} on port {self.port}")
        except BaseException:
            self.kill()
            raise
        return self

    def _answers(self) -> bool:
        """Whether a child takes a connection: one that we close unused is closed in turn and leaves no log line."""
        if self.process is not None and self.process.poll() is not None:
            status = self.process.returncode
            raise AssertionError(f"{self.name} ended with {status}:\n{self.stderr()}{self.error_log()}")
        try:
            with socket.create_connection((HOST, self.port), timeout=1.0) as probe:
                probe.shutdown(socket.SHUT_WR)
                return probe.recv(1) == b""
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The parent's process id."""
        assert self.process is not None, f"{self.name} is not running"
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def children(self) -> list[int]:
        """The parent's descendants, scripts too."""
        return sorted(process.pid for process in family(self.pid) if process.pid != self.pid)

    def descriptors(self) -> dict[int, int]:
        """How many descriptors each child has open; programs that a request started are no children of the parent."""
        found = {}
        for process in processes().values():
            if process.parent == self.pid:
                with contextlib.suppress(OSError):  # it has just ended
                    found[process.pid] = len(os.listdir(f"/proc/{process.pid}/fd"))
        return found

    def signal(self, number: signals.Signals) -> None:
        """Send a signal to the parent."""
        os.kill(self.pid, number)

    def stop(self, number: signals.Signals = signals.SIGTERM) -> None:
        """Stop and assert a clean exit: status 0, and no process of the session left behind."""
        process = self.process
        assert process is not None, f"{self.name} is not running"
        known = family(process.pid)
        if process.poll() is None:
            self.signal(number)
        try:
            status = process.wait(STOP_SECONDS)
            left = still_running(known | family(process.pid))
            assert status == 0, f"{self.name} ended with {status}:\n{self.stderr()}{self.error_log()}"
            assert not left, f"{self.name} left processes behind: {left}"
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not stop within {STOP_SECONDS:.0f} s") from None
        finally:
            self.kill(known)

    def kill(self, known: set[Process] | None = None) -> None:
        """End what is left of the family, and of ``known``, unasked; safe to call at any time."""
        if self.process is None:
            return
        for process in family(self.process.pid) | still_running(known or set()):
            try:
                os.kill(process.pid, signals.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(STOP_SECONDS)
        self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process is not None:
                if kind is None:
                    self.stop()
                else:
                    self.kill()
        finally:
            if self._owned:
                shutil.rmtree(self.root, ignore_errors=True)

    # What it wrote

    def _stderr_path(self) -> Path:
        return self.root / "logs" / "stderr"

    def _text(self, path: Path) -> str:
        return path.read_text(encoding="utf-8", errors="backslashreplace") if path.exists() else ""

    def stderr(self) -> str:
        """stdout and stderr of the foreground process so far."""
        return self._text(self._stderr_path())

    def error_log(self) -> str:
        return self._text(self.root / "logs" / "error.log")

    def access_log(self) -> str:
        return self._text(self.root / "logs" / "access.log")

    # Talking to it

    def connect(self, timeout: float = 10.0) -> socket.socket:
        """A fresh connection whose every operation is bounded by ``timeout`` seconds."""
        return socket.create_connection((HOST, self.port), timeout=timeout)

    def request(self, data: bytes, timeout: float = 10.0) -> bytes:
        """Send exactly ``data`` on a connection of its own and return all bytes until the server closes it."""
        with self.connect(timeout) as connection:
            return exchange(connection, (data,), timeout).received

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        timeout: float = 10.0,
    ) -> Response:
        """One request with ``Connection: close`` and its final response."""
        fields = {"Host": f"{HOST}:{self.port}", "Connection": "close", **(headers or {})}
        if body:
            fields.setdefault("Content-Length", str(len(body)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        received = self.request(head.encode("latin-1") + b"\r\n" + body, timeout)
        responses, _ = parse_responses(received, (method,))
        assert responses, f"no response to {method} {path}: {received!r}"
        return responses[-1]


class LiveServer(Live):
    """mpmserver of this source tree under the interpreter that runs the tests.

    MPMSERVER_TEST_RECALL=off has every answer made anew; otherwise Recall is what it is by default.
    """

    name = "mpmserver"
    always = "Recall Off\n" if os.environ.get("MPMSERVER_TEST_RECALL") == "off" else ""

    @classmethod
    def command(cls) -> list[str]:
        return [sys.executable, "-m", "mpmserver"]

    def recalled(self) -> int:
        """How many answers came from memory, as its page /server-status says.

        Exact of the process that makes the page; the others show theirs when they are asked, at most once a second.
        """
        lines = self.get("/server-status?auto").body.decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RecallHits:", "RecallResourceHits:")))


class LiveApache(Live):
    """The machine's Apache httpd: the reference."""

    name = "apache2"

    @classmethod
    def command(cls) -> list[str]:
        assert APACHE is not None, "Apache httpd is not installed (apt-get install apache2)"
        return [APACHE]


def require_apache() -> None:
    """Skip the calling test where Apache httpd is not installed; fail it where nothing may be missing."""
    if APACHE is None:
        missing("Apache httpd is not installed (apt-get install apache2)")
