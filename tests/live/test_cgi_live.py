"""CGI scripts on a live server under each MPM: what they inherit, how their bytes flow, how they end.

One server serves all tests of an MPM; the last ones look at what all of them have left behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer, wait_until
from tests.wire_client import Response, parse_responses

MPMS = ("prefork", "worker", "event", "reactor")
MEGABYTE = 1 << 20
HEAD = "printf 'Content-Type: text/plain\\n\\n'\n"
SCRIPTS = {
    "env.sh": HEAD + "exec env",
    "status.sh": HEAD + "exec cat /proc/self/status /proc/self/stat",
    "fds.sh": HEAD + "exec ls -l /proc/self/fd",
    "place.sh": HEAD + "pwd; echo $0",
    "echo.sh": HEAD + "exec cat",
    "read-nothing.sh": HEAD + "echo ok",
    "stderr.sh": HEAD + "printf 'one\\ntwo\\r\\nlast' >&2; echo ok",
    "slow.sh": HEAD + "echo begin; sleep 0.3; echo end",
    "sleep.sh": "echo $$ >>$STATE/$QUERY_STRING; sleep 60 & echo $! >>$STATE/$QUERY_STRING; wait",
    "endless.sh": "echo $$ >$STATE/$QUERY_STRING\n" + HEAD + "exec yes",
    "silent.sh": "sleep 60",
    "stuck.sh": HEAD + "echo begin; sleep 60",
    "broken.sh": "echo no header",
    "nothing.sh": "exit 1",
    "killed.sh": "kill -9 $$",
    "nph-raw.sh": "printf 'HTTP/1.1 299 Mine\\r\\nX-Own: 1\\r\\n\\r\\nraw'",
    "local.sh": "cat >/dev/null; printf 'Location: /page.txt\\n\\n'",
    "away.sh": "printf 'Location: http://other.example/\\n\\n'",
    "limits.sh": HEAD + "ulimit -S -t; ulimit -H -t; ulimit -S -v",
    "background.sh": HEAD + "(sleep 0.5; echo done >$STATE/background) >/dev/null 2>&1 & echo ok",
}
CONFIG = """
ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"
SetEnv STATE "${ROOT}/state"
<LocationMatch "silent|stuck">
  CGIScriptTimeout 1s
</LocationMatch>
<Location "/cgi-bin/limits.sh">
  RLimitCPU 7 9
  RLimitMEM 400000000
</Location>
<Location "/cgi-bin/small">
  LimitRequestBody 10
