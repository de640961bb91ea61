"""BufferedLogs under every MPM: nothing is written while there is little, all of it when a child ends."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.live_server import LiveServer, wait_until


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
def test_lines_wait_for_the_end_of_their_child(live_server: Callable[..., LiveServer], mpm: str) -> None:
    config = "BufferedLogs On\nCustomLog \"|cat >> logs/piped\" \"%U\"\n"
    config = config.replace('"|cat', '"|$cat')
    server = live_server(config, mpm=mpm, files={"htdocs/a.txt": "a"})
    for _ in range(5):
        server.get("/a.txt")
    assert server.access_log() == ""
    server.signal(signal.SIGUSR1)
    wait_until(lambda: server.access_log().count("\n") == 5, 15, "the lines of the children that have ended")
    server.get("/a.txt")
    server.stop()
    assert server.access_log().count('"GET /a.txt HTTP/1.1" 200') == 6
    assert server.root.joinpath("logs/piped").read_text() == "/a.txt\n" * 6


def test_many_lines_are_written_meanwhile(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("BufferedLogs On\n", mpm="reactor", files={"htdocs/a.txt": "a"})
    one = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    server.request(one * 100 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    wait_until(lambda: server.access_log().count("\n") > 40, 5, "some lines")
    assert server.access_log().endswith("\n")
