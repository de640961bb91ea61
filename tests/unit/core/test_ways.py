"""What the walks keep: ways to folders, sections by file name; and what is looked at all the same."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from mpmserver.core import ways
from mpmserver.core.recall import looks
from mpmserver.core.world import World
from tests.memory import get, world

OVERRIDE = """Recall Off
ErrorDocument 404 /sorry.txt
DirectoryIndex a.txt
<Directory {root}/htdocs>
AllowOverride All
"""


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each path was looked at."""
    seen: Counter[str] = Counter()

    def stat(path: str) -> os.stat_result:
        seen[path] += 1
        return os.stat(path)

    monkeypatch.setattr(looks.Disk, "stat", staticmethod(stat))
    return seen


def site(tmp_path: Path, more: str = "") -> World:
    made = world(tmp_path, OVERRIDE.format(root=tmp_path) + f"{more}\n</Directory>\n")
    folder = tmp_path / "htdocs" / "one" / "two"
    folder.mkdir(parents=True)
    for place in (tmp_path / "htdocs", folder):
        (place / "a.txt").write_text("hello")
    (tmp_path / "htdocs" / "sorry.txt").write_text("sorry")
    (folder / ".htaccess").write_text("Header set X-Way here\n")
    return made


def settle(made: World) -> None:
    """Have every .htaccess taken for one that was not changed lately."""
    for file in made.resolver._htaccess._known.values():
        file.settled = True


@pytest.mark.parametrize(("path", "body"), [("/one/two/a.txt", b"hello"), ("/one/two/", b"hello"), ("/none", b"sorry")])
def test_one_request_looks_once_for_each_htaccess(tmp_path: Path, looked: Counter[str], path: str, body: bytes) -> None:
    made = site(tmp_path)
    get(made, path)
    settle(made)
    get(made, path)
    looked.clear()
    assert get(made, path).body == body
    asked = {name: count for name, count in looked.items() if name.endswith(".htaccess")}
    assert f"{tmp_path}/htdocs/.htaccess" in asked
    assert set(asked.values()) == {1}


def test_what_was_only_read_is_not_parsed_anew(tmp_path: Path) -> None:
    made = site(tmp_path)
    get(made, "/one/two/a.txt")
    settle(made)
    get(made, "/one/two/a.txt")
    files = made.resolver._htaccess
    parses = files.parses
    known = next(file for file in files._known.values() if file.path == f"{tmp_path}/htdocs/one/two/.htaccess")
    status = known.status
    assert status is not None
    known.status = _with_another_access_time(status)
    assert get(made, "/one/two/a.txt").headers["x-way"] == "here"
    assert files.parses == parses
    assert known.status == os.stat(known.path)


def _with_another_access_time(status: os.stat_result) -> os.stat_result:
    made: Any
    made, (values, names) = cast("Any", status.__reduce__())
    return made((*values[:7], values[7] - 10, *values[8:]), names)  # type: ignore[no-any-return]


def test_a_file_that_appears_on_the_way_counts_and_so_does_its_end(tmp_path: Path) -> None:
    made = site(tmp_path)
    for _ in range(2):
        assert "x-new" not in get(made, "/one/two/a.txt").headers
        settle(made)
    file = tmp_path / "htdocs" / "one" / ".htaccess"
    file.write_text("Header set X-New yes\n")
    for _ in range(2):
        assert get(made, "/one/two/a.txt").headers["x-new"] == "yes"
        settle(made)
    file.unlink()
    assert "x-new" not in get(made, "/one/two/a.txt").headers


def test_ways_are_bounded_and_forgotten_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "KEPT", 3)
    made = world(tmp_path, "Recall Off\n")
    for number in range(6):
        folder = tmp_path / "htdocs" / str(number)
        folder.mkdir()
        (folder / "a.txt").write_text(str(number))
    for _ in range(2):
        for number in range(6):
            assert get(made, f"/{number}/a.txt").body == str(number).encode()
    assert [key[1][-1] for key in made.resolver.ways.known] == ["3", "4", "5"]


def test_where_links_are_checked_no_way_is_kept(tmp_path: Path) -> None:
    made = world(tmp_path, "Recall Off\nOptions None\n")
    folder = tmp_path / "htdocs" / "sub"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    assert get(made, "/sub/a.txt").status == 200
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert get(made, "/sub/a.txt").status == 403


@pytest.mark.parametrize("known", [False, True])
def test_path_info_begins_at_the_first_name_that_is_missing(tmp_path: Path, looked: Counter[str], known: bool) -> None:
    made = world(tmp_path, f"Recall Off\n<Directory {tmp_path}/htdocs>\nAllowOverride None\n</Directory>\n")
    folder = tmp_path / "htdocs" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("x")
    if known:
        get(made, "/a/b/x.txt")
    looked.clear()
    assert get(made, "/a/b/c/d/e").status == 404
    files = [path for path in looked if not path.endswith(".htaccess")]
    whole = [f"{folder}/c/d/e", *[f"/{part}" for part in _downwards(str(folder))], f"{folder}/c"]
    assert files == ([str(folder)] if known else whole)


def _downwards(path: str) -> list[str]:
    names = path.strip("/").split("/")
    return ["/".join(names[: number + 1]) for number in range(len(names))]


def test_a_link_into_nothing_is_refused(tmp_path: Path) -> None:
    made = world(tmp_path, "Recall Off\n")
    (tmp_path / "htdocs" / "gone").symlink_to(tmp_path / "nowhere")
    for _ in range(2):
        assert get(made, "/gone").status == 403
        assert get(made, "/gone/x").status == 403
        assert get(made, "/none").status == 404


def test_files_are_found_by_name_and_their_groups_are_set_each_time(tmp_path: Path) -> None:
    made = world(
        tmp_path,
        'Recall Off\n<Files "b*">\nHeader set X-B yes\n</Files>\n<FilesMatch "^c(?<rest>.*)\\.txt">\n'
        'Header set X-C "%{MATCH_REST}e"\n</FilesMatch>\n',
    )
    for name in ("a", "b", "c1", "c2"):
        (tmp_path / "htdocs" / f"{name}.txt").write_text(name)
    for _ in range(2):
        assert "x-b" not in get(made, "/a.txt").headers
        assert get(made, "/b.txt").headers["x-b"] == "yes"
        assert get(made, "/c1.txt").headers["x-c"] == "1"
        assert get(made, "/c2.txt").headers["x-c"] == "2"


def test_a_location_s_error_document_answers_what_can_t_be_unescaped(tmp_path: Path) -> None:
    made = world(tmp_path, 'Recall Off\n<Location /a>\nErrorDocument 404 "mine"\n</Location>\n')
    assert get(made, "/a/b%2fc").body == b"mine"
    assert get(made, "/b%2fc").body != b"mine"
