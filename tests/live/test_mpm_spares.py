"""Spare processes and threads, and the limits: MaxRequestWorkers, MaxConnectionsPerChild."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path

import pytest

from tests.live.slow import MPMS, SlowServer, answer
from tests.live_server import wait_until

TICKS = os.sysconf("SC_CLK_TCK")


def start_time(pid: int) -> float:
    """When a process began, in seconds since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / TICKS


def test_a_shortage_is_made_good_by_1_2_4_servers_a_second() -> None:
    config = "StartServers 1\nMinSpareServers 8\nMaxSpareServers 9\nMaxRequestWorkers 20\n"
    with SlowServer("prefork", config) as server:
        wait_until(lambda: len(server.workers()) >= 8, 20, "eight idle servers")
        times = sorted(start_time(pid) for pid in server.workers())
        ages = [time - times[0] for time in times]
        for second, most in enumerate((2, 4, 8)):  # a busy machine makes rounds late, never early
            started = sum(age < second + 0.9 for age in ages)
            assert started <= most, f"a round a second, doubled while the shortage lasts: {ages}"


def test_servers_come_with_the_load_and_go_with_it() -> None:
    config = "StartServers 1\nMinSpareServers 2\nMaxSpareServers 3\nMaxRequestWorkers 6\n"
    with SlowServer("prefork", config) as server:
        busy = [server.begin(str(number)) for number in range(6)]
        waits = server.ask("/a.txt")
        wait_until(lambda: "AH00161: server reached MaxRequestWorkers setting" in server.error_log(), 15, "the limit")
        assert len(server.workers()) == 6
        assert not select.select([waits], [], [], 0)[0], "it waits in the backlog"
        server.let_go("0")
        assert "done 0" in answer(busy[0])
        busy[0].close()
        assert "static" in answer(waits)
        server.let_go()
        for number, connection in enumerate([*busy[1:], waits], 1):
            assert number == 6 or f"done {number}" in answer(connection)
            connection.close()
        wait_until(lambda: len(server.workers()) == 3, 20, "the surplus to leave")


@pytest.mark.parametrize("mpm", ["worker", "event"])
def test_threads_come_with_the_load_and_go_with_it(mpm: str) -> None:
    config = (
        "StartServers 1\nThreadsPerChild 2\nMinSpareThreads 3\nMaxSpareThreads 5\nMaxRequestWorkers 8\nServerLimit 4\n"
    )
    with SlowServer(mpm, config) as server:
        wait_until(lambda: len(server.workers()) == 2, 15, "three spare threads")
        busy = [server.begin(str(number)) for number in range(6)]
        wait_until(lambda: len(server.workers()) == 4, 15, "more processes")
        busy += [server.begin(str(number)) for number in range(6, 8)]
        number = "AH00286" if mpm == "worker" else "AH00484"
        wait_until(lambda: f"{number}: server reached MaxRequestWorkers" in server.error_log(), 15, "the limit")
        assert len(server.workers()) == 4
        server.let_go()
        for index, connection in enumerate(busy):
            assert f"done {index}" in answer(connection)
            connection.close()
        wait_until(lambda: len(server.workers()) == 2, 20, "the surplus to leave")


@pytest.mark.parametrize("mpm", MPMS)
def test_a_child_makes_way_after_its_connections_and_none_is_refused(mpm: str) -> None:
    config = 'MaxConnectionsPerChild 4\nReactorProcesses 2\nCustomLog logs/pids "%P %>s"\n'
    if mpm != "reactor":
        config = config.replace("ReactorProcesses 2\n", "")
    with SlowServer(mpm, config) as server:
        for _each in range(30):
            assert server.get("/a.txt").body == b"static\n"
        log = server.root / "logs/pids"
        wait_until(lambda: log.read_text().count("\n") == 30, 15, "the log lines")
        lines = log.read_text().splitlines()
        assert all(line.endswith(" 200") for line in lines)
        by_pid = [line.split()[0] for line in lines]
        # A thread that was woken for a connection just before its process has had enough takes it all the same.
        threads = 8 if mpm in ("worker", "event") else 1
        assert max(by_pid.count(pid) for pid in by_pid) <= 4 + threads
        assert len(set(by_pid)) > 2


def test_event_sheds_keep_alive_and_accepts_nothing_when_all_workers_are_busy() -> None:
    config = "StartServers 1\nThreadsPerChild 2\nMinSpareThreads 1\nMaxSpareThreads 3\nMaxRequestWorkers 2\n"
    with SlowServer("event", config) as server:
        idle, other = server.ask("/a.txt"), server.ask("/a.txt")
        assert "static" in answer(idle)
        assert "static" in answer(other)
        busy = [server.begin("0"), server.begin("1")]
        assert "static" in answer(server.ask("/a.txt", idle)), "the listener answers what blocks nobody"
        late = server.ask("/a.txt")
        queued = server.ask("/cgi-bin/slow.sh?2", other)
        assert idle.recv(1) == b"", "nobody is idle, and somebody waits: keep-alive connections go elsewhere"
        assert not select.select([late, queued], [], [], 0)[0]
        assert not server.started("2")
        server.let_go("0")
        assert "done 0" in answer(busy[0])
        wait_until(lambda: server.started("2"), 15, "the queued request's turn")
        server.let_go("1")
        assert "done 1" in answer(busy[1])
        assert "static" in answer(late)
        server.let_go()
        assert "done 2" in answer(queued)
        close(idle, other, late, *busy)


def close(*connections: socket.socket) -> None:
    for connection in connections:
        connection.close()
