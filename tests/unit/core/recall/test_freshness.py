"""Freshness: whatever changes an answer's files makes it stale, by either way; what doesn't concern it does not."""

from __future__ import annotations

import errno
import mmap
import os
import select
import shutil
from pathlib import Path

import pytest

from mpmserver.core.recall.freshness import StatFreshness
from mpmserver.core.recall.looks import unchanged
from mpmserver.core.recall.watches import Watches
from tests.unit.core.recall.kit import (
    Answer,
    Change,
    append,
    await_tick,
    chmod,
    chown,
    exchange,
    looked,
    mkdir,
    relink,
    rename,
    replace,
    replace_directory,
    then,
    touch,
    unlink,
    write,
)

SEEN: list[tuple[str, tuple[str, ...], Change]] = [
    ("written", ("index.html",), write("www/index.html")),
    ("written with as much", ("index.html",), write("www/index.html", "xedni")),
    ("appended to", ("index.html",), append("www/index.html")),
    ("truncated by path", ("index.html",), lambda site: os.truncate(site / "www/index.html", 2)),
    ("grown", ("index.html",), lambda site: os.truncate(site / "www/index.html", 20000)),
    ("renamed over", ("index.html",), replace("www/index.html", "index")),
    ("exchanged", ("index.html",), exchange("www/index.html", "www/other.html")),
    ("written through its other name", ("index.html",), write("second-name")),
    ("its other name renamed over", ("index.html",), replace("second-name", "index")),
    ("its other name removed", ("index.html",), unlink("second-name")),
    ("given another name", ("index.html",), lambda site: os.link(site / "www/index.html", site / "third")),
    ("chmod", ("index.html",), chmod("www/index.html", 0)),
    ("chown", ("index.html",), chown("www/index.html")),
    ("touched", ("index.html",), touch("www/index.html")),
    ("removed", ("index.html",), unlink("www/index.html")),
    ("moved away", ("index.html",), rename("www/index.html", "www/gone.html")),
    ("removed and written anew", ("index.html",), then(unlink("www/index.html"), write("www/index.html", "index"))),
    ("became a directory", ("index.html",), then(unlink("www/index.html"), mkdir("www/index.html"))),
    ("one of two files", ("other.html", "index.html"), write("www/index.html")),
    ("a file that is looked at as no link", ("@index.html",), write("www/index.html")),
    ("chmod of its directory", ("index.html", ""), chmod("www", 0o700)),
    ("chown of its directory", ("index.html", ""), chown("www")),
    ("its directory moved", ("index.html",), rename("www", "elsewhere")),
    ("a directory above moved", ("sub/page.html",), rename("www", "elsewhere")),
    ("a directory above replaced", ("sub/page.html", "sub"), replace_directory("www/sub")),
    ("directories exchanged", ("sub/page.html",), exchange("www/sub", "releases")),
    ("all removed", ("sub/page.html",), lambda site: shutil.rmtree(site / "www")),
    ("a directory removed", ("sub/deep",), lambda site: (site / "www/sub/deep").rmdir()),
    ("an empty directory renamed over", ("sub/deep",), then(mkdir("empty"), rename("empty", "www/sub/deep"))),
    ("a link's target written", ("link.html",), write("www/index.html")),
    ("a link's target replaced", ("link.html",), replace("www/index.html", "index")),
    ("a link replaced", ("link.html",), relink("www/link.html", "other.html")),
    ("a link replaced that was only looked at", ("@link.html",), relink("www/link.html", "index.html")),
    ("a link exchanged", ("link.html",), exchange("www/link.html", "www/other.html")),
    ("a link removed", ("link.html",), unlink("www/link.html")),
    ("the second of two links", ("chain.html",), relink("www/link.html", "other.html")),
    ("the end of two links", ("chain.html",), append("www/index.html")),
    ("another release", ("current/app.html",), relink("www/current", "releases/2")),
    ("a release changed", ("current/app.html",), write("releases/1/app.html")),
    ("a release moved", ("current/app.html",), rename("releases/1", "releases/3")),
    ("releases moved", ("current/app.html",), rename("releases", "former")),
    ("releases exchanged", ("current/app.html",), exchange("releases/1", "releases/2")),
    ("a link with dots on its way", ("up/app.html",), rename("releases", "former")),
    ("a path with dots", ("sub/../../releases/1/app.html",), write("releases/1/app.html")),
    ("a path with dots through a link", ("current/../2/app.html",), write("releases/2/app.html")),
    ("a path with dots, whose way moves", ("sub/../index.html",), rename("www/sub", "sub")),
    ("a path with slashes", ("/sub//page.html",), write("www/sub/page.html")),
    (".htaccess created", (".htaccess",), write("www/.htaccess")),
    (".htaccess moved there", (".htaccess",), rename("www/other.html", "www/.htaccess")),
    (".htaccess linked there", (".htaccess",), lambda site: os.link(site / "second-name", site / "www/.htaccess")),
    (".htaccess as a link", (".htaccess",), lambda site: (site / "www/.htaccess").symlink_to("index.html")),
    ("a directory where nothing was", ("new",), mkdir("www/new")),
    ("nothing below nothing", ("new/deep/x.html",), then(mkdir("www/new"), mkdir("www/new/deep"),
                                                          write("www/new/deep/x.html"))),
    ("a name with a slash behind it", ("new/",), mkdir("www/new")),
    ("a directory where a file was", ("index.html/x",), then(unlink("www/index.html"), mkdir("www/index.html"))),
    ("a dangling link's target", ("dangling",), then(mkdir("www/sub/missing"), write("www/sub/missing/x"))),
    ("a dangling link replaced", ("dangling",), relink("www/dangling", "index.html")),
    ("a name in no known charset", ("\udcff\udcfe",), write("www/\udcff\udcfe")),
    ("a file in no known charset", ("index.html",), rename("www/index.html", "www/\udcff")),
]  # fmt: skip
"""What was looked at, and what happens: no longer so, and both ways find out."""


