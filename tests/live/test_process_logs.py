"""Log programs: they get every line, are started again when they die, survive a restart, and stop nobody."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.live_server import LiveServer, session_members, wait_until

COPY = "#!/bin/sh\necho $$ >> $1.pid\nexec cat >> $1\n"
DEAF = "#!/bin/sh\necho $$ >> $1.pid\nexec sleep 600\n"


def program(server: LiveServer, name: str = "copy.log") -> int:
    """The process id of the log program that was started last."""
    path = server.root / "logs" / f"{name}.pid"
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), 15, "the log program")
    return int(path.read_text().split()[-1])


def gone(server: LiveServer, pid: int) -> bool:
    return pid not in session_members(server.pid)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def piped(mpm: str, script: str = COPY) -> LiveServer:
    return LiveServer(
        'CustomLog "|${ROOT}/cgi-bin/copy.sh ${ROOT}/logs/copy.log" "%r"\n',
        mpm=mpm, modules=("authz_core",), files={"cgi-bin/copy.sh": script, "htdocs/a.txt": "a"},
    )  # fmt: skip


@pytest.mark.parametrize("mpm", ["prefork", "event"])
def test_nothing_is_lost_when_the_program_is_killed(mpm: str) -> None:
    with piped(mpm) as server:
        copy = server.root / "logs/copy.log"
        for number in range(20):
            if number == 10:
                first = program(server)
                # What it has read and not yet written would be lost with it, and nobody could help that.
                wait_until(lambda: len(lines(copy)) == 10, 15, "the first lines")
                os.kill(first, signal.SIGKILL)
                # Before it is scheduled to die it would read one more line.
                wait_until(partial(gone, server, first), 15, "the program's end")
            assert server.get(f"/a.txt?{number}").status == 200
        wait_until(lambda: len(lines(copy)) >= 20, 15, "the lines")
        assert sorted(lines(copy)) == sorted(f"GET /a.txt?{number} HTTP/1.1" for number in range(20))
        assert program(server) != first
        assert "AH00106: piped log program" in server.error_log()


def test_a_restart_keeps_the_program(tmp_path: Path) -> None:
    with piped("event") as server:
        before = program(server)
        server.get("/a.txt?1")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.error_log().count("resuming normal operations") == 2, 10, "the restart")
        server.get("/a.txt?2")
        copy = server.root / "logs/copy.log"
        wait_until(lambda: len(lines(copy)) == 2, 15, "the lines")
        assert program(server) == before


def test_a_program_that_is_configured_no_more_ends() -> None:
    with piped("prefork") as server:
        before = program(server)
        server.write_config("", modules=("authz_core",))
        server.signal(signal.SIGUSR1)
        wait_until(lambda: before not in session_members(server.pid), 10, "the program's end")
        assert server.get("/a.txt").status == 200


def test_a_deaf_program_stops_nobody() -> None:
    with piped("event", DEAF) as server:
        deaf = program(server)
        began = time.monotonic()
        for number in range(30):
            target = "/a.txt?" + "x" * 6000 + str(number)
            assert server.get(target).status == 200
        assert time.monotonic() - began < 10
        os.kill(deaf, signal.SIGKILL)
        server.stop(signal.SIGTERM)
