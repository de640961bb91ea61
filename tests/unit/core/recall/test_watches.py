"""Watches: who is told, what is watched for whom, for how long, and what when the kernel won't."""

from __future__ import annotations

import errno
import os
import resource
import select
import tempfile
from pathlib import Path

import pytest

from mpmserver.core.recall.freshness import StatFreshness
from mpmserver.core.recall.looks import Looks, unchanged
from mpmserver.core.recall.watches import Watches
from mpmserver.net.inotify import Inotify
from tests.unit.core.recall.kit import Answer, await_tick, looked, relink, write


def test_what_was_changed_before_the_watches_stood(site: Path, watches: Watches) -> None:
    looks = looked(site, "index.html", ".htaccess")
    await_tick()
    (site / "www" / "index.html").write_text("changed")
    assert watches.guard(Answer(), looks) is None
    assert watches.reason == "a file has just changed"
    assert len(watches) == 0
    looks = looked(site, "missing")
    (site / "www" / "missing").touch()
    assert watches.guard(Answer(), looks) is None
    assert len(watches) == 0


@pytest.mark.parametrize("make", [StatFreshness, Watches])
def test_looks_that_contradict_each_other(site: Path, make: type[StatFreshness | Watches]) -> None:
    looks = looked(site, "index.html")
    (site / "www" / "index.html").write_text("changed")
    looks.stat(f"{site}/www/index.html")
    keeper = make()
    assert keeper.guard(Answer(), looks) is None
    assert keeper.reason == "a file has just changed"


def test_only_those_concerned(site: Path, watches: Watches) -> None:
    tokens = {name: Answer() for name in ("index.html", "other.html", "sub/page.html", "missing", "link.html")}
    for name, token in tokens.items():
        assert watches.guard(token, looked(site, name, ".htaccess"))
    (site / "www" / "index.html").write_text("changed")
    (site / "www" / "missing").touch()
    watches.read()
    assert {name for name, token in tokens.items() if token.stale} == {"index.html", "missing", "link.html"}
    (site / "www").chmod(0o711)
    watches.read()
    assert all(token.stale for token in tokens.values())
    assert len(watches) == 0


def test_many_answers_of_one_file(site: Path, watches: Watches) -> None:
    tokens = [Answer() for _ in range(50)]
    other = Answer()
    for token in tokens:
        assert watches.guard(token, looked(site, "index.html"))
    assert watches.guard(other, looked(site, "other.html"))
    (site / "www" / "index.html").write_text("changed")
    watches.read()
    assert all(token.stale for token in tokens)
    assert not other.stale


def test_a_crowd_of_one_file(site: Path, watches: Watches) -> None:
    """Who rests on what many rest on is told with everybody: to tell them apart would cost more than it saves."""
    tokens, other = [Answer() for _ in range(200)], Answer()
    for token in tokens:
        assert watches.guard(token, looked(site, "index.html"))
    assert watches.guard(other, looked(site, "other.html"))
    (site / "www" / "index.html").write_text("changed")
    watches.read()
    assert all(token.stale for token in tokens)
    assert other.stale
    assert len(watches) == 0


def test_a_crowd_without_a_file(site: Path, watches: Watches) -> None:
    """Who misses what everybody misses costs nothing, and is told with everybody."""
    names = ("index.html", ".htaccess")
    tokens = [Answer() for _ in range(200)]
    for token in tokens:
        assert watches.guard(token, looked(site, *names))
    for token in tokens[:150]:
        watches.release(token)
    (site / "www" / ".htaccess").touch()
    watches.read()
    assert [token.stale for token in tokens] == [False] * 150 + [True] * 50
    assert len(watches) == 0


def test_what_nobody_needs_is_not_watched(site: Path, watches: Watches) -> None:
    one, two = Answer(), Answer()
    assert watches.guard(one, looked(site, "sub/page.html", "current/app.html", "new/x", "sub/.htaccess", "up"))
    before = len(watches)
    assert watches.guard(two, looked(site, "sub/page.html", "other.html"))
    assert len(watches) == before + 1
    watches.release(one)
    watches.release(one)
    depth = len(f"{site}/www/sub".split("/"))
    assert len(watches) == depth + 2
    (site / "www" / "sub" / "page.html").write_text("changed")
    watches.read()
    assert two.stale
    assert not one.stale
    assert len(watches) == 0
    watches.release(two)


def test_a_stale_answer_is_watched_no_more(site: Path, watches: Watches) -> None:
    assert watches.guard(Answer(), looked(site, "index.html"))
    (site / "www" / "index.html").write_text("changed")
    watches.read()
    watches.read()
    for _ in range(3):
        (site / "www" / "index.html").write_text("changed again")
    assert select.select([watches.fd], [], [], 0)[0] == []


def test_a_guard_after_a_change_holds_again(site: Path, watches: Watches) -> None:
    for change in (write("www/index.html"), relink("www/link.html", "other.html"), write("www/other.html")):
        token = Answer()
        assert watches.guard(token, looked(site, "link.html"))
        await_tick()
        change(site)
        watches.read()
        assert token.stale
    token = Answer()
    assert watches.guard(token, looked(site, "link.html"))
    watches.read()
    assert not token.stale


