"""Ways that are watched: where the kernel tells of changes they cost no look, and no change is missed."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpmserver.core import ways
from mpmserver.core.recall import looks
from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.sightings import Sightings
from tests.memory import Answer, exchange, get, world
from tests.unit.core.test_ways import looked, settle

__all__ = ["looked"]

SITE = """RecallRevalidate 60
<Directory {root}/htdocs>
AllowOverride All
</Directory>
"""


class Seen(Sightings):
    """Has seen everything, or nothing."""

    def __init__(self, *, again: bool) -> None:
        super().__init__()
        self.answer = again

    def again(self, mark: int) -> bool:
        return self.answer


class Watched:
    """A site whose process hears of changes, where nothing is remembered but ways."""

    def __init__(self, tmp_path: Path) -> None:
        self.world = world(tmp_path, SITE.format(root=tmp_path))
        self.folder = tmp_path / "htdocs" / "one" / "two"
        self.folder.mkdir(parents=True)
        for place in (tmp_path / "htdocs", self.folder):
            (place / "a.txt").write_text("hello")
        (self.folder / ".htaccess").write_text("Header set X-Way here\n")
        recall = begin(self.world.site, 1, blocking=False)
        assert recall is not None
        assert recall.watches is not None
        self.recall, self.watches = recall, recall.watches
        recall.seen = Seen(again=False)
        self.known = self.world.resolver.ways.known
        self.ask()
        settle(self.world)
        self.ask()
        self.world.recall = recall

    def ask(self, path: str = "/one/two/a.txt", times: int = 1) -> Answer:
        for _ in range(times - 1):
            get(self.world, path)
        return get(self.world, path)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.watches.close()


def htaccess_looks(looked: Counter[str]) -> int:
    return sum(count for name, count in looked.items() if name.endswith(".htaccess"))


def test_a_way_that_is_gone_often_is_not_looked_at_any_more(watched: Watched, looked: Counter[str]) -> None:
    watched.ask(times=ways.OFTEN)
    assert htaccess_looks(looked) > 0
    looked.clear()
    assert watched.ask(times=3).headers["x-way"] == "here"
    assert htaccess_looks(looked) == 0


@pytest.mark.parametrize("change", ["content", "gone", "above", "renamed"])
def test_a_change_on_a_watched_way_is_heard_of(watched: Watched, change: str) -> None:
    watched.ask(times=ways.OFTEN)
    file = watched.folder / ".htaccess"
    if change == "content":
        file.write_text("Header set X-Way there\n")
    elif change == "gone":
        file.unlink()
    elif change == "above":
        (watched.folder.parent / ".htaccess").write_text("Header set X-Above yes\n")
    else:
        watched.folder.rename(watched.folder.parent / "three")
        watched.folder.mkdir()
        (watched.folder / "a.txt").write_text("hello")
    watched.watches.read()
    headers = watched.ask().headers
    assert headers.get("x-way") == {"content": "there", "gone": None, "above": "here", "renamed": None}[change]
    assert headers.get("x-above") == ("yes" if change == "above" else None)


def test_who_comes_behind_another_sees_what_changed_meanwhile(watched: Watched) -> None:
    """A loop hears of changes before it answers the first request of a turn; the second may have been sent later."""
    watched.ask(times=ways.OFTEN)
    (watched.folder / ".htaccess").write_text("Header set X-Way there\n")
    request = b"GET /one/two/a.txt HTTP/1.1\r\nHost: memory.example\r\n\r\n"
    assert exchange(watched.world, request).count(b"X-Way: here") == 1, "nobody has looked"
    assert exchange(watched.world, request + request).count(b"X-Way: there") == 2


def watched_ways(watched: Watched) -> int:
    return sum(way.watched for way in watched.known.values())


def test_a_way_that_is_watched_anew_is_heard_of_again(watched: Watched) -> None:
    watched.ask(times=ways.OFTEN)
    assert watched_ways(watched) == 1
    watched.watches._make_stale(None)  # as when the kernel could not tell everything: nothing has changed, though
    assert watched_ways(watched) == 0
    watched.ask(times=ways.OFTEN)
    assert watched_ways(watched) == 1
    (watched.folder / ".htaccess").write_text("Header set X-Way there\n")
    watched.watches.read()
    assert watched.ask().headers["x-way"] == "there"


def test_a_folder_that_is_gone_is_not_there(watched: Watched) -> None:
    watched.ask(times=ways.OFTEN)
    assert watched.ask("/one/two/none/x").status == 404
    (watched.folder / "a.txt").unlink()
    (watched.folder / ".htaccess").unlink()
    watched.folder.rmdir()
    watched.watches.read()
    assert watched.ask("/one/two/none/x").status == 404
    watched.folder.write_text("a file")
    watched.watches.read()
    answer = watched.ask("/one/two/none/x")
    assert (answer.status, answer.headers.get("x-way")) == (404, None)


def test_another_thread_looks_for_itself(watched: Watched, looked: Counter[str]) -> None:
    watched.ask(times=ways.OFTEN)
    looked.clear()
    thread = threading.Thread(target=watched.ask)
    thread.start()
    thread.join()
    assert htaccess_looks(looked) > 0


def test_a_request_that_may_be_remembered_looks_for_itself(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.ask(times=ways.OFTEN)
    monkeypatch.setattr(watched.recall, "seen", Seen(again=True))
    seen: list[str] = []

    def look(way: ways.Way, look: object) -> bool:
        seen.append(way.key[1])
        return True

    monkeypatch.setattr(ways.Way, "is_as_before", look)
    watched.ask()
    assert set(seen) == {str(watched.folder)}


def test_what_cant_be_heard_of_is_seen_in_time(watched: Watched) -> None:
    watched.ask(times=ways.OFTEN)
    for way in watched.known.values():
        way.valid_until = 1.0
    (watched.folder / ".htaccess").write_text("Header set X-Way there\n")
    assert watched.ask().headers["x-way"] == "there"


def test_watched_ways_are_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "WATCHED", 1)
    watched.ask(times=ways.OFTEN)
    known = watched.known
    first = next(way for way in known.values() if way.watched)
    watched.ask("/a.txt", times=ways.OFTEN + 1)
    assert [way for way in known.values() if way.watched] == [first]
    first.valid_until = 1.0
    watched.ask("/a.txt", times=2)
    [second] = [way for way in known.values() if way.watched]
    assert second.key[1].endswith("/htdocs")


def test_where_no_watch_is_to_be_had_files_are_looked_at(
    watched: Watched, looked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched.watches, "guard", lambda token, looks: None)
    watched.ask(times=ways.OFTEN + 1)
    looked.clear()
    watched.ask()
    assert htaccess_looks(looked) > 0
    way = next(way for way in watched.known.values() if way.key[1].endswith("two"))
    assert way.try_after > 0
    assert not way.watched


@pytest.fixture
def missed(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each path was looked for that is asked for time and again; ways are watched already."""
    watched.ask(times=ways.OFTEN)
    seen: Counter[str] = Counter()

    def lstat(path: str) -> os.stat_result:
        seen[path] += 1
        return os.lstat(path)

    monkeypatch.setattr(looks.Disk, "lstat", staticmethod(lstat))
    monkeypatch.setattr(watched.recall, "_memo", lambda request, server: None)
    watched.recall.seen = Seen(again=True)
    return seen


