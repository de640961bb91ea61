"""The lines of files with users and groups, and what is no file to read."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.core.errorlog import os_error
from mpmserver.core.userfiles import read_lines


class Log:
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.site = SimpleNamespace(main=self)

    def log(self, level: object, module: str, message: str) -> None:
        self.messages.append(f"{module} {message}")


def read(path: Path, log: Log | None = None) -> list[str]:
    x: Any = SimpleNamespace(server=log or Log())
    return list(read_lines(x, str(path)))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a:b\n", ["a:b"]),
        ("a:b", ["a:b"]),
        ("  a:b \t\r\n\n\r\n# c\n  # d\nb:c\r\n", ["a:b", "b:c"]),
        ("a: x \\\n  y\nb:\n", ["a: x   y", "b:"]),
        ("a: x\\\r\ny\n", ["a: xy"]),
        ("# c \\\na:b\nc:d", ["c:d"]),
        ("a:b\\", ["a:b"]),
        ("ü:\udcff", ["ü:\udcff"]),
    ],
)
def test_lines(tmp_path: Path, text: str, lines: list[str]) -> None:
    file = tmp_path / "users"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read(file) == lines


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read(tmp_path / "none")
    assert os_error(caught.value) == "(2)No such file or directory"


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path, log = tmp_path / kind, Log()
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        read(path, log)
    assert os_error(caught.value) == "(9)Bad file descriptor"
    assert log.messages == [f"core AH00554: Access to file {path} denied by server: not a regular file"]
    assert len(os.listdir("/proc/self/fd")) == before
