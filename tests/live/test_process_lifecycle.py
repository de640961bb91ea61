"""The parent: start, notices, titles, pid file, signals, dead children, its own death."""

from __future__ import annotations

import fcntl
import grp
import os
import pty
import pwd
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.slow import title
from tests.live_server import PROJECT, LiveServer, session_members, wait_until

Start = Callable[..., LiveServer]
NUMBERS = {
    "prefork": ("AH00163", "AH00169", "AH00170", "AH00173"),
    "worker": ("AH00292", "AH00295", "AH00296", "AH00298"),
    "event": ("AH00489", "AH00491", "AH00492", "AH00494"),
}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def status_field(pid: int, name: str) -> list[int]:
    text = Path(f"/proc/{pid}/status").read_text()
    match = re.search(rf"^{name}:(.*)$", text, re.MULTILINE)
    assert match is not None
    return [int(word) for word in match[1].split()]


def notices(server: LiveServer) -> list[str]:
    return [line.partition("] ")[2].partition("] ")[2].partition("] ")[2] for line in server.error_log().splitlines()]


def workers(server: LiveServer) -> list[int]:
    return [pid for pid in server.children() if title(pid).startswith("mpmserver: worker")]


@pytest.mark.parametrize("mpm", sorted(NUMBERS))
def test_notices_of_a_start_and_a_stop_are_apaches(mpm: str) -> None:
    configured, stopped, _graceful, _restarted = NUMBERS[mpm]
    with LiveServer(mpm=mpm, modules=("authz_core",)) as server:
        pid_file = server.root / "logs" / "httpd.pid"
        assert pid_file.read_text() == f"{server.pid}\n"
        wait_until(lambda: len(notices(server)) >= 2, 10, "the notices")
        head = server.error_log().splitlines()[0]
        assert re.fullmatch(
            rf"\[\w{{3}} \w{{3}} \d\d \d\d:\d\d:\d\d\.\d{{6}} \d{{4}}\] \[mpm_{mpm}:notice\] "
            rf"\[pid {server.pid}:tid {server.pid}\] {configured}: \S+ configured -- resuming normal operations",
            head,
        )
        assert notices(server)[1].startswith("AH00094: Command line: '")
        server.stop()
        assert notices(server)[-1] == f"{stopped}: caught SIGTERM, shutting down"
        assert not pid_file.exists()


def test_titles(live_server: Start) -> None:
    server = live_server(mpm="prefork", modules=("authz_core",))
    assert title(server.pid) == f"mpmserver: master {server.root}/conf/httpd.conf (prefork)"
    wanted = ["mpmserver: worker 0 generation 1 [0 busy]", "mpmserver: worker 1 generation 1 [0 busy]"]
    wait_until(lambda: sorted(title(pid) for pid in workers(server))[:2] == wanted, 15, "the titles")


@AS_ROOT
def test_children_give_root_up_for_good(live_server: Start) -> None:
    server = live_server(mpm="prefork", modules=("authz_core",))
    account = pwd.getpwnam("www-data")
    for pid in workers(server):
        assert status_field(pid, "Uid") == [account.pw_uid] * 4
        assert status_field(pid, "Gid") == [grp.getgrnam("www-data").gr_gid] * 4
        assert sorted(status_field(pid, "Groups")) == sorted(set(os.getgrouplist("www-data", account.pw_gid)))
    assert status_field(server.pid, "Uid") == [0] * 4


