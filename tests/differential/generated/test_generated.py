"""Samples drawn by chance, always the same ones: both servers do the same. And the tools: drawing and shrinking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.differential.__main__ import describe
from tests.differential.case import load_case
from tests.differential.generate import KINDS
from tests.differential.generated import authorization, expressions
from tests.differential.generated.batch import Way, differing
from tests.differential.generated.sample import draw, smaller
from tests.differential.generated.shrink import keep
from tests.differential.module_names import module_of
from tests.differential.recalled import RECALLED
from tests.live_server import require_apache

MPM = os.environ.get("DIFFERENTIAL_MPM", "event")
SEED = 20
COUNTS = {"rewrite": 200, "expressions": 400, "authorization": 200}
#: How many answers at least come from memory, found by either way.
LEAST_HITS = {"rewrite": 200, "expressions": 150, "authorization": 80}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_samples_equal_apache(name: str) -> None:
    require_apache()
    samples = draw(KINDS[name], COUNTS[name], SEED)
    assert len(samples) > COUNTS[name] // 2
    way = Way(MPM, "mpmserver", recalled=RECALLED)
    results = differing(KINDS[name], samples, way)
    lines = [f"sample {number}: {describe(found[0], full=False)}" for number, found in enumerate(results) if found]
    again = f"python -m tests.differential.generate --kind {name} --samples {COUNTS[name]} --seed {SEED} --mpm {MPM}"
    again += " --recalled" if RECALLED else ""
    assert not lines, "\n".join([f"{len(lines)} differ; {again} shrinks them", *lines[:5]])
    assert not RECALLED or min(way.hits.values()) >= LEAST_HITS[name]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_same_seed_draws_the_same(name: str) -> None:
    first, second, other = (draw(KINDS[name], 20, seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_is_smaller_is_smaller_and_can_be_written(name: str, tmp_path: Path) -> None:
    sample = max(draw(KINDS[name], 20, 3), key=lambda each: len(repr(each)))
    steps = list(smaller(sample))
    assert len(steps) > 5
    assert sample not in steps
    case = load_case(keep(KINDS[name], steps[0], "# Drawn.\n", tmp_path))
    assert case.name.startswith(f"found_{name}_")
    assert module_of(case) == KINDS[name].module


def test_a_part_takes_the_place_of_the_whole() -> None:
    leaf = expressions.Node("false", (), expressions.CONDITION)
    whole = expressions.Node("{} && !({})", (leaf, leaf), expressions.CONDITION)
    assert str(whole) == "false && !(false)"
    assert [str(each) for each in whole.simpler()][:3] == ["true", "false", "false"]
    require = authorization.Require((), "all granted")
    assert list(authorization.Container("RequireAny", (require,)).simpler()) == [require]
