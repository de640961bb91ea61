"""As many descriptors as a process may have, within reason."""

from __future__ import annotations

import resource

import pytest

from mpmserver.process import descriptors

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "set_to"),
    [
        ((1024, 20_000), (20_000, 20_000)),
        ((1024, 1_048_576), (65_536, 1_048_576)),
        ((1024, INFINITE), (65_536, INFINITE)),
        ((20_000, 20_000), None),
        ((500_000, 1_048_576), None),
        ((INFINITE, INFINITE), None),
    ],
)
def test_the_limit_is_raised_never_lowered(
    limits: tuple[int, int], set_to: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _kind, wanted: calls.append(wanted))
    descriptors.allow_many()
    assert calls == ([] if set_to is None else [set_to])


def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_kind: int, _wanted: tuple[int, int]) -> None:
        raise OSError

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1, 2))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    descriptors.allow_many()
