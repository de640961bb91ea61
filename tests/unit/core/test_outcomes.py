"""What hooks answer by: a status ends the request in whatever phase it is said, and a subrequest, too."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Order, Phase
from mpmserver.core.plan import sort_hooks
from mpmserver.core.world import World
from tests.memory import get, log_of, world

PRIVATE = """
<Directory "{root}/htdocs">
AuthType Basic
AuthName private
Require valid-user
Options Indexes
</Directory>
"""
ANSWERING = [phase for phase in Phase if phase.name not in ("INSERT_ERROR_FILTERS", "LOG")]


def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *hooks: Hook) -> World:
    """A site for users only, with a module that has these hooks; by default everybody is one."""
    module = Module("answering", hooks=(*hooks, Hook(Phase.AUTHN, let_in, Order.FIRST)))
    monkeypatch.setattr("mpmserver.core.site.sort_hooks", lambda modules: sort_hooks((*modules, module)))
    made = world(tmp_path, PRIVATE.format(root=tmp_path))
    for name in ("a.txt", "b.txt"):
        (tmp_path / "htdocs" / name).write_text("private")
    return made


def let_in(x: Exchange) -> Handled:
    x.user = "somebody"
    return HANDLED


def answering(status: int, *, waits: bool) -> Callable[[Exchange], Any]:
    """A hook that has found out who asks, and answers with a status all the same."""

    def answer(x: Exchange) -> int:
        x.user = "somebody"
        return status

    async def answer_late(x: Exchange) -> int:
        return answer(x)

    return answer_late if waits else answer


def test_who_is_known_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get(site(tmp_path, monkeypatch), "/a.txt").body == b"private"


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("status", [403, HTTPStatus.GONE])
@pytest.mark.parametrize("phase", ANSWERING)
def test_a_status_ends_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: Phase, status: int, waits: bool
) -> None:
    made = site(tmp_path, monkeypatch, Hook(phase, answering(status, waits=waits), Order.REALLY_FIRST))
    answer = get(made, "/a.txt")
    assert answer.status == status
    assert b"private" not in answer.body
    assert not any("Traceback" in line for line in log_of(made))


def test_a_status_ends_a_subrequest_before_the_walks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hide(x: Exchange) -> int | None:
        return 403 if x.main is not None and (x.filename or "").endswith("/b.txt") else None

    made = site(tmp_path, monkeypatch, Hook(Phase.MAP_TO_STORAGE, hide, Order.REALLY_FIRST))
    listing = get(made, "/").body
    assert b"a.txt" in listing
    assert b"b.txt" not in listing


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("phase", ANSWERING)
def test_what_is_no_status_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: Phase, waits: bool
) -> None:
    """It is neither HANDLED nor declined: who goes on behind it would pass by those who haven't been asked yet."""
    for said in (0, False):
        made = site(tmp_path, monkeypatch, Hook(phase, answering(said, waits=waits), Order.REALLY_FIRST))
        answer = get(made, "/a.txt")
        assert answer.status == 500
        assert b"private" not in answer.body


@pytest.mark.parametrize(("status", "answered"), [(0, 404), (1, 500), (999, 500)])
def test_a_redirect_by_what_is_no_status(tmp_path: Path, status: int, answered: int) -> None:
    """0 is OK in Apache: it has been translated, into nothing."""
    made = world(tmp_path, f"Redirect {status} /a.txt\n")
    (tmp_path / "htdocs" / "a.txt").write_text("here")
    assert get(made, "/a.txt").status == answered
    assert not any("Traceback" in line for line in log_of(made))
