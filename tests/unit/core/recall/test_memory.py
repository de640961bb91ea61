"""Answers from memory: what is remembered, for whom, and when it is forgotten. No server: connections in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mpmserver.core.recall.looks import Checks, unchanged
from mpmserver.core.recall.memory import IN_VAIN
from mpmserver.core.recall.room import Room
from mpmserver.core.world import World
from tests.memory import log_of
from tests.unit.core.recall.clients import (
    RESTLESS,
    Client,
    asked_as_it_expires,
    counts,
    head,
    hear,
    reasons,
    site,
    write,
)

pytestmark = pytest.mark.usefixtures("restless", "eager")


@pytest.fixture(params=[True, False], ids=["looks", "is told"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return site(tmp_path, blocking=request.param)


def test_the_same_head_is_answered_from_memory_and_the_answer_is_the_same(made: World) -> None:
    client = Client(made)
    client.ask(head())
    first = client.ask(head(), at=1_800_000_000.0)
    again = client.ask(head(), at=1_800_000_000.5)
    assert counts(made) == (2, 0, 1)
    assert first == again
    assert first.startswith(b"HTTP/1.1 200 OK\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n")
    assert first.endswith(b"\r\n\r\nfirst\n")


def test_the_date_is_always_the_present_one(made: World) -> None:
    client = Client(made)
    client.ask(head())
    for second in range(3):
        at = 1_800_000_000.0 + second
        assert f"Date: Fri, 15 Jan 2027 08:00:0{second} GMT".encode() in client.ask(head(), at)
    assert counts(made) == (3, 0, 1)


def test_other_fields_find_the_resource(made: World) -> None:
    client = Client(made)
    one = client.ask(head("/a.html", "User-Agent: one", "Cookie: a=1"))
    for agent in ("two", "two", "two"):
        assert client.ask(head("/a.html", "Cookie: a=2", f"User-Agent: {agent}"))[-6:] == one[-6:]
    assert counts(made) == (2, 1, 1), "a head is found byte by byte from then on"


def test_what_is_asked_for_once_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("mpmserver.core.recall.looks.RESTLESS", RESTLESS)
    made = site(tmp_path)
    client = Client(made)
    client.ask(head("/a.html", "Cookie: 1"))
    assert reasons(made) == {"asked for once"}
    for number in range(2, 5):
        client.ask(head("/a.html", f"Cookie: {number}"))
    assert counts(made) == (0, 2, 2), "the second time it is remembered, by any other head it is found"
    for _each in range(3):
        client.ask(head("/a.html", "Cookie: 9"))
    assert counts(made) == (1, 4, 2), "a head is kept in mind, too, when it has come twice"


def test_fields_that_were_asked_for_are_compared(tmp_path: Path) -> None:
    made = site(tmp_path)
    client = Client(made)
    whole = client.ask(head())
    tag = whole.partition(b"ETag: ")[2].partition(b"\r\n")[0].decode()
    assert client.ask(head("/a.html", f"If-None-Match: {tag}")).startswith(b"HTTP/1.1 304 ")
    assert client.ask(head("/a.html", "Range: bytes=1-2")).endswith(b"\r\n\r\nir")
    assert client.ask(head("/a.html", "X-Other: 1"))[-6:] == b"first\n"
    assert counts(made) == (0, 1, 3)
    assert client.ask(head("/a.html", f"If-None-Match: {tag}", "X-Other: 1")).startswith(b"HTTP/1.1 304 ")
    assert counts(made) == (0, 2, 3)


def test_heads_with_the_same_gist_are_not_parsed_again(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made)
    first = client.ask(head())
    client.ask(head("/a.html", "X: 1"))
    monkeypatch.setattr("mpmserver.serve.recalled.whole_head", lambda data, limits: pytest.fail("parsed"))
    for number in range(2, 5):
        at = 1_800_000_000.0 + number
        assert client.ask(head("/a.html", f"Y: {number}", "Accept: b"), at)[80:] == first[80:]
    assert counts(made) == (0, 4, 1)


def test_a_field_that_is_asked_for_later_decides(tmp_path: Path) -> None:
    """The second condition asks for the cookie where the first one holds: from then on it decides."""
    rules = """RewriteEngine On
