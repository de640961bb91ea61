"""Leaving: a graceful stop waits for what runs, but no longer than it is allowed to; who dies is replaced."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.slow import MPMS, SlowServer, answer, generations, title
from tests.live_server import PROJECT, UNPRIVILEGED, wait_until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize("mpm", MPMS)
def test_a_graceful_stop_lets_a_script_finish(mpm: str) -> None:
    with SlowServer(mpm) as server:
        running = server.begin("1")
        server.signal(signal.SIGWINCH)
        wait_until(lambda: not (server.root / "logs/httpd.pid").exists(), 10, "the pid file to go")
        wait_until(lambda: refuses(server), 10, "the listener to close")
        assert not select.select([running], [], [], 0)[0]
        server.let_go()
        assert "done 1" in answer(running)
        running.close()
        assert server.process is not None
        assert server.process.wait(15) == 0


def refuses(server: SlowServer) -> bool:
    try:
        server.connect(1).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("mpm", MPMS)
def test_graceful_shutdown_timeout_ends_what_does_not_end(mpm: str) -> None:
    with SlowServer(mpm, "GracefulShutdownTimeout 1\n") as server, server.begin("1") as running:
        server.signal(signal.SIGWINCH)
        server.stop(signal.SIGWINCH)
        assert running.recv(1) == b"", "cut, and no script of the session is left (stop saw to it)"


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_dies_is_replaced(mpm: str, number: signal.Signals) -> None:
    with SlowServer(mpm, "ReactorProcesses 1\n" if mpm == "reactor" else "StartServers 1\n") as server:
        victim = server.workers()[0]
        os.kill(victim, number)
        line = rf"\[core:notice\] .* AH0005[12]: child pid {victim} exit signal [A-Z][a-z ]+ \({number:d}\)"
        wait_until(lambda: re.search(line, server.error_log()) is not None, 10, "the report")
        assert server.get("/a.txt").body == b"static\n"
        assert victim not in server.workers()


@pytest.mark.parametrize("mpm", MPMS)
def test_restarts_leave_a_running_script_alone_and_nothing_grows(mpm: str) -> None:
    """Neither the parent's descriptors nor its memory, from image to image."""
    rounds = 4
    with SlowServer(mpm) as server:
        running = server.begin("1")
        restart(server, 2)
        before = open_files(server.pid)
        memory = resident(server.pid)
        for number in range(3, 3 + rounds):
            restart(server, number)
        wait_until(lambda: open_files(server.pid) == before, 10, f"{open_files(server.pid)} to be {before}")
        assert resident(server.pid) < memory * 1.1
        assert len(os.listdir(f"/proc/{server.pid}/task")) == 1, "a parent that forks has one thread"
        assert 1 in generations(server)
        server.let_go()
        assert "done 1" in answer(running)
        running.close()
        wait_until(lambda: generations(server) == {2 + rounds}, 15, "the first generation to leave")


def restart(server: SlowServer, number: int) -> None:
    """Restart gracefully and wait until the generation before is gone; the first has something to do."""
    server.signal(signal.SIGUSR1)
    wait_until(lambda: generations(server) == {1, number}, 20, f"generation {number}")


def open_files(pid: int) -> list[str]:
    """What a process has open, without the numbers in the names."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed just now
            found.append(re.sub(r"\d+", "N", os.readlink(fd)))
    return sorted(found)


def resident(pid: int) -> int:
    """Kilobytes of memory that a process has (shared with its children for the most part)."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


@AS_ROOT
def test_core_dump_directory_is_where_children_are(tmp_path: Path) -> None:
    with SlowServer("prefork", 'CoreDumpDirectory "${ROOT}/gate"\n') as server:
        account = pwd.getpwnam(UNPRIVILEGED)
        for pid in server.workers():
            assert os.readlink(f"/proc/{pid}/cwd") == str(server.root / "gate")
            assert os.stat(f"/proc/{pid}/environ").st_uid == account.pw_uid, "it may leave a core dump"


def test_the_name_of_n_begins_titles_and_is_believed() -> None:
    server = SlowServer("prefork")
    server.arguments = ("-n", "shop")
    with server:
        assert title(server.pid) == f"shop: master {server.root}/conf/httpd.conf (prefork)"
        assert all(title(pid).startswith("shop: worker ") for pid in server.workers())
        command = [sys.executable, "-m", "mpmserver", "-d", str(server.root), "-k"]
        said = subprocess.run([*command, "start"], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
        assert said.stdout == f"httpd (pid {server.pid}) already running\n"
        subprocess.run([*command, "graceful"], cwd=PROJECT, check=True, timeout=30)
        wait_until(lambda: generations(server) == {2}, 20, "the restart")
        assert title(server.pid).startswith("shop: master ")


def test_a_pid_file_that_was_left_behind_is_overwritten_with_a_warning() -> None:
    server = SlowServer("prefork")
    server.write("logs/httpd.pid", "4194304\n")
    with server:
        line = rf"\[core:warn\] .* AH00098: pid file {server.root}/logs/httpd.pid overwritten -- Unclean shutdown"
        assert re.search(line, server.error_log())
        assert (server.root / "logs/httpd.pid").read_text() == f"{server.pid}\n"
