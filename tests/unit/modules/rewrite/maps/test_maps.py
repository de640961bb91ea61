"""modules/rewrite/maps: what sources mean, how files are read, and that they are read anew when they change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mpmserver.modules.rewrite.maps.program import arguments_of
from mpmserver.modules.rewrite.maps.text import MAX_LINE, parse
from tests.unit.modules.kit import SiteKit, refusal

MODULES = ("core", "rewrite", "authz_core")
DATABASES = Path(__file__).parents[4] / "differential/cases/rewrite_maps/files"


def _kit(tmp_path: Path, source: str) -> SiteKit:
    text = f"RewriteEngine on\nRewriteMap m {source}\nRewriteRule ^/(.*)$ http://x.test/${{m:$1|DEFAULT}} [R,NE]"
    return SiteKit(tmp_path, text, MODULES)


def _asked(kit: SiteKit, key: str) -> str:
    return kit.get(f"/{key}").headers["Location"].removeprefix("http://x.test/")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("txt:nosuch", "RewriteMap: file for map m not found:{root}/nosuch"),
        ("nosuch", "RewriteMap: file for map m not found:{root}/nosuch"),
        ("rnd:nosuch", "RewriteMap: file for map m not found:{root}/nosuch"),
        ("unknown:x", "RewriteMap: file for map m not found:{root}/unknown:x"),
        ("prg:nosuch", "RewriteMap: file for map m not found:{root}/nosuch"),
        ('"prg:nosuch here argument"', "RewriteMap: file for map m not found:{root}/nosuch"),
        ("dbm:nosuch", "RewriteMap: file for map m not found:{root}/nosuch"),
        ("dbm=SDBM:nosuch", "RewriteMap: file for map m not found:{root}/nosuch.dir"),
        ("dbm=ndbm:nosuch", "RewriteMap: dbm type ndbm is invalid"),
        ("dbm=:nosuch", "RewriteMap: dbm type  is invalid"),
        ("dbm=db", "RewriteMap: bad map:dbm=db"),
        ("dbm", "RewriteMap: bad map:dbm"),
        ("dbmx:y", "RewriteMap: bad map:dbmx:y"),
        ("int:nosuch", "RewriteMap: internal map not found:nosuch"),
        ("int:TOUPPER", "RewriteMap: internal map not found:TOUPPER"),
        ("dbd:select", "RewriteMap types dbd and fastdbd require mod_dbd!"),
        ("FastDBD:select", "RewriteMap types dbd and fastdbd require mod_dbd!"),
    ],
)
def test_refused_in_apaches_words(tmp_path: Path, source: str, message: str) -> None:
    assert refusal(tmp_path, f"RewriteMap m {source}", MODULES) == message.format(root=tmp_path)


def test_lines() -> None:
    usual = b"# comment\na 1\nb\t2 rest\n c 3\nd\ne   \na again\n#f 4\nlast 5\n"
    table = parse(usual + b"k" * MAX_LINE + b"tail value\n" + b"v " + b"x" * MAX_LINE)
    long = {b"tail": b"value", b"v": b"x" * (MAX_LINE - 2)}
    assert table == {b"a": b"1", b"b": b"2", b"last": b"5"} | long
    assert parse(b"") == {}


def test_a_text_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "map.txt"
    path.write_text("a 1\n")
    kit = _kit(tmp_path, "txt:map.txt")
    assert [_asked(kit, "a"), _asked(kit, "b"), _asked(kit, "a")] == ["1", "DEFAULT", "1"]
    path.write_text("a 2\nb 3\n")
    os.utime(path, (1, 1))
    assert [_asked(kit, "a"), _asked(kit, "b")] == ["2", "3"]
    path.unlink()
    assert _asked(kit, "a") == "DEFAULT"
    assert "AH00661: mod_rewrite: can't access text RewriteMap file" in kit.log[-2][2] + kit.log[-1][2] + str(kit.log)


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("a 1\n")
    kit = _kit(tmp_path, "txt:map.txt")
    found = kit.site.main.tables
    maps = next(table.maps for table in found.values() if hasattr(table, "maps"))
    x = kit.exchange("/")
    x.settings = kit.site.main.defaults
    for number in range(5000):
        assert maps["m"].lookup(x, f"key{number}") is None
    assert len(maps["m"]._memory.answers) <= 4096


def test_values_at_random(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("a one|two|three\nb |\nc single\n")
    kit = _kit(tmp_path, "rnd:map.txt")
    assert {_asked(kit, "a") for _ in range(60)} == {"one", "two", "three"}
    assert (_asked(kit, "b"), _asked(kit, "c"), _asked(kit, "d")) == ("DEFAULT", "single", "DEFAULT")


@pytest.mark.parametrize(("kind", "name"), [("sdbm", "sdbm"), ("GDBM", "gdbm"), ("db", "db"), ("", "db")])
def test_databases(tmp_path: Path, kind: str, name: str) -> None:
    for path in DATABASES.glob(f"{name}*"):
        shutil.copy(path, tmp_path)
    kit = _kit(tmp_path, f"dbm={kind}:{name}" if kind else f"dbm:{name}")
    assert [_asked(kit, key) for key in ("a", "c", "none")] == ["dup", "3", "DEFAULT"]


@pytest.mark.parametrize(
    ("function", "key", "value"),
    [
        ("toupper", "aBc%c3%a9", "ABC%c3%a9"),
        ("tolower", "aBC%C3%89", "abc%c3%89"),
        ("escape", "a%20b%25", "a%20b%25"),
        ("unescape", "a%252fb", "a/b"),
        ("unescape", "a%25zz%25", "a%zz%"),
        ("unescape", "a%2500b", "a"),
    ],
)
def test_functions(tmp_path: Path, function: str, key: str, value: str) -> None:
    kit = _kit(tmp_path, f"int:{function}")
    assert _asked(kit, key).encode("latin-1").decode("utf-8") == value.replace("%c3%a9", "é").replace("%c3%89", "É")


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        ("a", ["a"]),
        ("a b  c", ["a", "b", "c"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        (r"a b\ c #d", ["a", "b c", "#d"]),
    ],
)
def test_arguments(source: str, arguments: list[str]) -> None:
    assert arguments_of(source) == arguments


def test_a_program_that_does_not_run_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/bin/sh\n")
    kit = _kit(tmp_path, "prg:program")
    assert _asked(kit, "a") == "DEFAULT"
