"""core/dbm: what Apache's httxt2dbm writes is read back, and a damaged file is an error and nothing worse."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpmserver.core import dbm
from tests.require import require_tool

CASE = Path(__file__).parents[3] / "differential/cases/auth_dbm/files"
KINDS = ["SDBM", "GDBM", "DB", "default"]
GROUPS = {b"md5": b"one,two", b"sha": b"two", b"bcrypt": b"xx:one,three:rest", b"plain": b"root"}


def _made(folder: Path, kind: str, items: dict[str, str]) -> str:
    source, target = folder / "in.txt", folder / f"out.{kind}"
    source.write_text("".join(f"{key} {value}\n" for key, value in items.items()), encoding="utf-8")
    command = [require_tool("httxt2dbm"), "-f", kind, "-i", str(source), "-o", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return str(target)


def _items(count: int) -> dict[str, str]:
    chosen = random.Random(count)
    letters = "abcdefghijklmnopqrstuvwxyzABC/.-_0123456789éü€"
    keys = {"".join(chosen.choices(letters, k=chosen.randint(1, 20))) for _ in range(count)}
    return {key: "v" + "x" * chosen.randint(0, 60) + str(index) for index, key in enumerate(sorted(keys))}


@pytest.mark.parametrize("count", [0, 1, 7, 300, 4000])
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_was_written_is_found(tmp_path: Path, kind: str, count: int) -> None:
    items = _items(count) | ({"long": "y" * 900} if count else {})
    path = _made(tmp_path, kind, items)
    for key, value in items.items():
        assert dbm.fetch(kind.lower(), path, key.encode()) == value.encode()
    for number in range(200):
        assert dbm.fetch(kind, path, b"missing%d" % number) is None


@pytest.mark.parametrize("kind", ["GDBM", "DB"])
def test_values_of_several_pages(tmp_path: Path, kind: str) -> None:
    items = {f"key{length}": "z" * length for length in (10, 1000)}
    path = _made(tmp_path, kind, items)
    for key, value in items.items():
        assert dbm.fetch(kind, path, key.encode()) == value.encode()


@pytest.mark.parametrize(("kind", "name"), [("SDBM", "groups.sdbm"), ("gdbm", "groups.gdbm"), ("Db", "groups.db")])
def test_without_apache(kind: str, name: str) -> None:
    for key, value in GROUPS.items():
        assert dbm.fetch(kind, str(CASE / name), key) == value
        assert dbm.fetch("default", str(CASE / name), key) == value
    assert dbm.fetch(kind, str(CASE / name), b"nobody") is None


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("nonesuch", "groups.db", "(20019)DSO load failed"),
        ("NDBM", "groups.db", "(20019)DSO load failed"),
        ("GDBM", "groups.db", "(120007)APR does not understand this error code"),
        ("DB", "groups.gdbm", "(120022)APR does not understand this error code"),
        ("SDBM", "groups.db", "(2)No such file or directory"),
        ("DB", "nosuch", "(120002)APR does not understand this error code"),
        ("default", "nosuch", "(120002)APR does not understand this error code"),
        ("GDBM", "nosuch", "(120003)APR does not understand this error code"),
        ("DB", "ht", "(120021)APR does not understand this error code"),
        ("GDBM", "ht", "(120006)APR does not understand this error code"),
    ],
)
def test_errors_have_aprs_words(kind: str, name: str, reason: str) -> None:
    with pytest.raises(dbm.DbmError) as caught:
        dbm.fetch(kind, str(CASE / name), b"key")
    assert dbm.reason(caught.value) == reason


def test_kinds_and_files() -> None:
    assert dbm.is_known("sDBM")
    assert dbm.is_known("default")
    assert not dbm.is_known("ndbm")
    assert not dbm.is_known("")
    assert dbm.files("sdbm", "/a/b") == ("/a/b.dir", "/a/b.pag")
    assert dbm.files("db", "/a/b") == dbm.files("gdbm", "/a/b") == ("/a/b",)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kind=st.sampled_from(["sdbm", "gdbm", "db"]),
    key=st.sampled_from([*GROUPS, b"x"]),
    changes=st.lists(st.tuples(st.integers(0, 17000), st.integers(0, 255)), min_size=1, max_size=30),
    length=st.one_of(st.none(), st.integers(0, 17000)),
)
def test_a_damaged_file_is_an_error_at_worst(
    tmp_path: Path, kind: str, key: bytes, changes: list[tuple[int, int]], length: int | None
) -> None:
    path = tmp_path / "damaged"
    for name in dbm.files(kind, "groups." + kind):
        data = bytearray((CASE / name).read_bytes())[:length]
        for place, octet in changes:
            if place < len(data):
                data[place] = octet
        (tmp_path / name.replace("groups." + kind, "damaged")).write_bytes(data)
    try:
        found = dbm.fetch(kind, str(path), key)
    except dbm.DbmError:
        return
    assert found is None or isinstance(found, bytes)


@pytest.mark.parametrize(("place", "number"), [(20, 0), (20, 5), (76, 0xFFFFFFFF)])
def test_sizes_and_masks_that_no_database_has(tmp_path: Path, place: int, number: int) -> None:
    data = bytearray((CASE / "groups.db").read_bytes())
    data[place : place + 4] = number.to_bytes(4, "little")
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(dbm.DbmError, match="damaged"):
        dbm.fetch("db", str(tmp_path / "damaged"), b"md5")


def test_a_file_is_seen_when_it_changes_and_none_is_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "groups.db"
    shutil.copy(CASE / "groups.db", path)
    before = len(os.listdir("/proc/self/fd"))
    assert dbm.fetch("db", str(path), b"md5") == b"one,two"
    path.unlink()
    shutil.copy(CASE / "digest.db", path)
    assert dbm.fetch("db", str(path), b"md5") is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(dbm.DbmError):
        dbm.fetch("db", str(tmp_path / "fifo"), b"key")
