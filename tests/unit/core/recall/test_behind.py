"""Large files: the head is remembered, the file is sent from the disk. No server: connections in memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpmserver.core.body import OpenFile
from mpmserver.core.recall.behind import FileBehind, file_behind
from mpmserver.core.recall.looks import Looks, signature
from mpmserver.core.world import World
from mpmserver.serve.output import after
from tests.memory import MemoryTransport
from tests.unit.core.recall.clients import Client, counts, head, site_of, write

LARGE = os.urandom(70_000)
RANGES = "Range: bytes=0-39999,50000-69999"


pytestmark = pytest.mark.usefixtures("restless", "eager")


@pytest.fixture(params=[True, False], ids=["looks", "is told"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    write(tmp_path, "large", LARGE)
    return site_of(tmp_path, "", request.param)


@pytest.mark.parametrize("fields", [(), ("Range: bytes=1-69998",), (RANGES,)], ids=["whole", "range", "ranges"])
def test_a_large_file_is_answered_from_memory_and_the_answer_is_the_same(made: World, fields: tuple[str, ...]) -> None:
    client = Client(made)
    client.ask(head("/large", *fields))
    first = client.ask(head("/large", *fields), at=1_800_000_000.0)
    descriptors = os.listdir("/proc/self/fd")
    again = client.ask(head("/large", *fields), at=1_800_000_000.5)
    assert counts(made) == (2, 0, 1)
    assert first == again and len(first) > 59_000
    assert os.listdir("/proc/self/fd") == descriptors


@pytest.mark.parametrize("takes", [0, 10, 50_000])
def test_a_client_that_takes_a_part_gets_the_rest_later(
    made: World, takes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(made)
    client.ask(head("/large"))
    first = client.ask(head("/large"), at=1_800_000_000.0)

    def sendfile_now(transport: MemoryTransport, head: bytes, fd: int, offset: int, count: int) -> int:
        return transport.send_now((head + os.pread(fd, count, offset))[:takes])

    monkeypatch.setattr(MemoryTransport, "sendfile_now", sendfile_now)
    assert client.ask(head("/large"), at=1_800_000_000.0) == first
    assert counts(made) == (2, 0, 1)


def test_a_file_that_is_another_one_is_not_sent_behind_the_old_head(made: World, tmp_path: Path) -> None:
    """Also where nobody has told of it yet."""
    client = Client(made)
    client.ask(head("/large"))
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").rename(tmp_path / "htdocs/large")
    assert client.ask(head("/large")).endswith(b"\r\n\r\nnew")
    assert counts(made)[0] == 0


def test_what_is_opened_has_to_be_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    behind = FileBehind(str(path), signature(os.stat(path)), ((0, 1),), (0, 1))
    os.close(behind.open())
    path.write_bytes(b"12")
    assert behind.open() == -1
    path.unlink()
    assert behind.open() == -1


def test_a_file_that_nobody_has_looked_at_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    looks = Looks()
    body = OpenFile(os.open(path, os.O_RDONLY), 1)
    assert file_behind(looks, body) is None
    looks.stat(str(path))
    found = file_behind(looks, body)
    assert found is not None and (found.path, found.span) == (str(path), (0, 1))
    body.close()


@pytest.mark.parametrize(
    ("sent", "left"),
    [(0, [b"ab", (5, 3), b"c"]), (1, [b"b", (5, 3), b"c"]), (2, [(5, 3), b"c"]), (4, [(7, 1), b"c"]), (6, [])],
)
def test_what_is_left_of_pieces(sent: int, left: list[bytes | tuple[int, int]]) -> None:
    assert after((b"ab", (5, 3), b"c"), sent) == left