@pytest.mark.parametrize(("names", "change"), [case[1:] for case in SEEN], ids=[case[0] for case in SEEN])
def test_what_must_be_seen(site: Path, watches: Watches, names: tuple[str, ...], change: Change) -> None:
    by_stat, told = Answer(), Answer()
    checks = StatFreshness().guard(by_stat, looked(site, *names))
    assert watches.guard(told, looked(site, *names)) == checks
    assert checks is not None
    assert unchanged(checks)
    watches.read()
    assert not any(token.stale for token in (by_stat, told))
    await_tick()
    change(site)
    assert not unchanged(checks)
    watches.read()
    assert told.stale
    assert len(watches) == 0


ONLY_TOLD: list[tuple[str, tuple[str, ...], Change]] = [
    ("a directory replaced, with the same file", ("sub/page.html",), replace_directory("www/sub")),
    ("a directory touched", ("index.html",), touch("www")),
    ("chmod of a directory above, for who may all", ("sub/page.html",), chmod("www", 0o700)),
    ("a way taken out and put back", ("index.html",), then(rename("www", "away"), rename("away", "www"))),
    ("a name that came and went", (".htaccess",), then(write("www/.htaccess"), unlink("www/.htaccess"))),
    ("the first part of a way", ("new/x.html",), mkdir("www/new")),
]
"""What the kernel tells although, in the end, the answer is the same."""


@pytest.mark.parametrize(("names", "change"), [case[1:] for case in ONLY_TOLD], ids=[case[0] for case in ONLY_TOLD])
def test_what_only_the_kernel_tells(site: Path, watches: Watches, names: tuple[str, ...], change: Change) -> None:
    told = Answer()
    checks = watches.guard(told, looked(site, *names))
    assert checks is not None
    await_tick()
    change(site)
    watches.read()
    assert told.stale