def test_a_way_that_is_known_but_gone(site: Path, watches: Watches) -> None:
    """What is guarded between a change and its being told is told with the others."""
    first, second = Answer(), Answer()
    assert watches.guard(first, looked(site, "index.html"))
    (site / "www").rename(site / "old")
    (site / "www").mkdir()
    (site / "www" / "index.html").write_text("new")
    assert watches.guard(second, looked(site, "index.html"))
    watches.read()
    assert first.stale
    assert second.stale
    assert len(watches) == 0


def test_a_way_costs_once(site: Path, watches: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    add = Inotify.add

    def counting(self: Inotify, path: bytes, mask: int) -> int:
        calls.append(path)
        return add(self, path, mask)

    monkeypatch.setattr(Inotify, "add", counting)
    for number in range(50):
        (site / "www" / "sub" / f"{number}.html").write_text("x")
    for number in range(50):
        assert watches.guard(Answer(), looked(site, f"sub/{number}.html", "sub/.htaccess", ".htaccess"))
        if not number:
            calls.clear()
    assert calls == [os.fsencode(site / "www" / "sub" / f"{number}.html") for number in range(1, 50)]
    calls.clear()
    assert watches.guard(Answer(), looked(site, "sub/7.html", "sub/.htaccess", ".htaccess", "sub", "@sub"))
    assert calls == []


def test_a_path_of_any_depth(site: Path, watches: Watches) -> None:
    looks = looked(site, "a/" * 1500 + "b")
    assert watches.guard(Answer(), looks)
    (site / "www" / "a").mkdir()
    watches.read()
    assert len(watches) == 0


def test_a_relative_path(watches: Watches) -> None:
    looks = Looks()
    looks.stat(".")
    assert watches.guard(Answer(), looks) is None
    assert watches.reason == "a relative path"


def test_lost_events(site: Path, watches: Watches) -> None:
    """Whom a lost event concerned is not known: everybody."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("a very long queue")
    tokens = [Answer() for _ in range(3)]
    for token, name in zip(tokens, ("index.html", "new", "sub/page.html"), strict=True):
        assert watches.guard(token, looked(site, name))
    for _ in range(limit // 2 + 1):  # what is new in a directory is told, whatever its name
        os.close(os.open(site / "www" / "one", os.O_CREAT | os.O_WRONLY))
        os.rename(site / "www" / "one", site / "www" / "two")
    watches.read()
    assert all(token.stale for token in tokens)
    assert len(watches) == 0


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no inotify watches left"),
        (errno.EACCES, "a directory may not be watched"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
@pytest.mark.parametrize("after", range(6))
def test_a_kernel_that_refuses(
    site: Path, watches: Watches, monkeypatch: pytest.MonkeyPatch, number: int, reason: str, after: int
) -> None:
    """Nothing is left of what had been begun, and others are not touched."""
    token = Answer()
    assert watches.guard(token, looked(site, "index.html"))
    before = len(watches)
    add = Inotify.add
    left = after

    def refusing(self: Inotify, path: bytes, mask: int) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(number, os.strerror(number))
        return add(self, path, mask)

    monkeypatch.setattr(Inotify, "add", refusing)
    names = ("new/x", "sub/page.html", "sub/.htaccess", "current/app.html", "up", "sub/deep")
    assert watches.guard(Answer(), looked(site, *names)) is None
    assert watches.reason == reason
    assert len(watches) == before
    monkeypatch.undo()
    (site / "www" / "index.html").write_text("changed")
    watches.read()
    assert token.stale


def test_no_instance_to_be_had() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            Watches()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _open_to_all(site: Path) -> None:
    """Temporary directories are their owner's alone."""
    for path in (site, *site.parents):
        if path != Path(tempfile.gettempdir()) and path.is_relative_to(tempfile.gettempdir()):
            path.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_may_not_read_a_directory_cannot_watch_it(site: Path) -> None:
    """Answers of files below are not remembered, rather than be wrong."""
    child = os.fork()
    if not child:
        status = 1
        try:
            _open_to_all(site)
            (site / "www" / "sub").chmod(0o711)
            os.setresuid(65534, 65534, 65534)
            watches = Watches()
            assert watches.guard(Answer(), looked(site, "index.html")) is not None
            assert watches.guard(Answer(), looked(site, "sub/page.html")) is None
            assert watches.reason == "a directory may not be watched"
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_who_may_not_pass_a_directory(site: Path) -> None:
    """Rights that are taken from a directory above, and given back, are told."""
    child = os.fork()
    if not child:
        status = 1
        try:
            _open_to_all(site)
            (site / "www" / "sub").chmod(0o744)
            os.setresuid(0, 65534, 0)
            watches, token = Watches(), Answer()
            checks = watches.guard(token, looked(site, "sub/page.html"))
            assert checks is not None
            assert checks[0][-1] == errno.EACCES
            os.seteuid(0)
            (site / "www" / "sub").chmod(0o755)
            os.seteuid(65534)
            assert not unchanged(checks)
            watches.read()
            assert token.stale
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