def test_a_killed_child_is_reported_and_replaced(live_server: Start) -> None:
    server = live_server(mpm="prefork", modules=("authz_core",))
    victims = set(workers(server))
    for victim in victims:
        os.kill(victim, signal.SIGSEGV)

    def reported() -> set[int]:
        line = r"\[core:notice\] .* AH0005[12]: child pid (\d+) exit signal Segmentation fault \(11\)"
        return {int(pid) for pid in re.findall(line, server.error_log())}

    wait_until(lambda: reported() == victims, 15, "the reports")
    wait_until(lambda: bool(set(workers(server)) - victims), 15, "a new child")


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
def test_children_leave_when_the_parent_is_killed(mpm: str) -> None:
    server = LiveServer(mpm=mpm, modules=("authz_core",)).start()
    try:
        session = server.pid
        os.kill(server.pid, signal.SIGKILL)
        assert server.process is not None
        server.process.wait(5)
        wait_until(lambda: not session_members(session), 10, "the children's end")
    finally:
        server.kill()


def test_hangup_replaces_all_children_and_keeps_the_pid(live_server: Start) -> None:
    server = live_server(mpm="prefork", modules=("authz_core",))
    old = set(workers(server))
    server.signal(signal.SIGHUP)

    def replaced() -> bool:
        now = set(workers(server))
        return len(now) >= 2 and not old & now

    wait_until(replaced, 10, "new children")
    assert NUMBERS["prefork"][3] + ": SIGHUP received.  Attempting to restart" in server.error_log()
    assert title(workers(server)[0]).split(" [")[0].endswith("generation 2")
    assert (server.root / "logs" / "httpd.pid").read_text() == f"{server.pid}\n"


def test_window_change_sent_by_kill_stops_gracefully(live_server: Start) -> None:
    server = live_server(mpm="prefork", modules=("authz_core",))
    server.stop(signal.SIGWINCH)
    assert notices(server)[-1] == "AH00170: caught SIGWINCH, shutting down gracefully"


def test_a_terminals_resize_stops_nothing() -> None:
    """The terminal sends SIGWINCH to the whole foreground group, parent and children."""
    server = LiveServer(mpm="prefork", modules=("authz_core",))
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "mpmserver", "-d", str(server.root), "-D", "FOREGROUND"]
    script = 'exec "$@" < "$0"'  # a session's leader that opens a terminal gets it as its own
    process = subprocess.Popen(
        ["/bin/sh", "-c", script, os.ttyname(slave), *command],
        stdin=subprocess.DEVNULL, start_new_session=True, cwd=PROJECT,
    )  # fmt: skip
    try:
        server.process = process
        wait_until(lambda: len(workers(server)) == 2, 15, "the start")
        before = set(workers(server))
        for rows in (30, 40, 50):
            resize(master, rows)
            time.sleep(0.2)
        assert process.poll() is None
        assert before <= set(workers(server))
        assert "SIGWINCH" not in server.error_log()
        server.stop()
    finally:
        server.kill()
        os.close(master)
        os.close(slave)


def resize(fd: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", rows, 80, 0, 0))


CRASHING = """
import os
from mpmserver.core.module import Module

def child_init(child):
    os._exit(7)

MODULE = Module("crash", child_init=child_init)
"""


def test_children_that_end_at_once_are_not_started_in_a_rush() -> None:
    module = {"crashing.py": CRASHING}
    server = LiveServer("LoadModule crash_module crashing", mpm="prefork", modules=("authz_core",), files=module)
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}:{server.root}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mpmserver", "-d", str(server.root), "-D", "FOREGROUND"],
        env=environment, start_new_session=True, cwd=PROJECT,
    )  # fmt: skip
    server.process = process
    try:
        wait_until(lambda: "the next one starts in 2 seconds" in server.error_log(), 15, "the back-off")
        assert process.poll() is None
        server.stop()
    finally:
        server.kill()


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_debug_mode_is_one_process_that_the_terminal_can_stop(mpm: str, number: signal.Signals) -> None:
    files = {"htdocs/a.txt": "a"}
    with LiveServer(mpm=mpm, modules=("authz_core",), arguments=["-X"], files=files) as server:
        assert server.children() == []
        assert server.get("/a.txt").body == b"a"
        server.stop(number)
        assert not (server.root / "logs/httpd.pid").exists()
        assert len(server.access_log().splitlines()) == 1
