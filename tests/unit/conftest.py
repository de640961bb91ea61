"""What all unit tests share: a user has few instances of inotify, so none is left behind a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mpmserver.net.inotify import Inotify


@pytest.fixture(autouse=True)
def no_watches_are_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[Inotify] = []

    class Noted(Inotify):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

        def close(self) -> None:
            made.remove(self)
            super().close()

    monkeypatch.setattr("mpmserver.core.recall.watches.Inotify", Noted)
    yield
    for each in tuple(made):
        each.close()
