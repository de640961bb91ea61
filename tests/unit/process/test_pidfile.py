"""The pid file: what is believed, and that nobody's file is written through or removed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpmserver.process import pidfile
from mpmserver.process.stub import LAUNCHER


@pytest.mark.parametrize("text", ["123", "123\n", " 123 \n"])
def test_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pid"
    path.write_text(text)
    assert pidfile.read(str(path)) == 123


def test_no_file(tmp_path: Path) -> None:
    assert pidfile.read(str(tmp_path / "pid")) is None


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "12 13", "1e3"])
def test_corrupt(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pid"
    path.write_text(text)
    with pytest.raises(pidfile.CorruptPidFile):
        pidfile.read(str(path))


def test_write_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "pid"
    victim.write_text("precious")
    path.symlink_to(victim)
    pidfile.write(str(path), 77)
    assert victim.read_text() == "precious"
    assert path.read_text() == "77\n"
    assert not path.is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["pid", "victim"]


def test_remove_only_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("1\n")
    assert not pidfile.remove(str(path))
    assert path.exists()
    path.write_text(f"{os.getpid()}\n")
    assert pidfile.remove(str(path))
    assert not path.exists()


def sleeper(name: str) -> subprocess.Popen[bytes]:
    """A process that does nothing under this name."""
    process = subprocess.Popen([name, "60"], executable="/bin/sleep")
    while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
        time.sleep(0.001)  # the new image has no arguments yet
    return process


@pytest.mark.parametrize(("name", "ours"), [("mpmserver: master /x (event)", True), ("postgres", False)])
def test_a_living_process_is_believed_when_it_is_a_server(name: str, ours: bool) -> None:
    with sleeper(name) as process:
        try:
            assert pidfile.is_server(process.pid) is ours
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("mpmserver: master /x (event)", True),
        ("/usr/local/bin/mpmserver -k start", True),
        ("/x/.venv/bin/python /x/.venv/bin/mpmserver -k start", True),
        ("python3.13 -E -m mpmserver -d /x", True),
        ("/usr/bin/python3 /x/mpmserver/__main__.py", True),
        ("shop: master /etc/shop.conf (prefork)", True),
        ("master of /etc/shop.conf", False),
        ("vim /etc/mpmserver", False),
        ("/srv/mpmserver/.venv/bin/python backup.py", False),
        ("python3 -m mpmserver_exporter", False),
        ("", False),
    ],
)
def test_the_command_line_of_a_server(command: str, ours: bool) -> None:
    words = [command] if ": " in command else command.split()
    assert pidfile.is_ours("".join(f"{word}\0" for word in words).encode()) is ours


def test_an_image_that_begins_is_a_server() -> None:
    words = [sys.executable, "-P", "-c", LAUNCHER, "5", "6"]
    assert pidfile.is_ours("".join(f"{word}\0" for word in words).encode())


def test_a_dead_process_is_not_believed() -> None:
    with sleeper("mpmserver") as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not pidfile.is_server(process.pid)
    assert not pidfile.is_server(process.pid)


def test_ourselves_are_no_other_server() -> None:
    assert not pidfile.is_server(os.getpid())
