"""What was measured, and what it comes to: values that go into the JSON of a run and out of it into the tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

QUIET = 0.25
"""A round counts as quiet where all others used less than so much of a core meanwhile."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run was asked for."""

    root: Path
    rounds: int
    seconds: int
    quick: bool
    say: Callable[[str], None]


@dataclass(slots=True)
class Figures:
    """What one server did in one case, round by round: answers a second, CPU in microseconds each, p99 in seconds."""

    per_second: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    """How much of a core everybody else on the machine used meanwhile."""

    def __str__(self) -> str:
        void = f", {sum(self.failed)} FAILED" if any(self.failed) else ""
        return f"{median(self.per_second):,.0f}/s {median(self.cpu):.1f} us{void}"


@dataclass(frozen=True, slots=True)
class Result:
    """One target in one case for one of our servers, and how it was met."""

    row: int
    case: str
    ours: str
    target: str
    value: float | None
    """None where there is no figure: something failed, or is not installed."""
    met: bool
    unit: str = "×"
    spread: tuple[float, float] | None = None
    """The quartiles of the rounds' values."""
    reason: str = ""
    """Why there is no value."""


@dataclass(slots=True)
class Section:
    """A part of a run: what it found for the table, and all figures behind it."""

    name: str
    title: str
    results: list[Result] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Section:
        """As it was."""
        return cls(kept["name"], kept["title"], [Result(**result) for result in kept["results"]], kept["figures"])


def ratios(ours: Figures, peer: Figures, metric: str) -> list[float]:
    """One server's figure over another's, round by round.

    Rounds with a failed request are left out, and those in which others were at work, where enough quiet ones remain.
    """
    pairs = [
        (getattr(ours, metric)[number], getattr(peer, metric)[number], max(ours.others[number], peer.others[number]))
        for number in range(min(len(ours.failed), len(peer.failed)))
        if not ours.failed[number] and not peer.failed[number]
    ]
    quiet = [pair for pair in pairs if pair[2] < QUIET]
    return [one / other for one, other, _others in (quiet if len(quiet) >= 3 else pairs) if other]


def spread(values: Sequence[float]) -> tuple[float, float] | None:
    """The quartiles."""
    if len(values) < 2:
        return None
    lower, _middle, upper = quantiles(values, n=4, method="inclusive")
    return lower, upper


def held(row: int, case: str, ours: str, what: str, values: Sequence[float], at_most: float, unit: str) -> Result:
    """A figure of ours that has a bound of its own."""
    value = median(values) if values else None
    target = f"{what} ≤ {at_most:g} {unit}"
    return Result(row, case, ours, target, value, value is not None and value <= at_most, unit, spread(values))
