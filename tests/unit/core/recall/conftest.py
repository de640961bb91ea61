"""Watches, and a tree to be watched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpmserver.core.recall.sightings import Sightings
from mpmserver.core.recall.watches import Watches
from tests.unit.core.recall.clients import RESTLESS


@pytest.fixture
def watches() -> Iterator[Watches]:
    made = Watches()
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A tree with a bit of everything; it stands in a directory of its own so that this may be changed, too."""
    top = tmp_path / "top"
    www = top / "www"
    for release in ("1", "2"):
        (top / "releases" / release).mkdir(parents=True)
        (top / "releases" / release / "app.html").write_text(f"release {release}")
    (www / "sub" / "deep").mkdir(parents=True)
    (www / "index.html").write_text("index")
    (www / "other.html").write_text("other")
    (www / "sub" / "page.html").write_text("page")
    os.link(www / "index.html", top / "second-name")
    (www / "link.html").symlink_to("index.html")
    (www / "chain.html").symlink_to("link.html")
    (www / "current").symlink_to(top / "releases" / "1")
    (www / "up").symlink_to("sub/../../releases/1/./")
    (www / "dangling").symlink_to("sub/missing/x")
    (www / "loop").symlink_to("loop")
    return top


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a hundredth of a second be what a second is: longer than a tick of the file system's clock."""
    monkeypatch.setattr("mpmserver.core.recall.looks.RESTLESS", RESTLESS)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all be remembered the first time."""
    monkeypatch.setattr(Sightings, "again", lambda sightings, mark: True)
