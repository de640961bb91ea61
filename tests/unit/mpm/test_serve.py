"""Every MPM's `serve` in a forked child, with real sockets: what holds for all four."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from itertools import count, islice
from pathlib import Path

import pytest

from mpmserver.core.scoreboard import WRITING
from tests.unit.mpm.kit import Served, read_line, served, wait_until
from tests.unit.mpm.lines import AT_ONCE, LineConnection

MPMS = ("prefork", "worker", "event", "reactor", "reactor poll", "reactor select")
CONCURRENT = MPMS[1:]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("echo hello", "hello"),
        ("later 0.05 late", "late"),
        ("work busy", "busy"),
        ("offload abc", "cba"),
        ("broken", "KeyError"),
        ("pipe 0.05 through", "through"),
        ("never 0.05", "timed out SCRIPT"),
        ("never 0", "timed out SCRIPT"),
    ],
)
def test_each_wait_is_answered(mpm: str, log: Path, line: str, answer: str) -> None:
    with served(mpm, log) as server, server.connect() as client:
        assert server.ask(line, client) == answer
        assert server.ask("echo and again", client) == "and again"
        assert server.ask(line, client) == answer
    assert server.log() == ""


@pytest.mark.parametrize("mpm", MPMS)
def test_a_body_is_waited_for(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as client:
        client.sendall(b"body 10\n12345")
        time.sleep(0.05)
        client.sendall(b"67890")
        assert read_line(client) == "10"


@pytest.mark.parametrize("mpm", MPMS)
def test_pipelined_lines_are_answered_in_order(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as client:
        client.sendall(b"echo 1\nwork 2\noffload 3\nlater 0.01 4\necho 5\n")
        with client.makefile("rb") as answers:
            assert [next(answers) for _each in range(5)] == [b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"]


@pytest.mark.parametrize("mpm", MPMS)
def test_a_slow_reader_gets_every_byte(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect(receive_buffer=4096) as client:
        client.sendall(b"big 3000000\n")
        time.sleep(0.1)
        assert len(read_line(client)) == 3_000_000
        assert server.ask("echo after", client) == "after"


@pytest.mark.parametrize("mpm", MPMS)
def test_a_reader_that_never_reads_is_given_up(mpm: str, log: Path) -> None:
    class Impatient(LineConnection):
        write_seconds = 0.2

    with served(mpm, log, connection=Impatient) as server, server.connect(receive_buffer=4096) as client:
        assert server.ask("echo 1", client) == "1"
        taken = server.descriptors()
        client.sendall(b"big 30000000\n")
        wait_until(lambda: server.descriptors() < taken, "the client to be given up")
        assert server.ask("echo others are served") == "others are served"
        assert len(read_line(client)) < 30_000_000


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("line", ["fail", "explode"])
def test_an_error_ends_the_connection_and_is_logged(mpm: str, log: Path, line: str) -> None:
    with served(mpm, log) as server:
        with server.connect() as client:
            client.sendall(line.encode() if line == "explode" else line.encode() + b"\n")
            assert client.recv(100) == b""
        assert server.ask("echo alive") == "alive"
        assert server.log().count("Traceback") == 1
        assert "[core:error]" in server.log()
        assert "RuntimeError" in server.log()


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize(("first", "seconds"), [(False, "keep_alive_seconds"), (True, "first_seconds")])
def test_an_idle_connection_expires(mpm: str, log: Path, first: bool, seconds: str) -> None:
    brief = type("Brief", (LineConnection,), {seconds: 0.2})
    with served(mpm, log, connection=brief) as server:
        begin = time.monotonic()
        with server.connect() as client:
            if not first:
                assert server.ask("echo x", client) == "x"
            assert read_line(client) == "expired"
            assert 0.15 < time.monotonic() - begin < AT_ONCE
            assert client.recv(1) == b""


@pytest.mark.parametrize("mpm", CONCURRENT)
def test_idle_connections_cost_no_thread(mpm: str, log: Path) -> None:
    with served(mpm, log, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(3 if mpm == "worker" else 40)]
        for number, client in enumerate(clients):
            assert server.ask(f"echo {number}", client) == str(number)
        for number, client in enumerate(clients):
            assert server.ask(f"work {number}", client) == str(number)
            client.close()
            # a thread may give its answer before its seat: with none left, idle connections are closed
            wait_until(lambda: WRITING not in server.scoreboard.statuses(0), "all seats to be free")


@pytest.mark.parametrize("mpm", MPMS)
def test_no_descriptor_leaks(mpm: str, log: Path) -> None:
    with served(mpm, log) as server:
        for line in ("echo 1", "work 1", "offload 1", "pipe 0 1"):
            server.ask(line)
        time.sleep(0.1)
        before = server.descriptors()
        for _each in range(10):
            for line in ("echo 1", "work 1", "offload 1", "pipe 0 1", "quit"):
                server.ask(line)
            server.connect().close()
        wait_until(lambda: server.descriptors() <= before, "descriptors to be closed")


@pytest.mark.parametrize("mpm", MPMS)
def test_a_reset_connection_is_let_go(mpm: str, log: Path) -> None:
    with served(mpm, log) as server:
        client = server.connect()
        server.ask("echo 1", client)
        before = server.descriptors()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        wait_until(lambda: server.descriptors() < before, "the descriptor to be closed")
        assert server.ask("echo 2") == "2"


# Leaving


@pytest.mark.parametrize("mpm", MPMS)
def test_a_graceful_stop_ends_idle_connections_at_once(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as client:
        assert server.ask("echo 1", client) == "1"
        time.sleep(0.05)
        server.signal(signal.SIGUSR1)
        assert client.recv(1) == b""
        assert server.wait() == 0
    assert server.log() == ""


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("line", ["pipe 0.4 done", "later 0.4 done", "work done", "big 3000000"])
def test_a_graceful_stop_lets_answers_finish(mpm: str, log: Path, line: str) -> None:
    with served(mpm, log) as server, server.connect(receive_buffer=4096) as client:
        client.sendall(line.encode() + b"\n")
        time.sleep(0.15)
        server.signal(signal.SIGUSR1)
        time.sleep(0.1)
        answer = read_line(client)
        assert answer == "done" if "done" in line else len(answer) == 3_000_000
        assert client.recv(1) == b""
        client.close()
        assert server.wait() == 0


@pytest.mark.parametrize("mpm", MPMS)
def test_a_graceful_stop_waits_for_a_first_request(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as client:
        time.sleep(0.1)
        server.signal(signal.SIGUSR1)
        time.sleep(0.1)
        assert server.ask("echo in time", client) == "in time"
        assert client.recv(1) == b""
        client.close()
        assert server.wait() == 0


@pytest.mark.parametrize("mpm", MPMS)
def test_a_process_that_leaves_accepts_nothing_more(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as busy:
        server.hold("hold done", busy)
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.scoreboard.process(0)["quiescing"] == 1, "the order to arrive")
        server.listener.close()
        wait_until(lambda: refuses(server), "the last listener to be closed")
        server.open_gate()
        assert read_line(busy) == "done"


def refuses(server: Served) -> bool:
    """Whether nobody listens there any more."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("state", ["unused", "first bytes", "idle", "waiting", "sleeping", "writing"])
