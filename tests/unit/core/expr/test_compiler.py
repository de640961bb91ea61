"""What compiled expressions say: comparisons, order of evaluation, captures, depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.expr import Captures
from mpmserver.core.expr.compiler import MOST_LEVELS
from tests.unit.core.expr.kit import Kit


@pytest.mark.parametrize(("text", "holds"), [
    ("'10' > '9'", False), ("10 -gt 9", True), ("'a' == 'A'", False), ("'é' > 'z'", True), ("'' -eq 0", True),
    ("true || true && false", True), ("! false && false", False), ("!(true && false)", True),
    ("'b' in { 'a', 'b' }", True), ("'c' -in { 'a', 'b' }", False),
    ("'abc' =~ /(b)(.)/ && '$0$1$2' == 'bcbc'", True),
    ("'abc' =~ /(b)/ && 'x' =~ /y/ || $1 == 'b'", True),
    ("'abc' =~ /(b)/ && 'x' =~ /(y)/ || $1 == 'b'", False),
    ("'abc' =~ /b/ && $0 == ''", True),
    ("'abc' !~ /(x)/ && $0 == ''", True),
    ("-n 'x' && -z '' && ! -T 'OFF' && -T '00'", True),
    ("'a/b' -strmatch 'a*' && ! 'a/b' -fnmatch 'a*' && 'A' -strcmatch '[a-c]'", True),
    ("'127.1' -ipmatch '127.0.0.0/8' && ! '128.0.0.1' -ipmatch '127'", True),
    ("-R '127' && ! -R '10'", True),
])  # fmt: skip
def test_conditions(tmp_path: Path, text: str, holds: bool) -> None:
    assert Kit(tmp_path).test(text) is holds


@pytest.mark.parametrize(("text", "last"), [
    ("file('/1') == file('/2')", "/1"),
    ("file('/1') -eq file('/2')", "/1"),
    ("file('/1') -strmatch file('/2')", "/1"),
    ("file('/1') . file('/2') == 'x'", "/2"),
    ("file('/1') . file('/2') . file('/3') == 'x'", "/3"),
    ("'%{file:/1}%{file:/2}' == 'x'", "/2"),
    ("'%{file:/1}%{file:/2}%{file:/3}' == 'x'", "/1"),
    ("'%{file:/1}x' . file('/2') . file('/3') == 'x'", "/1"),
    ("file('/0') . '%{file:/1}%{file:/2}%{file:/3}' == 'x'", "/3"),
    ("'x' in { file('/1'), file('/2') }", "/1"),
    ("file('/1') == 'x' || file('/2') == 'x'", "/2"),
    ("file('/1') == 'x' && file('/2') == 'x'", "/1"),
])  # fmt: skip
def test_of_several_failures_the_last_is_told(tmp_path: Path, text: str, last: str) -> None:
    kit = Kit(tmp_path)
    assert kit.condition(text).evaluate(kit.x) == (False, f"Cannot open file {last}")
    assert kit.logged == [f"Evaluation of expression from f:7 failed: Cannot open file {last}"]


def test_a_failure_that_is_not_reached_does_no_harm(tmp_path: Path) -> None:
    assert Kit(tmp_path).test("true || file('/nowhere') == 'x'")


def nested(depth: int) -> str:
    return "tolower(" * depth + "'A'" + ")" * depth + " == 'a'"


@pytest.mark.parametrize(("text", "fits"), [
    (nested(MOST_LEVELS - 2), True),
    (nested(MOST_LEVELS - 1), False),
    (f"! ! (true && (false || {nested(MOST_LEVELS - 2)}))", True),
    (f"{nested(MOST_LEVELS - 3)} && true && true", True),
    (f"{nested(MOST_LEVELS - 2)} && true", False),
    ("'" + "%{tolower:X}" * 50 + "' == '" + "x" * 50 + "'", True),
    (" && ".join(["true"] * 50), True),
    ("(true && " * 50 + "true" + ")" * 50, True),
])  # fmt: skip
def test_depth_is_limited(tmp_path: Path, text: str, fits: bool) -> None:
    kit = Kit(tmp_path)
    assert kit.condition(text).evaluate(kit.x) == (fits, None if fits else "Recursion limit reached")


def test_captures_are_handed_on(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    captures = Captures()
    assert kit.condition("'abc' =~ /(b)/").test(kit.x, captures)
    assert kit.string("[$1]").expand(kit.x, captures) == "[b]"
    assert kit.condition("true").test(kit.x, captures)
    assert captures.group(1) == "b"
    assert not kit.condition("'abc' =~ /(x)/").test(kit.x, captures)
    assert captures.match is None and captures.group(0) == ""