UNCONCERNED: list[tuple[str, tuple[str, ...], Change]] = [
    ("another file written", ("index.html",), write("www/other.html")),
    ("another file created", ("index.html", ".htaccess"), write("www/new.html")),
    ("another file replaced", ("index.html", ".htaccess"), replace("www/other.html", "x")),
    ("another file removed", ("index.html", ".htaccess"), unlink("www/other.html")),
    ("another file touched", ("index.html", ".htaccess"), touch("www/other.html")),
    ("another file's rights", ("index.html", ".htaccess"), chmod("www/other.html", 0)),
    ("a directory created beside it", ("index.html", ".htaccess"), mkdir("www/new")),
    ("a directory removed beside it", ("sub/page.html", ".htaccess"), lambda site: (site / "www/sub/deep").rmdir()),
    ("a directory beside it changed", ("index.html", ".htaccess"), chmod("www/sub", 0o700)),
    ("a directory beside it moved", ("index.html", ".htaccess"), rename("www/sub", "sub")),
    ("the same name elsewhere", ("index.html", ".htaccess"), write("www/sub/.htaccess")),
    ("a file above", ("sub/page.html",), write("www/page.html")),
    ("read", ("index.html",), lambda site: (site / "www/index.html").read_text()),
    ("listed", ("index.html", "sub"), lambda site: list((site / "www").iterdir())),
    ("opened to be written", ("index.html",), lambda site: (site / "www/index.html").open("a").close()),
    ("another release changed", ("current/app.html",), write("releases/2/app.html")),
    ("another release made", ("current/app.html",), mkdir("releases/3")),
    ("a link replaced that leads there too", ("index.html",), relink("www/link.html", "other.html")),
]


@pytest.mark.parametrize(("names", "change"), [case[1:] for case in UNCONCERNED], ids=[case[0] for case in UNCONCERNED])
def test_what_is_not_its_business(site: Path, watches: Watches, names: tuple[str, ...], change: Change) -> None:
    token = Answer()
    checks = watches.guard(token, looked(site, *names))
    assert checks is not None
    await_tick()
    change(site)
    assert unchanged(checks)
    watches.read()
    assert not token.stale


def test_busy_directories_wake_nobody(site: Path, watches: Watches) -> None:
    """What is created, written and removed in a directory on the way is not even told."""
    assert watches.guard(Answer(), looked(site, "sub/page.html"))
    for name in ("a", "b"):
        (site / "www" / name).write_text("x")
        (site / "www" / name).unlink()
    assert select.select([watches.fd], [], [], 0)[0] == []


@pytest.mark.parametrize("way", ["write", "ftruncate", "fchmod"])
def test_a_descriptor_from_before(site: Path, watches: Watches, way: str) -> None:
    token = Answer()
    with (site / "www" / "index.html").open("r+") as file:
        checks = watches.guard(token, looked(site, "link.html"))
        assert checks is not None
        await_tick()
        if way == "write":
            file.write("xedni")
            file.flush()
        else:
            getattr(os, way)(file.fileno(), 0)
        assert not unchanged(checks)
        watches.read()
        assert token.stale


def test_a_map_is_seen_only_by_who_looks(site: Path, watches: Watches) -> None:
    token = Answer()
    with (site / "www" / "index.html").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        checks = watches.guard(token, looked(site, "index.html"))
        assert checks is not None
        await_tick()
        memory[0:1] = b"X"
        memory.flush()
        watches.read()
        assert not token.stale
        assert not unchanged(checks)


def test_a_loop_of_links_is_nothing_to_watch(site: Path, watches: Watches) -> None:
    looks = looked(site, "loop")
    checks = StatFreshness().guard(Answer(), looks) or ()
    assert [(path, was) for path, _, _, was in checks] == [(os.fsencode(f"{site}/www/loop"), errno.ELOOP)]
    assert watches.guard(Answer(), looks) is None
    assert watches.reason == "too many symbolic links"
    assert len(watches) == 0


def test_other_file_systems(site: Path, watches: Watches) -> None:
    """A link to another mount."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("no /dev/shm")
    other = memory / f"freshness-{os.getpid()}"
    other.write_text("x")
    try:
        (site / "www" / "far").symlink_to(other)
        token = Answer()
        assert watches.guard(token, looked(site, "far")) is not None
        other.write_text("yy")
        watches.read()
        assert token.stale
    finally:
        other.unlink()