def test_a_stop_at_once_ends_everything(mpm: str, log: Path, tmp_path: Path, state: str) -> None:
    marker = tmp_path / "marker"
    with served(mpm, log) as server, server.connect(receive_buffer=4096) as client:
        if state == "first bytes":
            client.sendall(b"ec")
        elif state == "idle":
            server.ask("echo 1", client)
        elif state == "waiting":
            server.hold(f"guarded {marker}", client)
        elif state == "sleeping":
            client.sendall(b"later 30 x\n")
        elif state == "writing":
            client.sendall(b"workbig 30000000\n")
        time.sleep(0.15)
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - begin < AT_ONCE
    assert server.log() == ""
    assert marker.exists() == (state == "waiting")


@pytest.mark.parametrize("mpm", MPMS)
def test_the_parents_end_is_noticed(mpm: str, log: Path) -> None:
    with served(mpm, log) as server, server.connect() as client:
        server.ask("echo 1", client)
        time.sleep(0.05)
        os.close(server.death_write)
        server.death_write = -1
        assert server.wait() == 0


@pytest.mark.parametrize("mpm", MPMS)
def test_signals_of_the_parent_are_ignored(mpm: str, log: Path) -> None:
    with served(mpm, log) as server:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGWINCH, signal.SIGPIPE):
            server.signal(number)
        assert server.ask("echo alive") == "alive"


@pytest.mark.parametrize("mpm", MPMS)
def test_max_connections_per_child(mpm: str, log: Path) -> None:
    with served(mpm, log, max_connections_per_child=3) as server:
        first = server.connect()
        assert server.ask("quit 1", first) == "1"
        first.close()
        assert server.ask("quit 2") == "2"
        assert not server.ended()
        assert server.ask("echo 3") == "3"
        assert server.wait() == 0


@pytest.mark.parametrize("mpm", CONCURRENT)
def test_the_last_connection_of_a_child_ends_the_idle_ones(mpm: str, log: Path) -> None:
    with served(mpm, log, max_connections_per_child=2) as server, server.connect() as idle:
        assert server.ask("echo 1", idle) == "1"
        time.sleep(0.05)
        assert server.ask("echo 2") == "2"
        assert server.wait() == 0


@pytest.mark.parametrize("mpm", MPMS)
def test_out_of_descriptors(mpm: str, log: Path) -> None:
    def limit() -> None:
        # The process that runs the tests may have any number open: what counts is how many it can still open.
        taken = {int(name) for name in os.listdir("/proc/self/fd")}
        most = next(islice((fd for fd in count() if fd not in taken), 25, None))
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    with served(mpm, log, before=limit, async_request_worker_factor=20.0) as server:
        clients = [server.connect() for _each in range(50)]
        try:
            if mpm not in ("prefork", "worker"):
                wait_until(lambda: "Too many open files" in server.log(), "the complaint")
            assert min(share_of_cpu(server, 0.3) for _each in range(6)) < 0.6, "it spins"
            assert server.log().count("Too many open files") < 10, "it is said once a second"
        finally:
            for client in clients:
                client.close()
        assert server.ask("echo recovered") == "recovered"


def share_of_cpu(server: Served, seconds: float) -> float:
    """What part of a core it uses in the next `seconds`, or in however long it was before we ran again."""
    used, began = cpu_seconds(server), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(server) - used) / (time.monotonic() - began)


def cpu_seconds(server: Served) -> float:
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
