"""A token, looks at a small tree, and what may happen to it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

from mpmserver.core.recall.looks import Looks

EXCHANGE = 2
CLOCK_REALTIME_COARSE = 5
Change = Callable[[Path], object]


class Answer:
    """A token."""

    def __init__(self) -> None:
        self.stale = False


def looked(site: Path, *names: str) -> Looks:
    """Look at what is in `www`; a name behind `@` is looked at without following a link."""
    looks = Looks()
    for name in names:
        try:
            if name.startswith("@"):
                looks.lstat(f"{site}/www/{name[1:]}")
            else:
                looks.stat(f"{site}/www/{name}")
        except OSError:
            pass
    return looks


def await_tick() -> None:
    """Wait for a tick of the file system's clock: what changes from now on has another time than what has changed.

    On a busy virtual machine that may take longer than the four milliseconds, or ten, that the kernel says.
    """
    before = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) == before:
        time.sleep(0.001)


def replace(name: str, target: str) -> Change:
    """Write a new file and rename it over the old one, as editors and rsync do."""

    def change(site: Path) -> None:
        (site / "fresh").write_text(target)
        (site / "fresh").rename(site / name)

    return change


def relink(name: str, target: str) -> Change:
    """Have another link in the place of `name`, at once (`ln -sfn` of those who deploy)."""

    def change(site: Path) -> None:
        (site / "fresh").symlink_to(site / target if "/" in target else target)
        (site / "fresh").rename(site / name)

    return change


def exchange(one: str, two: str) -> Change:
    """renameat2(RENAME_EXCHANGE)."""

    def change(site: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        paths = os.fsencode(site / one), os.fsencode(site / two)
        assert libc.renameat2(-100, paths[0], -100, paths[1], EXCHANGE) == 0, os.strerror(ctypes.get_errno())

    return change


def rename(one: str, two: str) -> Change:
    return lambda site: (site / one).rename(site / two)


def write(name: str, text: str = "something else") -> Change:
    return lambda site: (site / name).write_text(text)


def append(name: str) -> Change:
    def change(site: Path) -> None:
        with (site / name).open("a") as file:
            file.write("more")

    return change


def chmod(name: str, mode: int) -> Change:
    return lambda site: (site / name).chmod(mode)


def chown(name: str) -> Change:
    return lambda site: os.chown(site / name, 12345, 12345)


def touch(name: str) -> Change:
    return lambda site: os.utime(site / name, (1, 1))


def unlink(name: str) -> Change:
    return lambda site: (site / name).unlink()


def mkdir(name: str) -> Change:
    return lambda site: (site / name).mkdir()


def replace_directory(name: str) -> Change:
    """Another directory with the same name, and the same names (of the same inodes) inside."""

    def change(site: Path) -> None:
        (site / name).rename(site / "old")
        (site / name).mkdir()
        for each in (site / "old").iterdir():
            if each.is_file():
                os.link(each, site / name / each.name)

    return change


def then(*changes: Change) -> Change:
    return lambda site: [change(site) for change in changes]
