"""Log programs of all tempers: one that rotates, one that is stopped, one that is deaf to the end of its input."""

from __future__ import annotations

import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.live.slow import MPMS, SlowServer, generations, title
from tests.live_server import session_members, wait_until
from tests.require import require_tool


def programs(server: SlowServer, word: str) -> list[int]:
    return [pid for pid in session_members(server.pid) if pid != server.pid and word in title(pid)]


def restarted(server: SlowServer, times: int) -> bool:
    return server.error_log().count("resuming normal operations") == times


@pytest.mark.parametrize("mpm", MPMS)
def test_rotatelogs_gets_every_line(mpm: str) -> None:
    rotatelogs = require_tool("rotatelogs")
    with SlowServer(mpm, f'CustomLog "|{rotatelogs} -n 3 ${{ROOT}}/logs/turning 1K" "%r"\n') as server:
        for number in range(20):
            assert server.get(f"/a.txt?{number}").status == 200
        server.signal(signal.SIGUSR1)
        for number in range(20, 40):
            assert server.get(f"/a.txt?{number}").status == 200
        server.stop()
        found = [line for path in server.root.glob("logs/turning*") for line in path.read_text().splitlines()]
        assert sorted(found) == sorted(f"GET /a.txt?{number} HTTP/1.1" for number in range(40))


@pytest.mark.parametrize("mpm", MPMS)
def test_a_stopped_program_stops_nobody_and_what_is_lost_is_said(mpm: str) -> None:
    small = "StartServers 1\nMaxRequestWorkers 1\nMaxSpareServers 1\n" if mpm == "prefork" else ""
    small += "ReactorProcesses 1\n" if mpm == "reactor" else ""
    config = small + 'CustomLog "|/bin/cat" "%{X}i%{X}i%{X}i%{X}i"\n'
    with SlowServer(mpm, config) as server:
        [cat] = programs(server, "/bin/cat")
        os.kill(cat, signal.SIGSTOP)
        # 28 kB a line, 1 MiB and a pipe's 64 kB are kept: some are lost.
        for _each in range(60):
            assert server.get("/a.txt", {"X": "x" * 7000}).status == 200
        server.stop()
        lost = re.findall(r"\[core:error\] .* (\d+) lines for piped log program '/bin/cat'", server.error_log())
        assert lost
        assert sum(map(int, lost)) > 10
        assert not Path(f"/proc/{cat}").exists(), "ended with the server, though it was stopped"


def test_an_error_log_whose_program_is_stopped_hinders_no_restart() -> None:
    config = 'ErrorLog "|/bin/cat"\n<Directory "${ROOT}/cgi-bin">\nRequire all denied\n</Directory>\n'
    with SlowServer("event", config) as server:
        [cat] = programs(server, "/bin/cat")
        os.kill(cat, signal.SIGSTOP)
        for _each in range(300):  # 64 kB are what the pipe itself holds
            assert server.get("/cgi-bin/slow.sh?" + "x" * 4000, {"Referer": "y" * 2000}).status == 403
        server.write_config(config)
        server.signal(signal.SIGUSR1)
        wait_until(lambda: generations(server) == {2}, 20, "the restart")
        assert server.get("/a.txt").body == b"static\n"


def test_a_program_that_ends_by_itself_later_is_no_zombie() -> None:
    """It is configured no more, and outlives two images of the parent."""
    config = 'CustomLog "|/bin/sh ${ROOT}/conf/deaf" "%r"\n'
    server = SlowServer("event", config)
    server.write("conf/deaf", "while [ ! -e $0.go ]; do sleep 0.05; done\n")
    with server:
        [deaf] = programs(server, "conf/deaf")
        server.write_config("")
        for number in (2, 3):
            server.signal(signal.SIGUSR1)
            wait_until(partial(restarted, server, number), 20, "the restart")
        server.write("conf/deaf.go", "")
        wait_until(lambda: not Path(f"/proc/{deaf}").exists(), 10, "the program's end to be noticed")
