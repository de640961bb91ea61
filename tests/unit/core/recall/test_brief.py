"""Answers in brief: what is remembered of small files where room is scarce. No server: connections in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mpmserver.core.recall.brief import Brief, Terms
from mpmserver.core.recall.memory import ONCE, RAREST_TRY, Recall, begin
from mpmserver.core.recall.room import Room
from mpmserver.core.recall.shelf import MOST_FAMILIES, Shelf
from mpmserver.core.recall.sightings import Sightings
from mpmserver.core.world import World
from mpmserver.serve.recalled import OFTEN
from tests.unit.core.recall.clients import OPEN, Client, asked_as_it_expires, counts, head, hear, site, site_of, write
from tests.unit.modules.test_log_config import lines, logging_world

pytestmark = pytest.mark.usefixtures("restless", "eager", "brief")


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no room be ample."""
    monkeypatch.setattr(Room, "is_ample", False)


@pytest.fixture(params=[True, False], ids=["looks", "is told"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return site(tmp_path, "MaxKeepAliveRequests 0\n", blocking=request.param)


def recall_of(made: World) -> Recall:
    assert made.recall is not None
    return made.recall


def shelf_of(made: World) -> Shelf:
    return recall_of(made).shelf(("127.0.0.1", 8080))


def briefs(made: World) -> list[Brief]:
    return [brief for family in shelf_of(made).families for brief in family.briefs.values()]


def terms(made: World) -> list[Terms]:
    return list(shelf_of(made).terms.values())


def test_the_answer_is_the_same(made: World) -> None:
    client = Client(made)
    long_way = client.ask(head())
    descriptors = os.listdir("/proc/self/fd")
    for second in range(3):
        again = client.ask(head(), at=1_800_000_000.0 + second)
        date = b"Date: Fri, 15 Jan 2027 08:00:0%d GMT\r\n" % second
        assert again == re.sub(rb"Date: .*\n", date, long_way)
    assert counts(made) == (0, 3, 1)
    assert len(briefs(made)) == 1
    assert not shelf_of(made).heads and not shelf_of(made).resources
    assert os.listdir("/proc/self/fd") == descriptors


def test_heads_with_the_same_gist_are_answered(made: World) -> None:
    client = Client(made)
    first = client.ask(head("/a.html", "User-Agent: one", "Cookie: a=1"))
    for agent in ("two", "three"):
        assert client.ask(head("/a.html", "Cookie: a=2", f"User-Agent: {agent}"))[80:] == first[80:]
    assert client.ask(head("/a.html", "Range: bytes=1-2")).endswith(b"\r\n\r\nir")
    assert client.ask(head("/a.html", method="HEAD")).endswith(b"\r\n\r\n")
    assert counts(made) == (0, 2, 3)
    assert len(briefs(made)) == 1, "nothing but whole files"
    for _each in range(2):
        assert b"\r\nContent-Range: bytes 0-5/6\r\n" in client.ask(head("/a.html", "Range: bytes=0-5"))
    assert counts(made) == (0, 3, 4)


@pytest.mark.parametrize(
    "form",
    [
        r"%h %l %u \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"",
        "%h %r %b",
        "%f %U %B %>s %r",
        "%O %I 6 %b %%b %m %H",
        "%b 200 %r %b",
    ],
)
def test_lines_in_the_log_are_the_same(tmp_path: Path, form: str) -> None:
    names = {"a.html": b"first\n", "b.html": b"x" * 200, "100%25.html": b"x" * 9, "c d.txt": b"y" * 9}
    for name, data in names.items():
        write(tmp_path, name.replace("%25", "%"), data)
    text = OPEN.format(root=tmp_path) + f"CustomLog logs/x '{form}'\nMaxKeepAliveRequests 0\n"
    made, kept = logging_world(tmp_path, text)
    made.recall = begin(made.site, 1, blocking=False)
    hits = 0
    for fields in (('User-Agent: 100% "sure" \\',), ("Referer: here", "User-Agent: x")):
        for name in names:
            asked = head("/" + name.replace(" ", "%20"), *fields)
            Client(made).ask(asked)
            seen = len(lines(kept))
            Client(made).ask(asked)
            hits += 1
            assert lines(kept)[seen:] == lines(kept)[seen - 1 : seen]
    assert counts(made)[1] + counts(made)[2] == 2 * hits
    assert counts(made)[1] >= hits
    assert not form.startswith("%h") or len(terms(made)) == 2, "one for each type"


def test_a_file_that_is_not_what_it_was_is_never_answered_from_the_past(made: World, tmp_path: Path) -> None:
    client = Client(made)
    path = tmp_path / "htdocs" / "a.html"
    other = tmp_path / "htdocs" / "b.html"
    write(tmp_path, "b.html", b"third\n")
    changes: dict[bytes, Callable[[], object]] = {
        b"first\n": lambda: None,
        b"other\n": lambda: path.write_bytes(b"other\n"),
        b"third\n": lambda: other.rename(path),
        b"Not Found": path.unlink,
        b"again\n": lambda: path.write_bytes(b"again\n"),
    }
    for wanted, change in changes.items():
        change()
        hear(made)
        assert wanted in client.ask(head())
    write(tmp_path, "a.html", b"again\n")
    for _each in range(3):
        assert client.ask(head()).endswith(b"again\n")
    assert counts(made)[1] == 2


def test_what_else_was_seen_is_watched_for_all_files_of_a_folder(made: World, tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"sub/{number}.html", b"x" * (number + 1))
    client = Client(made)
    for _each in range(2):
        for number in range(5):
            assert client.ask(head(f"/sub/{number}.html")).startswith(b"HTTP/1.1 200 ")
    (common,) = terms(made)
    assert common.users == len(briefs(made)) == counts(made)[1] == 5
    write(tmp_path, "sub/.htaccess", b"Header set X-New 1\n")
    hear(made)
    for _each in range(2):
        for number in range(5):
            assert b"\r\nX-New: 1\r\n" in client.ask(head(f"/sub/{number}.html"))
    assert len(briefs(made)) == 5
    assert common.stale and not common.users
    assert recall_of(made).room.size == sum([each.size for each in briefs(made)] + [each.size for each in terms(made)])


def test_a_link_in_the_place_of_a_file_is_not_followed_where_none_may_be(tmp_path: Path) -> None:
    text = f'<Directory "{tmp_path}/htdocs">\nOptions -FollowSymLinks\n</Directory>\nErrorDocument 403 "no"\n'
    made = site(tmp_path, text, blocking=True)
    client = Client(made)
    for _each in range(2):
        assert client.ask(head()).endswith(b"first\n")
    assert counts(made)[1] == 1
    path = tmp_path / "htdocs" / "a.html"
    path.rename(tmp_path / "htdocs" / "b.html")
    path.symlink_to("b.html")
    assert client.ask(head()).startswith(b"HTTP/1.1 403 ")


def test_nothing_is_left_of_what_is_forgotten(made: World, tmp_path: Path) -> None:
    recall = recall_of(made)
    client = Client(made)
    for number in range(9):
        write(tmp_path, f"sub/{number % 2}/{number}.html", b"x" * (number + 1))
        client.ask(head(f"/sub/{number % 2}/{number}.html"))
    assert len(terms(made)) == 2
    for each in briefs(made):
        recall.forget_brief(each)
        recall.forget_brief(each)
    assert not terms(made) and not briefs(made) and not recall.room.size and not len(recall.room)
    if recall.watches is not None:
        assert not [each for each in recall.watches._held if isinstance(each, Terms)]


def test_keep_alive_says_how_many_are_left(tmp_path: Path) -> None:
    made = site(tmp_path, "MaxKeepAliveRequests 3\nKeepAliveTimeout 7\n")
    asking = head("/a.html", "Connection: keep-alive")
    for hits in (0, 2, 5):
        client = Client(made)
        for left in (3, 2, 1):
            assert f"Keep-Alive: timeout=7, max={left}\r\n".encode() in client.ask(asking)
        assert b"Connection: close" in client.ask(asking)
        assert client.closed
        assert counts(made)[1] >= hits


def test_a_client_that_wants_to_close_is_let_go(made: World) -> None:
    for _each in range(3):
        client = Client(made)
        assert b"Connection: close\r\n" in client.ask(head("/a.html", "Connection: close"))
        assert client.closed
    assert counts(made)[1] == 2


def test_an_expires_is_made_anew(tmp_path: Path) -> None:
    assert counts(asked_as_it_expires(tmp_path))[1] == 2


@pytest.mark.parametrize("takes", [0, 10, 300])
def test_a_client_that_takes_a_part_gets_the_rest_later(made: World, takes: int) -> None:
    client = Client(made)
    client.ask(head())
    whole = client.ask(head(), at=1_800_000_000.0)
    client.transport.at_most = [takes]
    assert client.ask(head(), at=1_800_000_000.0) == whole
    assert counts(made)[1] == 2


def test_what_is_not_in_memory_goes_the_long_way(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made)
    client.ask(head())
    monkeypatch.setattr(Brief, "contents", lambda brief, may_wait: b"")
    assert client.ask(head()).endswith(b"first\n")
    assert counts(made)[1:] == (0, 2)
    assert len(briefs(made)) == 1


def test_limits_hold_for_heads_with_a_known_gist(tmp_path: Path) -> None:
    made = site(tmp_path, "LimitRequestFields 4\nLimitRequestFieldSize 100\nMaxKeepAliveRequests 0\n")
    client = Client(made)
    for number in range(3):
        assert client.ask(head("/a.html", f"X: {number}")).endswith(b"first\n")
    assert counts(made) == (0, 2, 1)
    for field in (b"A: b\r\n" * 4, b"A: " + 100 * b"b" + b"\r\n"):
        assert Client(made).ask(head()[:-2] + field + b"\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("data", [b"", b"x" * 70_000], ids=["empty", "large"])
def test_other_files_are_remembered_as_before(made: World, tmp_path: Path, data: bytes) -> None:
    write(tmp_path, "b.html", data)
    client = Client(made)
    for _each in range(2):
        assert client.ask(head("/b.html")).endswith(b"\r\n\r\n" + data)
    assert counts(made) == (1, 0, 1)
    assert not briefs(made)


def test_answers_for_which_other_fields_decide_are_other_families(tmp_path: Path) -> None:
    names = [f"X-{number}" for number in range(2 * MOST_FAMILIES)]
    text = "".join(
        f'<Location "/{name}.html">\nHeader set X-Said "expr=%{{HTTP:{name}}}"\n</Location>\n' for name in names
    )
    for name in names:
        write(tmp_path, f"{name}.html", name.encode())
    made = site_of(tmp_path, text + "MaxKeepAliveRequests 0\n")
    client = Client(made)
    for said in ("one", "two", "one"):
        for name in names:
            for other in range(2):
                asked = head(f"/{name}.html", f"{name}: {said}", f"X-Other: {other}")
                assert f"\r\nX-Said: {said}\r\n".encode() in client.ask(asked)
    assert len(shelf_of(made).families) == MOST_FAMILIES


def test_what_comes_for_the_first_time_is_remembered_at_once_where_that_is_lucky(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "htdocs" / "many").mkdir(parents=True)
    for number in range(100):
        (tmp_path / "htdocs" / "many" / f"{number}.html").write_text(str(number))
    made = site(tmp_path, "MaxKeepAliveRequests 0\nRedirect /old /new\n")
    recall = recall_of(made)
    monkeypatch.setattr(recall, "seen", Sightings())
    monkeypatch.setattr(Sightings, "again", never)
    client = Client(made)
    for number in range(100):
        assert client.ask(head(f"/many/{number}.html")).startswith(b"HTTP/1.1 200 ")
    assert len(briefs(made)) == 100 - RAREST_TRY + 1
    for number in range(500):
        assert client.ask(head(f"/old/{number}")).startswith(b"HTTP/1.1 302 ")
    figures = dict(recall.reasons)
    for number in range(500):
        client.ask(head(f"/old/{number}"))
    assert recall.reasons == {**figures, ONCE: figures[ONCE] + 500}
    assert not shelf_of(made).heads
    memos: list[int] = []
    monkeypatch.setattr(Recall, "offer", lambda *_: memos.append(1))
    for number in range(640):
        client.ask(head(f"/old/{number}"))
    assert len(memos) == 10, "seldom followed"


def test_what_holds_no_more_makes_way_for_what_does(made: World, tmp_path: Path) -> None:
    client = Client(made)
    for _each in range(2):
        client.ask(head())
    write(tmp_path, ".htaccess", b"RewriteEngine On\nRewriteCond %{HTTP:X-Kind} other\nRewriteRule . - [F]\n")
    hear(made)
    for _each in range(2):
        assert client.ask(head()).startswith(b"HTTP/1.1 200 ")
    hits = counts(made)[1]
    assert client.ask(head()).startswith(b"HTTP/1.1 200 ")
    assert counts(made)[1] == hits + 1
    assert len(briefs(made)) == 1
    assert client.ask(head("/a.html", "X-Kind: other")).startswith(b"HTTP/1.1 403 ")


def test_what_is_behind_a_link_that_was_looked_at_is_kept_whole(tmp_path: Path) -> None:
    links = f'<Directory "{tmp_path}/htdocs">\nOptions SymLinksIfOwnerMatch\n</Directory>\n'
    made = site(tmp_path, "MaxKeepAliveRequests 0\n" + links)
    (tmp_path / "htdocs" / "link.html").symlink_to("a.html")
    client = Client(made)
    write(tmp_path, "other.html", b"")  # takes as long as a link may have to be looked at again
    for _each in range(4):
        assert client.ask(head("/link.html")).endswith(b"\r\n\r\nfirst\n")
    assert not briefs(made)
    assert sum(counts(made)[:2]) == 3


def test_what_is_given_often_takes_the_place_of_a_record_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site(tmp_path, "MaxKeepAliveRequests 0\n")
    for name in ("cold.html", "b.html"):
        write(tmp_path, name, name.encode())
    recall, client = recall_of(made), Client(made)
    monkeypatch.setattr(Room, "is_ample", True)
    client.ask(head("/cold.html"))
    monkeypatch.setattr(Room, "is_ample", False)
    whole = client.ask(head("/b.html"))
    for number in range(OFTEN):
        assert client.ask(head("/b.html", f"X: {number}"))[80:] == whole[80:]
        client.ask(head())
    assert counts(made) == (0, 2 * OFTEN - 1, 3)
    assert [brief.gist.split()[1] for brief in briefs(made)] == [b"/a.html"], "nothing was left to take the place of"
    assert not shelf_of(made).heads
    for _each in range(3):
        assert client.ask(head("/b.html"))[80:] == whole[80:]
    assert counts(made) == (2, 2 * OFTEN - 1, 4)
    ((record, _lines),) = shelf_of(made).heads.values()
    assert record.hits == OFTEN + 2, "it has to be given twice as often by whoever is to take its place"
    others = sum([each.size for each in briefs(made)]) + sum([each.size for each in terms(made)])
    assert recall.room.size == record.size + others
    for _each in range(2):
        assert client.ask(head("/cold.html")).endswith(b"cold.html")
    assert len(briefs(made)) == 2


def test_what_is_read_short_is_not_sent(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(made)
    whole = [client.ask(head()) for _each in range(2)][1]
    monkeypatch.setattr("mpmserver.core.recall.brief.read_now", lambda fd, offset, count: b"fir")
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, offset: pread(fd, count, offset)[:3] if count == 6 else b"")
    (brief,) = briefs(made)
    assert brief.contents(may_wait=True) is None
    assert brief.contents(may_wait=False) is None
    monkeypatch.undo()
    assert client.ask(head())[80:] == whole[80:]


def never(sightings: Sightings, mark: int) -> bool:
    return False
