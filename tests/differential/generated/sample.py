"""What a sample is, how many of them become one case, and what is smaller than one.

A sample is a frozen dataclass of tuples, texts, numbers and further such dataclasses. This is all that shrinking needs
to know: whatever stands in a tuple may be left out. Texts are choices and stay as they are. A node may offer further
simplifications by a method ``simpler()``, and where ``only_simpler`` is true no others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Sample = Any
"""A frozen dataclass of its kind."""


@dataclass(frozen=True, slots=True)
class Written:
    """A sample as text: its part of ``httpd.conf`` and ``requests.txt``, and files by path below the tree."""

    config: str
    files: Mapping[str, str]
    requests: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What is drawn: ``head`` stands once before all samples; ``write`` is told the sample's name, ``s000``."""

    name: str
    module: str
    head: str
    strategy: SearchStrategy[Sample]
    write: Callable[[Sample, str], Written]


def draw(kind: Kind, count: int, number: int) -> list[Sample]:
    """``count`` samples, the same ones for the same ``number``."""
    found: list[Sample] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(kind.strategy)
    def collect(sample: Sample) -> None:
        found.append(sample)

    collect()
    return found[:count]


def lay_down(kind: Kind, written: Sequence[Written], folder: Path, comment: str = "") -> None:
    """Write samples as one case folder."""
    config = [f"# module: {kind.module}\n", comment, kind.head, *(part.config for part in written)]
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("httpd.conf").write_text("".join(config), encoding="utf-8")
    folder.joinpath("requests.txt").write_text("".join(part.requests for part in written), encoding="utf-8")
    for part in written:
        for path, text in part.files.items():
            target = folder / "files" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def smaller(value: Any) -> Iterator[Any]:
    """Everything that is a step smaller, large steps first."""
    if isinstance(value, tuple):
        yield from _shorter(value)
        for index, item in enumerate(value):
            yield from ((*value[:index], less, *value[index + 1 :]) for less in smaller(item))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        if hasattr(value, "simpler"):
            yield from value.simpler()
        if getattr(value, "only_simpler", False):
            return
        for name in (field.name for field in dataclasses.fields(value)):
            yield from (dataclasses.replace(value, **{name: less}) for less in smaller(getattr(value, name)))


def _shorter(value: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if len(value) > 3:
        middle = len(value) // 2
        yield value[:middle]
        yield value[middle:]
    for index in range(len(value)):
        yield value[:index] + value[index + 1 :]
