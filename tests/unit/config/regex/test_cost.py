"""config/regex/cost.py: the degree of what an expression may cost, and that the bound is one."""

from __future__ import annotations

import pytest

from mpmserver.config.regex.cost import EXPONENTIAL, LINEAR, ONCE, Bound, constant, search_cost
from mpmserver.config.regex.translator import translate

DEGREES = [
    ("^abc$", 0), ("abc", 1), ("^a*$", 1), ("^a*b", 1), ("^.*a", 1), (".*a", 1), ("a*$", 2), ("[a-z]+[0-9]", 2),
    ("^(.*)a(.*)b", 2), ("^(.*)a(.*)b(.*)c", 3), ("^[^/]*/[^/]*/[^/]*$", 1), ("^([^/]+/)*$", 1), ("^([^/]+/)*a", 1),
    ("^(?:[^/]+/)*.*b", 2), ("^a?b?c?$", 0), ("^(?:a|b|c)*$", 1), ("^(?:foo|far)*$", 1), ("^(?:a|b)*[ab]", 1),
    ("^(?:(?!x).)*$", 1), ("^(?:(?!.*x).)*$", 2), ("^a{2,5}a{2,5}", 0), ("^a{2,}a{2,}b", 2), ("^(?>a*)(?>a*)b", 1),
    ("^a*+a*+b", 1), ("^(a*)\\1b", 2), ("(?i)^[a-z]*A", 1), ("^\\w+\\s\\w+\\s\\w+$", 1), ("^.*\\b.*x", 2),
    ("^(a|ab)(c|bcd)(d*)$", 1), ("x[^xy]*y", 1), ("^(?=.*a)(?=.*b)", 1), ("(?=.*a)b", 2), ("^(?:a|)*b", 99),
]  # fmt: skip
EXPONENTIALS = [
    "^(a+)+$", "(a*)*b", "^(a|a)*$", "^(a|ab|b)*$", "^(.*a){20}$", "(?:a?){50}", r"([\w.]+)+@", r"^(\w+\s?)+$",
    "^(([a-z])+.)+x", "(.*)+x", "(a+|b)*c(a+)+$",
]  # fmt: skip


def _bound(pattern: str) -> Bound:
    return search_cost(translate(pattern, frozenset("sD")).tree)[0]


@pytest.mark.parametrize(("pattern", "degree"), DEGREES)
def test_degree(pattern: str, degree: int) -> None:
    assert min(_bound(pattern).degree, 99) == degree if degree < 99 else _bound(pattern).exponential


@pytest.mark.parametrize("pattern", EXPONENTIALS)
def test_exponential(pattern: str) -> None:
    assert _bound(pattern).exponential


def test_bounds_are_polynomials() -> None:
    bound = Bound((1, 2)).times(LINEAR).plus(constant(5))
    assert bound == Bound((5, 1, 2))
    assert bound.steps(10) == 5 + 10 + 200
    assert bound.longest(215) == 10
    assert bound.longest(214) == 9
    assert bound.longest(4) == -1
    assert Bound((2,)).power(3) == constant(8)
    assert Bound((2,)).power(30) == EXPONENTIAL
    assert LINEAR.power(9) == EXPONENTIAL
    assert EXPONENTIAL.times(ONCE).exponential
    assert EXPONENTIAL.longest(10**9) == -1
