"""System calls of a hot keep-alive request are those that the table of ceilings names, and no more of them."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from bench.strace import calls
from bench.syscalls import ask
from tests.gate.ceilings import BESIDE, CALLS, CALLS_TOGETHER
from tests.live_server import LiveServer, session_members
from tests.require import missing, require_tool

REQUESTS = 480
TOGETHER = 16
ATTEMPTS = 3
#: What threads make of the time that passes; not of requests.
OF_TIME = frozenset({"clock_nanosleep", "poll", "read", "restart_syscall"})
#: One process, so that whoever answers is warm, and threads for all clients.
POOLS = {
    "prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 2\nMaxRequestWorkers 1\n",
    "worker": "StartServers 1\nThreadsPerChild 32\nMinSpareThreads 1\nMaxSpareThreads 32\nMaxRequestWorkers 32\n",
    "event": "StartServers 1\nThreadsPerChild 32\nMinSpareThreads 1\nMaxSpareThreads 32\nMaxRequestWorkers 32\n",
    "reactor": "ReactorProcesses 1\n",
}


@contextlib.contextmanager
def clients(server: LiveServer, count: int) -> Iterator[Sequence[socket.socket]]:
    """Keep-alive connections on each of which some requests have been answered."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(count)]
        ask(connections, 30)
        yield connections


def each_call(site: Path, mpm: str, count: int) -> Iterator[dict[str, float]]:
    """System calls of one request with so many clients, by name, counted again and again."""
    require_tool("strace")
    root = site / f"{mpm}-{count}"
    root.mkdir()
    config = f'{POOLS[mpm]}Recall On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\nDocumentRoot "{site}/htdocs"\n'
    with LiveServer(config, mpm=mpm, root=root) as server, clients(server, count) as connections:
        children = [pid for pid in session_members(server.pid) if pid != server.pid]
        while True:
            try:
                counted = calls(children, lambda: ask(connections, REQUESTS // count))
            except OSError as error:
                missing(str(error))
            yield {name: number / REQUESTS for name, number in counted.items() if name not in OF_TIME}


def held(found: Iterable[dict[str, float]], allowed: Mapping[str, float]) -> None:
    """A request makes the calls that are allowed and no others; noise only adds some, so the best run counts."""
    wrong = []
    for counted in itertools.islice(found, ATTEMPTS):
        wrong.append({name: count for name, count in counted.items() if count > allowed.get(name, 0) + BESIDE})
        if not wrong[-1]:
            return
    raise AssertionError(f"calls for a request beyond {dict(allowed)}: {wrong}")


@pytest.mark.parametrize("mpm", CALLS)
def test_one_client(site: Path, mpm: str) -> None:
    held(each_call(site, mpm, 1), CALLS[mpm])


@pytest.mark.parametrize("mpm", ["worker", "event", "reactor"])
def test_clients_that_ask_together(site: Path, mpm: str) -> None:
    """The loops wait, and write their log, for all that came together."""
    held(each_call(site, mpm, TOGETHER), {**CALLS[mpm], **CALLS_TOGETHER})