@pytest.mark.parametrize("comes", ["file", "folder", "link"])
def test_what_is_missing_often_is_not_looked_for_any_more(watched: Watched, missed: Counter[str], comes: str) -> None:
    gap = watched.folder / "none"
    assert watched.ask("/one/two/none/x").status == 404
    assert missed.pop(str(gap)) == 1
    assert watched.ask("/one/two/none/y", times=3).status == 404
    assert watched.ask("/one/two/none").status == 404
    assert not missed
    if comes == "file":
        gap.write_text("here")
    elif comes == "folder":
        gap.mkdir()
        (gap / "x").write_text("here")
    else:
        gap.symlink_to(watched.folder.parent.parent)
    watched.watches.read()
    path = {"file": "/one/two/none", "folder": "/one/two/none/x", "link": "/one/two/none/a.txt"}[comes]
    assert watched.ask(path).status == 200
    gap.rename(watched.folder / "other")
    watched.watches.read()
    assert watched.ask("/one/two/none/x", times=2).status == 404


def test_a_gap_is_looked_for_in_time(watched: Watched, missed: Counter[str]) -> None:
    watched.ask("/one/two/none/x", times=2)
    [gap] = [each for each in watched.world.resolver.ways._watched.values() if isinstance(each, ways.Gap)]
    gap.valid_until = 1.0
    missed.clear()
    assert watched.ask("/one/two/none/x", times=2).status == 404
    assert missed[str(watched.folder / "none")] == 1
    assert gap.valid_until > 1.0
    gap.valid_until = 1.0
    (watched.folder / "none").write_text("here, and nobody has told")
    assert watched.ask("/one/two/none").status == 200


def test_what_is_missing_once_is_not_watched(watched: Watched, missed: Counter[str]) -> None:
    watched.recall.seen = Seen(again=False)
    watched.ask("/one/two/none/x", times=3)
    assert missed[str(watched.folder / "none")] == 3


def test_where_a_gap_cant_be_watched_it_is_looked_for(
    watched: Watched, missed: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def guard(token: object, looks: object) -> None:
        tried.append(token)

    monkeypatch.setattr(watched.watches, "guard", guard)
    assert watched.ask("/one/two/none/x", times=3).status == 404
    assert missed[str(watched.folder / "none")] == 3
    assert len(tried) == 1, "it is tried again later"


def test_gaps_are_bounded(watched: Watched, missed: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "WATCHED", 2)
    for name in "abc":
        watched.ask(f"/one/two/{name}/x", times=2)
    known = watched.world.resolver.ways._watched
    assert [key for key in known if isinstance(key, str)] == [str(watched.folder / "a")]
    known[str(watched.folder / "a")].valid_until = 1.0
    watched.ask("/one/two/b/x", times=3)
    assert [key for key in known if isinstance(key, str)] == [str(watched.folder / "b")]


def test_another_thread_looks_for_gaps_itself(watched: Watched, missed: Counter[str]) -> None:
    watched.ask("/one/two/none/x", times=2)
    missed.clear()
    thread = threading.Thread(target=watched.ask, args=("/one/two/none/x",))
    thread.start()
    thread.join()
    assert missed[str(watched.folder / "none")] == 1


def test_a_folder_without_an_htaccess_that_is_gone_is_not_there(watched: Watched) -> None:
    """All .htaccess files on the way to it are missing as before, so these don't tell."""
    folder = watched.folder.parent / "plain"
    folder.mkdir()
    (watched.folder.parent.parent / "link").symlink_to(folder)
    assert watched.ask("/link/none/x", times=2 * ways.OFTEN).status == 404
    assert any(way.watched for way in watched.known.values() if way.key[1].endswith("/link"))
    folder.rmdir()
    watched.watches.read()
    for _ in range(3):
        assert watched.ask("/link/none/x").status == 403, "the link leads nowhere"
    folder.mkdir()
    watched.watches.read()
    assert watched.ask("/link/none/x", times=2).status == 404
