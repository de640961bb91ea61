"""A change of an .htaccess file holds from the next request on; one that has not changed costs one stat."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

import pytest

from mpmserver.core.world import World
from tests.memory import get, log_of, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    made = world(tmp_path, f"<Directory {tmp_path}/htdocs>\nAllowOverride All\n</Directory>\n")
    (tmp_path / "htdocs" / ".htaccess").write_text('ErrorDocument 404 "one"\n')
    return made


def missing(made: World) -> bytes:
    return get(made, "/none").body


def test_a_rewrite_with_the_same_size_and_time_holds_at_once(made: World, tmp_path: Path) -> None:
    file = tmp_path / "htdocs" / ".htaccess"
    for word in ("one", "two", "six", "ten") * 5:
        times = file.stat()
        file.write_text(f'ErrorDocument 404 "{word}"\n')
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert missing(made) == word.encode()


def test_rename_over_delete_and_back(made: World, tmp_path: Path) -> None:
    file, other = tmp_path / "htdocs" / ".htaccess", tmp_path / "other"
    assert missing(made) == b"one"
    other.write_text('ErrorDocument 404 "two"\n')
    other.rename(file)
    assert missing(made) == b"two"
    file.unlink()
    assert missing(made).startswith(b"<!DOCTYPE")
    file.write_text('ErrorDocument 404 "six"\n')
    assert missing(made) == b"six"


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_no_file_is_refused_and_never_opened(made: World, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "htdocs" / ".htaccess"
    file.unlink()
    file.mkdir() if kind == "directory" else os.mkfifo(file)
    answer = get(made, "/none")
    assert answer.status == 403
    assert b"Server unable to read htaccess file, denying access to be safe</p>" in answer.body
    assert any("AH00554" in line for line in log_of(made)) and any("AH00529" in line for line in log_of(made))


def test_an_unchanged_file_costs_one_stat(made: World, tmp_path: Path) -> None:
    assert missing(made) == b"one"
    later = time.time_ns() + 10_000_000_000
    files = made.resolver._htaccess
    with patch("mpmserver.core.htaccess.time.time_ns", return_value=later):
        assert missing(made) == b"one"
        with patch("builtins.open", side_effect=AssertionError("read again")):
            assert missing(made) == b"one"
    assert files.parses == 1


def test_an_error_names_file_and_line(made: World, tmp_path: Path) -> None:
    (tmp_path / "htdocs" / ".htaccess").write_text("\n\nNonsense\n")
    assert get(made, "/none").status == 500
    assert any(".htaccess: Invalid command 'Nonsense'" in line and "(line 3)" in line for line in log_of(made))


def test_what_the_reader_warns_of_is_told_by_each_request_under_its_module(made: World, tmp_path: Path) -> None:
    text = "SetEnv A ${NONE}\n<Macro Unused $x>\nSetEnv B b\n</Macro>\n"
    (tmp_path / "htdocs" / ".htaccess").write_text(text)
    for number in (1, 2):
        assert get(made, "/none").status == 404
        warned = [line for line in log_of(made) if ":warn " in line]
        assert [line.partition(":")[0] for line in warned] == ["core", "macro"] * number
