"""Ratios are those of rounds that count, and results hold them against their targets."""

from __future__ import annotations

import pytest

from bench.figures import Figures, Section, held, ratios, spread
from bench.report import between, table
from bench.rows import Target


def figures(*cpu: float, failed: tuple[int, ...] = (), others: tuple[float, ...] = ()) -> Figures:
    zeros = [0] * len(cpu)
    return Figures(list(cpu), list(cpu), list(cpu), list(failed) or zeros, list(others) or [0.0] * len(cpu))


def test_ratios_are_of_rounds_in_pairs() -> None:
    assert ratios(figures(1, 2, 3), figures(2, 2, 2), "cpu") == [0.5, 1.0, 1.5]


def test_a_failed_round_of_either_counts_for_nothing() -> None:
    ours, peer = figures(1, 2, 3, failed=(0, 1, 0)), figures(2, 2, 2, failed=(0, 0, 3))
    assert ratios(ours, peer, "cpu") == [0.5]


def test_rounds_in_which_others_work_are_left_out_where_enough_are_left() -> None:
    ours, peer = figures(1, 2, 3, 4, others=(0.0, 0.9, 0.1, 0.0)), figures(1, 1, 1, 1)
    assert ratios(ours, peer, "cpu") == [1, 3, 4]
    assert len(ratios(figures(1, 2, 3, others=(0.0, 0.9, 0.1)), figures(1, 1, 1), "cpu")) == 3


def test_spread() -> None:
    assert spread([1]) is None
    assert spread([1, 2, 3, 4, 5]) == (2, 4)


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (Target("cpu", "nginx", at_most=0.7), 0.7, True),
        (Target("cpu", "nginx", at_most=0.7), 0.71, False),
        (Target("per_second", "nginx", at_least=4), 4, True),
        (Target("per_second", "nginx", at_least=4), 3.9, False),
    ],
)
def test_targets(target: Target, ratio: float, met: bool) -> None:
    assert target.met(ratio) is met


def test_a_section_survives_its_json() -> None:
    section = Section("12", "start", [held(12, "start", "mpmserver event", "time", [300, 500, 400], 400, "ms")])
    assert Section.from_json(section.as_json()).results == section.results
    assert "| 400 ms | 350 to 450 | met |" in table([section])


def test_what_has_no_figure_is_not_met() -> None:
    assert not held(12, "start", "mpmserver event", "time", [], 400, "ms").met


def test_a_generated_part_is_writtenbetween_its_marks() -> None:
    text = "before\n<!-- one -->\nold\n<!-- /one -->\nafter\n"
    assert between(text, "one", "new") == "before\n<!-- one -->\n\nnew\n\n<!-- /one -->\nafter\n"
    assert between(text, "two", "new") == text
