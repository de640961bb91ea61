"""RewriteMap prg: in a running server: one program for all children, another one after a restart, none at the end."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live_server import LiveServer, session_members, wait_until

PROGRAM = """#!/bin/sh
echo $$ >> ../logs/pids
while read -r key; do echo "$$-$key"; done
"""
DEAF = "#!/bin/sh\ntrap '' TERM\necho $$ >> ../logs/pids\nexec sleep 600\n"
CONFIG = """
RewriteEngine on
RewriteMap m prg:${ROOT}/cgi-bin/program.sh
RewriteRule ^/ask/(.*)$ http://x.test/${m:$1} [R]
"""


def _server(mpm: str, program: str = PROGRAM) -> LiveServer:
    return LiveServer(CONFIG, mpm=mpm, modules=("rewrite",), files={"cgi-bin/program.sh": program})


def _pids(server: LiveServer) -> list[int]:
    path = server.root / "logs/pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _ask(server: LiveServer, key: str) -> str:
    return server.get(f"/ask/{key}").header("Location") or ""


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
def test_all_children_ask_one_program(mpm: str) -> None:
    with _server(mpm) as server:
        keys = [f"key{number}" for number in range(24)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda key: _ask(server, key), keys))
        pids = _pids(server)
        assert len(pids) == 1
        assert answers == [f"http://x.test/{pids[0]}-{key}" for key in keys]


def test_a_restart_starts_another_one() -> None:
    with _server("event") as server:
        first = _ask(server, "a")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: len(_pids(server)) == 2 and _ask(server, "a") != first, 20, "the new program")
        pids = _pids(server)
        assert _ask(server, "a") == f"http://x.test/{pids[1]}-a"
        wait_until(lambda: pids[0] not in session_members(server.pid), 20, "the end of the first program")


@pytest.mark.parametrize("program", [PROGRAM, DEAF])
def test_it_ends_with_the_server(program: str) -> None:
    with _server("event", program) as server:
        wait_until(lambda: bool(_pids(server)), 10, "the program")
        pid = _pids(server)[0]
        server.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_program_that_dies_is_not_missed_for_ever() -> None:
    with _server("event") as server:
        wait_until(lambda: bool(_pids(server)), 10, "the program")
        os.kill(_pids(server)[0], signal.SIGKILL)
        assert _ask(server, "a") == "http://x.test/"
        assert len(_pids(server)) == 1


def test_a_server_whose_program_cannot_be_started_does_not_start() -> None:
    server = _server("event", "no script")
    try:
        with pytest.raises(AssertionError, match="AH00020: Configuration Failed, exiting"):
            server.start()
        assert "AH00654: mod_rewrite: could not start RewriteMap program" in server.error_log()
    finally:
        server.kill()
