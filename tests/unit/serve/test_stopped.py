"""A stop at once before a coroutine has begun: an answer that has is logged and cleaned up, what has not is nothing."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpmserver.mpm.driver import Stopped
from mpmserver.serve.outcome import Outcome
from tests.unit.serve.kit import TAKEN, Site, get


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, "%>s %U")


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No file stays open, and no coroutine is thrown away that nobody has asked."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gc.collect()
        said.clear()  # that was of other tests
        yield
        gc.collect()
    assert [str(each.message) for each in said] == []
    descriptors = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    assert not [path for path in map(os.path.realpath, descriptors) if path.startswith(f"{tmp_path}/")]


def stop(step: Any) -> None:
    """Throw Stopped as a loop does that ends."""
    assert not isinstance(step, Outcome), "it was answered in place"
    with pytest.raises(Stopped):
        step.throw(Stopped())


@pytest.mark.parametrize(
    ("path", "line"),
    [(b"/a.txt", "200 /a.txt\n"), (b"/large.txt", "200 /large.txt\n"), (b"/cgi-bin/hello", "200 /cgi-bin/hello\n")],
)
def test_an_answer_that_was_begun_is_logged_and_cleaned_up(site: Site, path: bytes, line: str) -> None:
    stop(site.connect().arrived(get(path), site.moment))
    assert site.lines == [line]


@pytest.mark.parametrize("path", [b"/a.txt", b"/large.txt"])
def test_so_is_one_from_memory(site: Site, monkeypatch: pytest.MonkeyPatch, path: bytes) -> None:
    connection = site.remember(monkeypatch, get(path))
    output = len(site.transport.output)
    step = connection.arrived(get(path), site.moment)
    assert len(site.transport.output) == output + TAKEN, "it was answered from memory"
    stop(step)
    assert site.lines == [f"200 {path.decode()}\n"]


@pytest.mark.parametrize(
    "data",
    [
        get(b"/a.txt")[:-2],
        get(b"/a.txt") * 2,
        b"POST /a.txt HTTP/1.1\r\nHost: memory.example\r\nContent-Length: 4\r\n\r\n",
    ],
    ids=["part of a head", "two requests", "a body is to come"],
)
def test_a_request_that_was_not_is_nothing(site: Site, data: bytes) -> None:
    stop(site.connect().arrived(data, site.moment))
    assert site.lines == []
    assert not site.transport.output
