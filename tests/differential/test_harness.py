"""The harness itself: what it reads, and that it would see a difference. Apache is not needed here."""

from __future__ import annotations

import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differential import recalled, runner
from tests.differential.__main__ import tell_hits
from tests.differential.case import Case, CaseError, load_case, unescape
from tests.differential.compare import WHOLE_CASE, Difference, differences
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.module_names import module_of
from tests.differential.replay import (
    ERROR_LINE,
    HANDLER_LOG,
    Outcome,
    Transcript,
    _sort_error,
    client_ports,
    connect,
    sort_logs,
)
from tests.live_server import HOST, free_port
from tests.wire_client import Response, exchange, parse_responses


def a_case(folder: Path, requests: str, config: str = "") -> Case:
    folder.joinpath("requests.txt").write_text(requests, encoding="utf-8")
    folder.joinpath("httpd.conf").write_text(config, encoding="utf-8")
    return load_case(folder)


def test_alternatives_are_multiplied(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET,HEAD /a || /b\n    X-A: 1 || -\n    X-B: 2\n")
    assert case.requests == 8
    assert case.items[0].label == "GET /a [X-A: 1]"
    assert case.items[0].parts[0] == (
        b"GET /a HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\nX-A: 1\r\nX-B: 2\r\n\r\n"
    )
    assert b"X-A" not in case.items[1].parts[0]


def test_defaults_give_way(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET /a HTTP/1.0\n    -Host\n    Connection: keep-alive\n")
    assert case.items[0].parts == (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",)


@pytest.mark.parametrize(
    ("detail", "tail"),
    [
        ("< abc", b"Content-Length: 3\r\n\r\nabc"),
        ("<chunked abcd", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"),
        ("< {repeat:3:xy}", b"Content-Length: 6\r\n\r\nxyxyxy"),
    ],
)
def test_bodies(tmp_path: Path, detail: str, tail: bytes) -> None:
    case = a_case(tmp_path, f"POST /a\n    {detail}\n")
    assert case.items[0].parts[0].endswith(tail)


def test_raw_requests(tmp_path: Path) -> None:
    case = a_case(tmp_path, "RAW GET,HEAD open a title\n    | GET\\r\\n\n    ...\n    | \\x00 b\n")
    (item,) = case.items
    assert item.parts == (b"GET\r\n", b"\0 b")
    assert (item.methods, item.half_close, item.label) == (("GET", "HEAD"), False, "RAW a title")


def test_equal_labels_are_numbered(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET /a\nGET /a\n")
    assert [item.label for item in case.items] == ["GET /a", "GET /a #2"]


@pytest.mark.parametrize("text", ["    X: y\n", "RAW GET x\n    GET / HTTP/1.1\n", "GET\n"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(CaseError, match=r"requests.txt:1"):
        a_case(tmp_path, text)


def test_unescape() -> None:
    assert unescape(r"a\r\n\x01\\é") == b"a\r\n\x01\\\xc3\xa9"


def test_a_part_waits_for_the_end_of_an_answer() -> None:
    """Half an answer is not enough: the server would see the next request while it still sends."""
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []

    def serve() -> None:
        with theirs:
            seen.append(theirs.recv(100))
            theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
            seen.append(b"early" if select.select([theirs], [], [], 0.2)[0] else b"nothing")
            theirs.sendall(b"0\r\n\r\n")
            seen.extend((theirs.recv(100), theirs.recv(100)))

    with ours, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve)
        received = exchange(ours, (b"one", b"two"), half_close=True, methods=("GET", "GET"))
        serving.result()
    assert seen == [b"one", b"nothing", b"two", b""]
    assert received.ended == "closed"


@pytest.mark.parametrize(("head", "left"), [(b"Content-Length: 2", True), (b"Connection: close", False)])
def test_who_takes_leave_does_so_behind_an_answer_that_ends_by_itself(head: bytes, left: bool) -> None:
    ours, theirs = socket.socketpair()
    seen: list[bytes] = []

    def serve() -> None:
        with theirs:
            seen.append(theirs.recv(100))
            theirs.sendall(b"HTTP/1.1 200 OK\r\n%b\r\n\r\nhi" % head)
            seen.append(theirs.recv(100) if select.select([theirs], [], [], 0.3)[0] else b"nothing")

    with ours, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve)
        received = exchange(ours, (b"one",), take_leave=True)
        serving.result()
    assert seen == [b"one", b"" if left else b"nothing"]
    assert received.ended == "closed"
    assert received.received.endswith(b"hi")


def test_a_server_that_is_to_remember_says_nothing() -> None:
    text = "LogLevel debug\n<Directory />\n  loglevel rewrite:trace8 info\n</Directory>\nErrorLog x\n"
    quiet = "LogLevel emerg\n<Directory />\n  LogLevel emerg\n</Directory>\nErrorLog x\n\nLogLevel emerg\n"
    assert recalled.quiet(text) == quiet


def test_other_fields_are_not_those_that_there_are() -> None:
    sent = b"GET / HTTP/1.1\r\nUSER-AGENT: x\r\n\r\n"
    assert recalled.other_fields(sent, 1) == (
        b"GET / HTTP/1.1\r\nUSER-AGENT: x\r\nX-Round: 1\r\nReferer: of-round/1\r\n\r\n"
    )


@pytest.mark.parametrize(("hits", "good"), [((5, 5), True), ((5, 4), False), ((0, 9), False)])
def test_there_have_to_be_enough_answers_from_memory(hits: tuple[int, int], good: bool) -> None:
    found = Counter({recalled.BY_RESOURCE: hits[0], recalled.BY_HEAD: hits[1]})
    verdicts = [Verdict("c", 1, 1, 0, (), (), found), Verdict("d", 1, 1, 0, (), ())]
    assert tell_hits(verdicts, 5) is good


def test_responses_are_parsed_as_they_stand() -> None:
    wire = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nab"
    )
    responses, rest = parse_responses(wire, ("GET", "GET", "HEAD", "GET"))
    assert [response.status for response in responses] == [100, 200, 200, 200, 404]
    assert [response.body for response in responses] == [b"", b"hi", b"abc", b"", b"ab"]
    assert [response.complete for response in responses] == [True, True, True, True, False]
    assert responses[2].trailers == (("X-T", "1"),)
    assert rest == b""


def transcript(case: Case, response: Response, server: str = "apache", log: str = "41000 x") -> Transcript:
    outcome = Outcome(case.items[0], port=41000, responses=[response], ended="closed", logs={"access": [log]})
    return Transcript(server, [outcome], Path(f"/run/{server}"))


REFERENCE = Response("HTTP/1.1", 200, "OK", (("Server", "Apache"), ("ETag", '"x"'), ("A", "1"), ("A", "2")), b"body")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (Response("HTTP/1.1", 200, "Fine", REFERENCE.headers, b"body"), "status"),
        (Response("HTTP/1.1", 200, "OK", REFERENCE.headers[:1] + REFERENCE.headers[2:], b"body"), "header:ETag"),
        (Response("HTTP/1.1", 200, "OK", REFERENCE.headers[:2] + REFERENCE.headers[:1:-1], b"body"), "header:A"),
        (Response("HTTP/1.1", 200, "OK", (*REFERENCE.headers, ("B", "")), b"body"), "header:B"),
        (Response("HTTP/1.1", 200, "OK", REFERENCE.headers, b"Body"), "body"),
        (Response("HTTP/1.1", 200, "OK", REFERENCE.headers, b"body", complete=False), "complete"),
    ],
)
def test_each_difference_is_seen(tmp_path: Path, changed: Response, field: str) -> None:
    case = a_case(tmp_path, "GET /\n")
    found = differences("c", transcript(case, REFERENCE), transcript(case, changed, "mpmserver"))
    assert [item.field for item in found["GET /"]] == [field]


def test_what_cannot_be_equal_is_no_difference(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET /\n")
    headers = (("Date", "now"), ("Server", "mpmserver"), *REFERENCE.headers[1:])
    page = "<address>{} Server at x Port 1</address> /run/{}/x <v>{}</v> 41000"
    theirs = Response(
        "HTTP/1.1", 200, "OK", REFERENCE.headers, page.format("Apache/2.4.71 (Debian)", "apache", 7).encode()
    )
    ours = Response("HTTP/1.1", 200, "OK", headers, page.format("mpmserver/1.0", "mpmserver", 1234).encode())
    found = differences("c", transcript(case, theirs), transcript(case, ours, "mpmserver"))
    assert found == {WHOLE_CASE: [], "GET /": []}


@pytest.mark.parametrize(
    ("handler", "seen"),
    [
        ("cgi-script", []),
        ("cgi-script-not", ["Content-Length", "Transfer-Encoding"]),
        ("-", ["Content-Length", "Transfer-Encoding"]),
    ],
)
def test_how_the_end_of_an_answer_is_told_counts_unless_it_is_a_scripts(
    tmp_path: Path, handler: str, seen: list[str]
) -> None:
    case = a_case(tmp_path, "GET /\n")
    sides = []
    for name, value in (("Content-Length", "4"), ("Transfer-Encoding", "chunked")):
        side = transcript(case, Response("HTTP/1.1", 200, "OK", ((name, value),), b"body"))
        side.outcomes[0].logs[HANDLER_LOG] = ["-:41000 -", f"-:41000 {handler}"]
        sides.append(side)
    found = differences("c", *sides)
    assert [item.field for item in found["GET /"]] == [f"header:{name}" for name in seen]


def test_a_line_belongs_to_the_request_that_it_names_before_the_port(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET / || /b || /c\n")
    outcomes = [Outcome(item, port=41000 + index) for index, item in enumerate(case.items)]
    found = Transcript("apache", outcomes, tmp_path)
    lines = ["-:41000 -", "item-1:41000 cgi-script", "127.0.0.1:41002 x", "41002 y", "-:41003 cgi-script"]
    tmp_path.joinpath("logs").mkdir()
    tmp_path.joinpath("logs", f"{HANDLER_LOG}.log").write_text("\n".join(lines), encoding="ascii")
    sort_logs(found)
    assert [outcome.logs[HANDLER_LOG] for outcome in outcomes] == [lines[:1], lines[1:2], lines[2:4]]
    assert [outcome.by_script for outcome in outcomes] == [False, True, False]


def test_each_port_comes_once() -> None:
    ports = list(client_ports())
    assert sorted(ports) == list(range(min(ports), max(ports) + 1))


def test_no_connection_is_made_in_vain() -> None:
    """A server may log something of one that is closed unused, and the log is all that is known of it."""
    taken, free = free_port(), free_port()
    with socket.create_server((HOST, taken)), socket.create_server((HOST, 0)) as server:
        with connect(server.getsockname()[1], iter([taken, free])) as connection:
            assert connection.getsockname()[1] == free
            accepted, client = server.accept()
            accepted.close()
            assert client == (HOST, free)
        assert select.select([server], [], [], 0)[0] == []


TRACE = "[Mon Nov 23 10:11:12.000001 2026] [rewrite:trace3] [pid 7:tid 8] mod_rewrite.c(500): [client 127.0.0.1:41000] "


def test_a_line_of_a_trace_is_its_connections(tmp_path: Path) -> None:
    match = ERROR_LINE.match(f"{TRACE}127.0.0.1 - - [x/sid#7f01][rid#7f02/initial] (3) applying")
    assert match is not None
    assert (match["module"], match["level"], match["port"]) == ("rewrite", "trace3", "41000")
    assert match["text"] == "127.0.0.1 - - [x/sid#7f01][rid#7f02/initial] (3) applying"


def test_errors_of_parent_and_children_are_told_apart(tmp_path: Path) -> None:
    """Which of two processes writes first is a race; what each of them writes has an order."""
    found = transcript(a_case(tmp_path, "GET /\n"), REFERENCE)
    found.parent = 6
    for pid, number in ((7, 1), (6, 2), (7, 3)):
        _sort_error(f"[now] [core:warn] [pid {pid}] AH0000{number}: text", {}, found)
    assert found.parent_errors == ["[core:warn] AH00002: text"]
    assert found.other_errors == ["[core:warn] AH00001: text", "[core:warn] AH00003: text"]


def test_addresses_in_memory_are_no_difference(tmp_path: Path) -> None:
    case = a_case(tmp_path, "GET /\n")
    lines = ("[x/sid#7f01][rid#7f02/initial] (3)", "[x/sid#1][rid#2a/initial] (3)", "[x/sid#1][rid#2a/subreq] (3)")
    theirs, ours, other = (transcript(case, REFERENCE, log=line) for line in lines)
    assert differences("c", theirs, ours)["GET /"] == []
    assert [item.field for item in differences("c", theirs, other)["GET /"]] == ["log:access"]


@pytest.mark.parametrize(
    ("name", "config", "module"),
    [
        ("mod_dir", "", "mod_dir"),
        ("rewrite_flags", "", "mod_rewrite"),
        ("auth_basic_more", "", "mod_auth_basic"),
        ("expr_functions", "", "expressions"),
        ("corpus_wordpress", "# module: mod_rewrite\n", "mod_rewrite"),
    ],
)
def test_a_case_belongs_to_a_module(tmp_path: Path, name: str, config: str, module: str) -> None:
    tmp_path.joinpath(name).mkdir()
    assert module_of(a_case(tmp_path / name, "GET /\n", config)) == module


@pytest.mark.parametrize("config", ["", "# module: mod_nonsense\n"])
def test_a_case_of_no_module_is_an_error(tmp_path: Path, config: str) -> None:
    tmp_path.joinpath("odd_one").mkdir()
    with pytest.raises(CaseError, match="odd_one"):
        module_of(a_case(tmp_path / "odd_one", "GET /\n", config))


def test_an_entry_explains_what_it_matches_and_is_stale_otherwise() -> None:
    open_one = Difference("c", "GET /", "status", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found")
    entry = Entry(("c",), "^GET", "status", "200", "404", "", "because")
    other = Entry(("c",), "^PUT", "status", "200", "404", "", "because")
    verdict = judge("c", {"GET /": 1}, {"GET /": [open_one]}, [entry, other])
    assert (verdict.explained, verdict.unexplained, verdict.stale) == (1, (), (other,))
    assert not verdict.good
    assert not judge("c", {"GET /": 1}, {"GET /": [open_one]}, []).good


@pytest.mark.parametrize(
    ("first", "second", "good"), [("GET /", "", True), ("GET /", "GET /x", True), ("GET /", "GET /", False)]
)
def test_what_differs_must_differ_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, good: bool
) -> None:
    case = a_case(tmp_path, "GET / || /x\n")
    runs = iter([first, second])

    def found_in(*_: object, **_options: object) -> runner.Result:
        differing = next(runs)
        return runner.Result(
            {
                item.label: [Difference("c", item.label, "body", "a", "b")] if item.label == differing else []
                for item in case.items
            }
        )

    monkeypatch.setattr(runner, "found_in", found_in)
    verdict = runner.run_case(case, "event", "mpmserver", [])
    assert (verdict.good, verdict.requests, verdict.equal) == (good, 2, 1 + good)