RewriteCond %{HTTP:X-Ask} 1
RewriteCond %{HTTP_COOKIE} bad
RewriteRule . - [F]
"""
    made = site(tmp_path, f'<Directory "{tmp_path}/htdocs">\n{rules}</Directory>\n')
    client = Client(made)
    for number in range(3):
        assert client.ask(head("/a.html", f"Cookie: {number}")).endswith(b"first\n")
    for cookie in ("good", "bad", "good", "bad"):
        for number in range(3):
            answer = client.ask(head("/a.html", "X-Ask: 1", f"X: {number}", f"Cookie: {cookie}"))
            assert answer.startswith(b"HTTP/1.1 403 " if cookie == "bad" else b"HTTP/1.1 200 ")
            assert client.ask(head("/a.html", "Cookie: bad", f"Y: {cookie}{number}")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("fields", [("Content-Length: 5",), ("Transfer-Encoding: chunked",), ("Expect: 100-continue",)])
def test_a_body_that_follows_is_taken_off_the_connection(made: World, fields: tuple[str, ...]) -> None:
    client = Client(made)
    for number in range(3):
        client.ask(head("/a.html", f"X: {number}"))
    hits = counts(made)[:2]
    asked = head("/a.html", *fields)
    chunked = "chunked" in fields[0]
    client.transport.pieces = [b"5\r\nhello\r\n0\r\n\r\n" if chunked else b"hello"]
    assert client.ask(asked).endswith(b"first\n")
    assert counts(made)[:2] == hits
    if "Expect" not in fields[0]:
        assert not client.transport.pieces
        assert client.ask(head()).endswith(b"first\n")


def test_limits_hold_for_heads_with_a_known_gist(tmp_path: Path) -> None:
    made = site(tmp_path, "LimitRequestFields 4\nLimitRequestFieldSize 100\n")
    for field in ("A: b\r\n" * 4, "A: " + "b" * 100 + "\r\n", "A : b\r\n", "A: b\nC: d\r\n"):
        client = Client(made)
        for number in range(3):
            assert client.ask(head("/a.html", f"X: {number}")).endswith(b"first\n")
        bad = head().replace(b"\r\n\r\n", f"\r\n{field}\r\n".encode())
        assert client.ask(bad).startswith(b"HTTP/1.1 400 ")


def test_a_head_that_is_too_large_is_not_looked_at_for_its_gist(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made)
    for number in range(4):
        client.ask(head("/a.html", f"X: {number}"))
    assert made.recall is not None
    gists = made.recall.shelf(("127.0.0.1", 8080)).gists
    ((line, known),) = gists.items()
    looked: list[bytes] = []
    seen = known._replace(sieve=known.sieve._replace(match=looked.append))
    monkeypatch.setitem(gists, line, seen)
    for field in ("Y: 1\r\n" * 200, f"Y: {9000 * 'y'}\r\n"):
        assert Client(made).ask(head()[:-2] + field.encode() + b"\r\n").startswith(b"HTTP/1.1 400 ")
    assert not looked
    client.ask(head("/a.html", "Y: 1"))
    assert looked


@pytest.mark.parametrize(
    "sent",
    [
        head(method="POST", version="1.1") + b"",
        head("/a.html", "Content-Length: 2") + b"ab",
        head("/a.html", "Expect: 100-continue", "Content-Length: 0"),
        head(method="DELETE"),
        head("/cgi-bin/nothing", method="OPTIONS"),
    ],
)
def test_what_may_do_something_is_not_remembered(tmp_path: Path, sent: bytes) -> None:
    made = site(tmp_path)
    for _each in range(2):
        Client(made).ask(sent)
    assert counts(made)[:2] == (0, 0)


def test_a_head_with_more_behind_it_goes_the_long_way(made: World) -> None:
    client = Client(made)
    client.ask(head())
    assert client.ask(head() + head()).count(b"HTTP/1.1 200 OK") == 2
    assert client.ask(head()[:20]) == b""
    assert counts(made)[:2] == (0, 0)


def test_pieces_of_a_head_are_no_head(made: World) -> None:
    client = Client(made)
    client.ask(head())
    client.transport.pieces = [head()[20:]]
    assert client.ask(head()[:20]).endswith(b"first\n")
    assert counts(made)[:2] == (0, 0)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_changed_file_is_never_answered_from_the_past(tmp_path: Path, blocking: bool) -> None:
    made = site(tmp_path, blocking=blocking)
    client = Client(made)
    path = tmp_path / "htdocs" / "a.html"
    client.ask(head())
    assert client.ask(head()).endswith(b"first\n")

    def replaced() -> None:
        other = tmp_path / "htdocs" / "b.html"
        other.write_bytes(b"third\n")
        other.rename(path)

    changes: dict[bytes, Callable[[], object]] = {
        b"other\n": lambda: path.write_bytes(b"other\n"),
        b"third\n": replaced,
        b"Not Found": path.unlink,
        b"again\n": lambda: path.write_bytes(b"again\n"),
        b"Forbidden": lambda: (tmp_path / "htdocs" / ".htaccess").write_text("Require all denied\n"),
    }
    for wanted, change in changes.items():
        change()
        hear(made)
        assert wanted in client.ask(head())
        time.sleep(2 * RESTLESS / 1e9)
        assert wanted in client.ask(head())
        hits = counts(made)[0]
        assert wanted in client.ask(head())
        logged = wanted in (b"Not Found", b"Forbidden")
        assert counts(made)[0] == hits + (0 if logged else 1), reasons(made)


def test_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(tmp_path)
    monkeypatch.setattr("mpmserver.core.recall.looks.RESTLESS", 60_000_000_000)
    client = Client(made)
    client.ask(head())
    client.ask(head())
    assert counts(made) == (0, 0, 2)
    assert reasons(made) == {"file has just changed"}


def test_the_last_request_of_a_connection_is_told_so(tmp_path: Path) -> None:
    made = site(tmp_path, "MaxKeepAliveRequests 3\nKeepAliveTimeout 7\n")
    asking = head("/a.html", "Connection: keep-alive")
    for hits in (0, 2, 4):
        client = Client(made)
        for left in (3, 2, 1):
            answer = client.ask(asking)
            assert f"Keep-Alive: timeout=7, max={left}\r\n".encode() in answer
        assert b"Connection: close" in client.ask(asking)
        assert client.closed
        assert counts(made)[0] >= hits


def test_a_client_that_wants_to_close_is_let_go(made: World) -> None:
    asking = head("/a.html", "Connection: close")
    for _each in range(3):
        client = Client(made)
        assert b"Connection: close\r\n" in client.ask(asking)
        assert client.closed
    assert counts(made)[0] == 2


def test_hosts_and_addresses_have_answers_of_their_own(tmp_path: Path) -> None:
    made = site(
        tmp_path,
        '<VirtualHost *:8080>\nServerName memory.example\nRedirect "/a.html" "/one"\n</VirtualHost>\n'
        '<VirtualHost *:8080>\nServerName other.example\nRedirect "/a.html" "/two"\n</VirtualHost>\n'
        '<VirtualHost 127.0.0.2:8080>\nServerName memory.example\nRedirect "/a.html" "/three"\n</VirtualHost>\n',
    )
    other = head().replace(b"memory", b"other ", 1).replace(b"other .", b"other.")
    for _each in range(2):
        assert b"/one\r\n" in Client(made).ask(head())
        assert b"/two\r\n" in Client(made).ask(other)
        assert b"/three\r\n" in Client(made, local="127.0.0.2").ask(head())
    assert counts(made) == (3, 0, 3)


@pytest.mark.parametrize(
    ("directive", "reason"),
    [
        ("Require ip 127.0.0.9", "mod_authz_core"),
        ("SetEnvIf Remote_Addr 127 local", "mod_setenvif"),
        ('Header set X-Time "%t"', "mod_headers"),
    ],
)
def test_what_depends_on_more_says_so(tmp_path: Path, directive: str, reason: str) -> None:
    made = site(tmp_path, f'<Location "/">\n{directive}\n</Location>\n')
    client = Client(made)
    client.ask(head())
    client.ask(head())
    assert counts(made)[:2] == (0, 0)
    assert reasons(made) == {reason, IN_VAIN}, "nobody follows the second one"


def test_so_does_a_server_all_of_whose_answers_do(tmp_path: Path) -> None:
    made = site(tmp_path, "SetEnvIf Remote_Addr 127 local\n")
    for _each in range(3):
        Client(made).ask(head())
    assert counts(made) == (0, 0, 3)
    assert made.recall is not None
    assert made.recall.reasons == {"mod_setenvif": 3}


def test_a_message_in_the_error_log_is_written_each_time(tmp_path: Path) -> None:
    made = site(tmp_path, "ErrorDocument 404 default\n")
    client = Client(made)
    for number in range(2):
        client.ask(head("/nothing"))
        assert len(log_of(made)) == number + 1
    assert reasons(made) == {"message in error log"}


def test_recall_off(tmp_path: Path) -> None:
    made = site(tmp_path, "Recall Off\n")
    assert made.recall is None
    client = Client(made)
    first, second = (client.ask(head()) for _each in range(2))
    assert first[80:] == second[80:], "but for the date"


def test_an_expires_is_made_anew_with_the_date(tmp_path: Path) -> None:
    assert counts(asked_as_it_expires(tmp_path)) == (2, 0, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('ExpiresDefault "modification plus 1 year"', "mod_expires"),
        ('ExpiresDefault A60\nHeader edit Expires "GMT" "UTC"', "Expires"),
        ("ExpiresDefault A60\nHeader unset Expires", "Expires"),
    ],
)
def test_an_expires_that_can_not_be_made_anew(tmp_path: Path, text: str, reason: str) -> None:
    made = site(tmp_path, f"ExpiresActive On\n{text}\n")
    Client(made).ask(head())
    assert reasons(made) == {reason}


@pytest.mark.parametrize("sort", ["whole", "brief", "file behind"])
def test_where_the_server_ends_the_connection_the_client_may_go_on_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    if sort == "brief":
        monkeypatch.setattr(Room, "is_ample", False)
    data = b"x" * (70_000 if sort == "file behind" else 10)
    write(tmp_path, "b.html", data)
    made = site(tmp_path, "KeepAlive Off\n")
    Client(made).ask(head("/b.html"))
    for takes in (100_000, 100_000, 9):
        client = Client(made)
        client.transport.pieces = [b"more", head("/b.html"), b""]
        client.transport.at_most = [takes]
        answer = client.ask(head("/b.html"))
        assert answer.endswith(b"\r\n\r\n" + data) and b"\r\nConnection: close\r\n" in answer
        assert client.closed and client.transport.closed and not client.transport.pieces
    assert sum(counts(made)[:2]) == 3
    hits = counts(made)
    for _each in range(3):
        client = Client(made)
        client.transport.pieces = [b"more"]
        answer = client.ask(head("/b.html", "Connection: close"))
        assert answer.endswith(b"\r\n\r\n" + data) and b"\r\nConnection: close\r\n" in answer
        assert client.closed and client.transport.pieces, "it has said that this is the last"
    assert sum(counts(made)[:2]) == sum(hits[:2]) + 2


@pytest.mark.parametrize(
    ("seconds", "most"), [("0", 40), ("500ms", 20), ("1", 10), ("1500ms", 11), ("2", 5), ("60", 1)]
)
def test_the_kernels_word_is_taken_for_about_so_long(
    seconds: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site(tmp_path, f"RecallRevalidate {seconds}\nMaxKeepAliveRequests 0\n")
    looked: list[Checks] = []

    def count(checks: Checks) -> bool:
        looked.append(checks)
        return unchanged(checks)

    monkeypatch.setattr("mpmserver.core.recall.looks.unchanged", count)
    monkeypatch.setattr("mpmserver.serve.recalled.unchanged", count)
    client = Client(made)
    for each in range(42):
        client.ask(head(), at=1_800_000_000.3 + each / 4)
    assert counts(made)[0] == 41
    assert most - 1 <= len(looked) <= most + 1


def test_a_clock_that_is_set_back_prolongs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(tmp_path, "MaxKeepAliveRequests 0\n")
    client = Client(made)
    for _each in range(2):
        client.ask(head(), at=1_800_000_000.0)
    looked: list[Checks] = []
    monkeypatch.setattr("mpmserver.core.recall.looks.unchanged", looked.append)
    client.ask(head(), at=1_700_000_000.0)
    assert len(looked) == 1, "what is not found as it was, is forgotten"
