"""inotify: what the kernel tells, and the shape in which it comes."""

from __future__ import annotations

import errno
import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpmserver.net import inotify
from mpmserver.net.inotify import Event, Inotify, parse

ALL = inotify.MODIFY | inotify.ATTRIB | inotify.CREATE | inotify.MOVED_TO | inotify.MOVE_SELF | inotify.DELETE_SELF


@pytest.fixture
def instance() -> Iterator[Inotify]:
    made = Inotify()
    yield made
    made.close()


def packed(watch: int, mask: int, name: bytes = b"", padding: int = 0) -> bytes:
    name += bytes(padding)
    return struct.pack("iIII", watch, mask, 0, len(name)) + name


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"", []),
        (packed(1, inotify.MODIFY), [Event(1, inotify.MODIFY, b"")]),
        (packed(3, inotify.CREATE, b"a", 15), [Event(3, inotify.CREATE, b"a")]),
        (packed(3, inotify.CREATE, b"sixteen octets..", 16), [Event(3, inotify.CREATE, b"sixteen octets..")]),
        (
            packed(1, inotify.ATTRIB) + packed(2, inotify.MOVED_TO, b"\xff\xfe", 14) + packed(-1, inotify.OVERFLOW),
            [
                Event(1, inotify.ATTRIB, b""),
                Event(2, inotify.MOVED_TO, b"\xff\xfe"),
                Event(-1, inotify.OVERFLOW, b""),
            ],
        ),
    ],
)
def test_parse(data: bytes, events: list[Event]) -> None:
    assert list(parse(data)) == events


def test_events_of_a_file_and_a_directory(instance: Inotify, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("before")
    of_file = instance.add(os.fsencode(file), ALL)
    of_directory = instance.add(os.fsencode(tmp_path), inotify.CREATE | inotify.ONLYDIR)
    with file.open("a") as out:
        out.write("after")
    (tmp_path / "new").touch()
    assert list(instance.read()) == [Event(of_file, inotify.MODIFY, b""), Event(of_directory, inotify.CREATE, b"new")]
    assert list(instance.read()) == []


def test_one_inode_has_one_watch(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    os.link(tmp_path / "one", tmp_path / "two")
    first = instance.add(os.fsencode(tmp_path / "one"), inotify.MODIFY)
    assert instance.add(os.fsencode(tmp_path / "two"), inotify.ATTRIB | inotify.MASK_ADD) == first
    (tmp_path / "two").write_text("x")
    (tmp_path / "one").chmod(0o600)
    assert [event.mask for event in instance.read()] == [inotify.MODIFY, inotify.ATTRIB]


def test_a_watch_that_is_removed_says_so_last(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watch = instance.add(os.fsencode(tmp_path / "file"), ALL)
    (tmp_path / "file").chmod(0o600)
    instance.remove(watch)
    instance.remove(watch)
    assert list(instance.read()) == [Event(watch, inotify.ATTRIB, b""), Event(watch, inotify.IGNORED, b"")]


def test_a_file_that_is_gone_takes_its_watch_along(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watch = instance.add(os.fsencode(tmp_path / "file"), inotify.DELETE_SELF)
    (tmp_path / "file").unlink()
    assert list(instance.read()) == [Event(watch, inotify.DELETE_SELF, b""), Event(watch, inotify.IGNORED, b"")]


@pytest.mark.parametrize(
    ("name", "mask", "number"),
    [
        ("missing", inotify.MODIFY, errno.ENOENT),
        ("file/below", inotify.MODIFY, errno.ENOTDIR),
        ("file", inotify.MODIFY | inotify.ONLYDIR, errno.ENOTDIR),
        ("link", inotify.ATTRIB | inotify.ONLYDIR | inotify.DONT_FOLLOW, errno.ENOTDIR),
        ("dangling", inotify.ATTRIB, errno.ENOENT),
    ],
)
def test_what_cannot_be_watched(instance: Inotify, tmp_path: Path, name: str, mask: int, number: int) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        instance.add(os.fsencode(tmp_path / name), mask)
    assert raised.value.errno == number


def test_descriptor(instance: Inotify, tmp_path: Path) -> None:
    """It doesn't block, can be waited for, and stays here."""
    assert not os.get_inheritable(instance.fd)
    assert select.select([instance.fd], [], [], 0)[0] == []
    instance.add(os.fsencode(tmp_path), inotify.CREATE)
    (tmp_path / "new").touch()
    assert select.select([instance.fd], [], [], 0)[0] == [instance.fd]


def test_more_events_than_one_read_takes(instance: Inotify, tmp_path: Path) -> None:
    instance.add(os.fsencode(tmp_path), inotify.CREATE)
    names = [b"%03d" % number + b"x" * 200 for number in range(700)]
    for name in names:
        os.close(os.open(os.fsencode(tmp_path) + b"/" + name, os.O_CREAT | os.O_WRONLY))
    assert [event.name for event in instance.read()] == names


def test_too_many_instances() -> None:
    """The kernel's own words come with the error."""
    program = (
        "import resource\n"
        "from mpmserver.net.inotify import Inotify\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try:\n    Inotify()\n"
        "except OSError as error:\n    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(errno.EMFILE)