</Location>
"""


@pytest.fixture(scope="module", params=MPMS)
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    files = {f"cgi-bin/{name}": f"#!/bin/sh\n{text}\n" for name, text in SCRIPTS.items()}
    files["htdocs/page.txt"] = "the page\n"
    files["cgi-bin/small"] = files["cgi-bin/echo.sh"]
    live = LiveServer(CONFIG, mpm=request.param, files=files, environment={"SERVER_SECRET": "hidden"})
    live.root.joinpath("state").mkdir()
    live.root.joinpath("state").chmod(0o777)
    with live:
        yield live


def request_head(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while data := connection.recv(MEGABYTE):
        pieces.append(data)
    return b"".join(pieces)


def only(data: bytes) -> Response:
    responses, rest = parse_responses(data, ("GET",))
    assert not rest
    return responses[-1]


def reset(connection: socket.socket) -> None:
    """Close with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def state_and_parent(pid: int) -> tuple[str, int]:
    """A process's state letter and its parent; ("", 0) where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return "", 0
    state, parent = stat[stat.rindex(")") + 2 :].split()[:2]
    return state, int(parent)


def is_there(pid: int) -> bool:
    """Whether a process exists; as a zombie too, unless it has been left to init."""
    state, parent = state_and_parent(pid)
    return bool(state) and (state != "Z" or parent != 1)


def noted_pids(server: LiveServer, name: str, count: int) -> list[int]:
    """The process ids that a script has written down."""
    file = server.root / "state" / name
    wait_until(lambda: file.exists() and len(file.read_text().split()) == count, 15, f"{name} to start")
    return [int(word) for word in file.read_text().split()]


def wait_for_end(pids: list[int]) -> None:
    wait_until(lambda: not any(map(is_there, pids)), 15, f"the end of {pids}")


# What a script inherits


def test_the_environment_is_the_requests_alone(server: LiveServer) -> None:
    text = server.get("/cgi-bin/env.sh?a=1", {"Proxy": "evil", "Authorization": "Basic eDp5"}).body.decode()
    values = dict(line.split("=", 1) for line in text.splitlines())
    assert values["REQUEST_URI"] == "/cgi-bin/env.sh?a=1"
    assert values["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert values["REMOTE_ADDR"] == "127.0.0.1"
    assert not {"SERVER_SECRET", "HTTP_PROXY", "HTTP_AUTHORIZATION", "PYTHONPATH", "HOME"} & set(values)


def test_no_descriptor_and_no_signal_setting_is_inherited(server: LiveServer) -> None:
    listing = server.get("/cgi-bin/fds.sh").body.decode()
    numbers = [int(number) for number in re.findall(r" (\d+) -> ", listing)]
    assert sorted(numbers) == [0, 1, 2, 3], listing  # 3 is the listed folder itself
    assert (listing.count("pipe:"), listing.count("/dev/null")) == (2, 1)
    status = server.get("/cgi-bin/status.sh").body.decode()
    signals = {name: int(mask, 16) for name, mask in re.findall(r"^Sig(Blk|Ign):\t(\w+)$", status, re.MULTILINE)}
    # 32 and 33 are the C library's own, and nobody can set them; `make` has them ignored.
    assert {name: mask & ~(0b11 << 31) for name, mask in signals.items()} == {"Blk": 0, "Ign": 0}


def test_a_script_leads_its_own_session(server: LiveServer) -> None:
    stat = server.get("/cgi-bin/status.sh").body.decode().splitlines()[-1]
    pid = int(stat.split()[0])
    _state, _parent, group, session = stat[stat.rindex(")") + 2 :].split()[:4]
    assert pid == int(group) == int(session)


def test_it_runs_in_its_folder_within_its_limits(server: LiveServer) -> None:
    folder = f"{server.root}/cgi-bin"
    assert server.get("/cgi-bin/place.sh").body.decode().split() == [folder, f"{folder}/place.sh"]
    assert server.get("/cgi-bin/limits.sh").body.split() == [b"7", b"9", b"390625"]


# How bytes flow


def test_echo_of_twenty_megabytes_to_a_client_that_sends_first_and_reads_later(server: LiveServer) -> None:
    body = bytes(range(256)) * (20 * MEGABYTE // 256)
    with server.connect(30) as connection:
        length = f"Content-Length: {len(body)}"
        connection.sendall(request_head("/cgi-bin/echo.sh", length, "Connection: close", method="POST") + body)
        response = only(read_all(connection))
    assert response.status == 200
    assert response.body == body


def test_output_comes_while_the_body_is_on_its_way(server: LiveServer) -> None:
    with server.connect() as connection:
        head = request_head("/cgi-bin/echo.sh", "Transfer-Encoding: chunked", "Connection: close", method="POST")
        connection.sendall(head + b"6\r\nfirst \r\n")
        received = b""
        while b"first " not in received:
            more = connection.recv(4096)
            assert more, received
            received += more
        connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        assert only(received + read_all(connection)).body == b"first second"


def test_a_body_is_asked_for_with_100_continue(server: LiveServer) -> None:
    with server.connect() as connection:
        lines = ("Content-Length: 4", "Expect: 100-continue", "Connection: close")
        connection.sendall(request_head("/cgi-bin/echo.sh", *lines, method="POST"))
        received = connection.recv(4096)
        assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"body")
        assert only(received + read_all(connection)).body == b"body"


def test_a_script_may_leave_its_input_unread(server: LiveServer) -> None:
    body = b"x" * MEGABYTE
    assert server.get("/cgi-bin/read-nothing.sh", method="POST", body=body).body == b"ok\n"
    with server.connect() as connection:
        post = request_head("/cgi-bin/read-nothing.sh", "Content-Length: 100000", method="POST") + b"x" * 100_000
        connection.sendall(post + request_head("/page.txt", "Connection: close"))
        responses, rest = parse_responses(read_all(connection), ("POST", "GET"))
    assert [response.body for response in responses] == [b"ok\n", b"the page\n"]
    assert not rest


def test_a_half_closed_client_is_answered(server: LiveServer) -> None:
    with server.connect() as connection:
        connection.sendall(request_head("/cgi-bin/slow.sh", "Connection: close"))
        connection.shutdown(socket.SHUT_WR)
        assert only(read_all(connection)).body == b"begin\nend\n"


def test_messages_are_logged_line_by_line(server: LiveServer) -> None:
    assert server.get("/cgi-bin/stderr.sh").body == b"ok\n"
    marker = f"AH01215: stderr from {server.root}/cgi-bin/stderr.sh: "

    def lines() -> list[str]:
        return [line.split(marker)[1] for line in server.error_log().splitlines() if marker in line]

    wait_until(lambda: len(lines()) == 3, 15, "three lines")
    assert lines() == ["one", "two", "last"]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("broken.sh", 500, b"Internal Server Error"),
        ("nothing.sh", 500, b"Internal Server Error"),
        ("killed.sh", 500, b"Internal Server Error"),
        ("none.sh", 404, b"Not Found"),
        ("nph-raw.sh", 299, b"raw"),
        ("local.sh", 200, b"the page\n"),
        ("away.sh", 302, b"http://other.example/"),
    ],
)
def test_what_scripts_answer(server: LiveServer, path: str, status: int, body: bytes) -> None:
    response = server.get(f"/cgi-bin/{path}")
    assert response.status == status
    assert body in response.body


def test_a_body_beyond_its_limit_or_cut_short_is_refused(server: LiveServer) -> None:
    assert server.get("/cgi-bin/small", method="POST", body=b"more than ten").status == 413
    chunked = request_head("/cgi-bin/small", "Transfer-Encoding: chunked", method="POST")
    assert only(server.request(chunked + b"d\r\nmore than ten\r\n0\r\n\r\n")).status == 413
    with server.connect() as connection:
        connection.sendall(request_head("/cgi-bin/sleep.sh?cut", "Content-Length: 9", method="POST") + b"part")
        connection.shutdown(socket.SHUT_WR)
        assert only(read_all(connection)).status == 400


def test_many_at_once(server: LiveServer) -> None:
    bodies: list[bytes] = []

    def ask(number: int) -> None:
        for round_ in range(3):
            body = f"{number} {round_} ".encode() * 5000
            response = server.get("/cgi-bin/echo.sh", method="POST", body=body)
            bodies.append(b"" if response.body == body else response.body[:100] or b"nothing")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b""] * 18


# How they end


def test_silence_is_a_504_and_the_script_is_killed(server: LiveServer) -> None:
    assert server.get("/cgi-bin/silent.sh").status == 504
    path = f"{server.root}/cgi-bin/silent.sh"
    assert f"AH01220: Timeout waiting for output from CGI script {path}" in server.error_log()
    assert "Script timed out before returning headers: silent.sh" in server.error_log()


def test_silence_in_the_middle_breaks_the_connection(server: LiveServer) -> None:
    response = server.get("/cgi-bin/stuck.sh")
    assert response.body == b"begin\n"
    assert not response.complete


def test_a_reset_kills_the_whole_process_group(server: LiveServer) -> None:
    connection = server.connect()
    connection.sendall(request_head("/cgi-bin/sleep.sh?reset"))
    pids = noted_pids(server, "reset", 2)
    reset(connection)
    wait_for_end(pids)
    wait_until(lambda: "sleep.sh?reset" in server.access_log(), 15, "the log line of the aborted request")


def test_nobody_listens_to_an_endless_answer_to_head(server: LiveServer) -> None:
    assert server.get("/cgi-bin/endless.sh?head", method="HEAD").status == 200
    wait_for_end(noted_pids(server, "head", 1))


def test_a_client_that_leaves_in_the_middle_of_the_answer_ends_it(server: LiveServer) -> None:
    connection = server.connect()
    connection.sendall(request_head("/cgi-bin/endless.sh?endless"))
    connection.recv(4096)
    pids = noted_pids(server, "endless", 1)
    connection.close()
    wait_for_end(pids)
    wait_until(lambda: "endless.sh?endless" in server.access_log(), 15, "the log line of the aborted request")


def test_what_a_script_leaves_in_the_background_goes_on(server: LiveServer) -> None:
    assert server.get("/cgi-bin/background.sh").body == b"ok\n"
    wait_until(server.root.joinpath("state", "background").exists, 15, "the background job")


def everything(server: LiveServer, number: int) -> None:
    """One request of each kind, among them aborted ones."""
    for name in ("echo.sh", "broken.sh", "nothing.sh", "killed.sh", "local.sh", "nph-raw.sh", "none.sh", "stderr.sh"):
        server.get(f"/cgi-bin/{name}")
    for method in ("HEAD", "POST"):
        server.get("/cgi-bin/read-nothing.sh", method=method, body=b"x" * 200_000 if method == "POST" else b"")
    for path in (f"sleep.sh?leak{number}", f"endless.sh?leak{number}e"):
        connection = server.connect()
        connection.sendall(request_head(f"/cgi-bin/{path}"))
        noted_pids(server, path.split("?")[1], 2 if "sleep" in path else 1)
        reset(connection)


def zombies(server: LiveServer) -> list[int]:
    """Ended and uncollected processes whose parent is of this server."""
    parents = {server.pid, *server.children()}
    states = {int(entry): state_and_parent(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()}
    return [pid for pid, (state, parent) in states.items() if state == "Z" and parent in parents]


def test_nothing_is_left_behind(server: LiveServer) -> None:
    """No process, and no descriptor: a child may have one more than any had before, its reaper's, if it was new then.

    A child of prefork may have started no program before, so it had nothing yet of what that takes. The spare-server
    rules may end children and start others meanwhile: those that have been there all the time count.
    """
    everything(server, 0)
    before = server.descriptors()
    for number in range(1, 10):
        everything(server, number)
    state = server.root / "state"
    pids = [int(word) for file in state.glob("leak*") for word in file.read_text().split()]
    assert len(pids) == 30
    wait_for_end(pids)
    wait_until(lambda: not zombies(server), 15, "the last zombie")
    with contextlib.suppress(AssertionError):  # what is asserted next says more
        wait_until(lambda: not grown(before, server.descriptors()), 15, "the descriptors to be given back")
    assert not grown(before, server.descriptors())
    assert "Traceback" not in server.error_log()


def grown(before: dict[int, int], now: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Children that have more descriptors than any had before, with their numbers then and now."""
    both = before.keys() & now.keys()
    assert both, "all children have been replaced"
    most = max(before.values()) + 1
    return {pid: (before[pid], now[pid]) for pid in both if now[pid] > most}


def test_a_stop_ends_running_scripts() -> None:
    script = f"#!/bin/sh\n{SCRIPTS['sleep.sh']}\n"
    server = LiveServer(CONFIG, mpm="event", files={"cgi-bin/sleep.sh": script})
    server.root.joinpath("state").mkdir()
    server.root.joinpath("state").chmod(0o777)
    with server:
        connection = server.connect()
        connection.sendall(request_head("/cgi-bin/sleep.sh?stop"))
        pids = noted_pids(server, "stop", 2)
        server.stop(signal.SIGTERM)
        wait_for_end(pids)
        connection.close()
