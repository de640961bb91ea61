"""Looks: what is noted of the disk, and what may be made of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpmserver.core.recall.looks import DISK, RESTLESS, Looks, signature, unchanged


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dir").mkdir()
    return tmp_path


def test_the_plain_disk_is_the_system_call() -> None:
    assert DISK.stat is os.stat
    assert DISK.lstat is os.lstat


@pytest.mark.parametrize("name", ["file", "link", "dir"])
def test_looks_answer_as_the_disk(site: Path, name: str) -> None:
    path = str(site / name)
    looks = Looks()
    assert looks.stat(path) == os.stat(path)
    assert looks.lstat(path) == os.lstat(path)
    checks = looks.checks() or ()
    octets = os.fsencode(path)
    assert [(path, look) for path, look, _, _ in checks] == [(octets, os.stat), (octets, os.lstat)]
    assert [was for *_, was in checks] == [signature(os.stat(path)), signature(os.lstat(path))]
    assert [read(look(path)) for path, look, read, _ in checks] == [was for *_, was in checks]


@pytest.mark.parametrize(
    ("name", "error"), [("missing", FileNotFoundError), ("file/below", NotADirectoryError), ("a" * 300, OSError)]
)
@pytest.mark.parametrize("follow", [True, False])
def test_what_is_not_there_is_found_too(site: Path, name: str, error: type[OSError], follow: bool) -> None:
    path = str(site / name)
    looks = Looks()
    with pytest.raises(error) as raised:
        (looks.stat if follow else looks.lstat)(path)
    checks = looks.checks() or ()
    assert [(path, look, was) for path, look, _, was in checks] == [
        (os.fsencode(path), os.stat if follow else os.lstat, raised.value.errno)
    ]
    assert unchanged(checks)


def test_a_path_that_no_disk_has_is_no_look() -> None:
    looks = Looks()
    with pytest.raises(ValueError, match="null"):
        looks.stat("/a\0b")
    assert looks.checks() == ()


def test_each_path_once(site: Path) -> None:
    looks = Looks()
    for _ in range(3):
        looks.stat(str(site / "file"))
        looks.lstat(str(site / "dir"))
    assert len(looks.found) == 6
    assert len(looks.checks() or ()) == 2


def test_two_looks_that_differ(site: Path) -> None:
    looks = Looks()
    looks.stat(str(site / "file"))
    assert looks.checks() is not None
    (site / "file").write_text("other text")
    looks.stat(str(site / "file"))
    assert looks.torn
    assert looks.checks() is None


def test_a_file_in_the_place_of_a_directory_and_the_other_way_round(site: Path) -> None:
    looks = Looks()
    (site / "folder").mkdir()
    looks.stat(str(site / "folder"))
    looks.stat(str(site / "file"))
    folder, file = looks.checks() or ()
    assert unchanged((folder, file))
    (site / "folder").rmdir()
    (site / "folder").touch()
    (site / "file").unlink()
    (site / "file").mkdir()
    assert not unchanged((folder,))
    assert not unchanged((file,))


def test_something_that_comes_between_two_looks(site: Path) -> None:
    looks = Looks()
    with pytest.raises(FileNotFoundError):
        looks.stat(str(site / "new"))
    (site / "new").touch()
    looks.stat(str(site / "new"))
    assert looks.torn


def test_a_directory_is_not_what_is_created_inside(site: Path) -> None:
    looks = Looks()
    looks.stat(str(site))
    (site / "new").mkdir()
    looks.stat(str(site))
    assert looks.checks() is not None
    site.chmod(0o711)
    looks.stat(str(site))
    assert looks.torn


@pytest.mark.parametrize(
    ("name", "mtime", "later", "settled"),
    [
        ("file", 0, 2 * RESTLESS, True),
        ("file", 0, RESTLESS // 2, False),
        ("file", 0, -RESTLESS, False),
        ("file", 3600, 2 * RESTLESS, False),
        ("file", -3600, RESTLESS // 2, False),
        ("file", -3600, 2 * RESTLESS, True),
        ("dir", 0, 0, True),
        ("dir", 3600, 0, True),
    ],
)
def test_settled(site: Path, name: str, mtime: int, later: int, settled: bool) -> None:
    """`mtime` and `later`: how long behind its last change the file claims to be written, and now is."""
    path = site / name
    changed = path.stat().st_ctime_ns
    os.utime(path, ns=(changed, changed + mtime * 1_000_000_000))
    looks = Looks()
    looks.stat(str(path))
    assert looks.settled(path.stat().st_ctime_ns + later) is settled


def test_nothing_is_settled() -> None:
    looks = Looks()
    with pytest.raises(FileNotFoundError):
        looks.stat("/does-not-exist")
    assert looks.settled(0)


def test_at(site: Path) -> None:
    looks = Looks()
    looks.lstat(str(site / "link"))
    assert looks.at(str(site / "link")) is None
    looks.stat(str(site / "link"))
    assert looks.at(str(site / "link")) == signature(os.stat(site / "file"))
    with pytest.raises(FileNotFoundError):
        looks.stat(str(site / "missing"))
    assert looks.at(str(site / "missing")) == 2
