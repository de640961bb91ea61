"""What `apache2 -t` says to each directive of core, and what we say: the file holds Apache 2.4.71's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mpmserver.config.errors import ConfigError, escaped
from tests.unit.modules.core_kit import configure, offset

CASES: list[Any] = json.loads((Path(__file__).parents[2] / "data" / "core-messages.json").read_text())


@pytest.mark.parametrize(("text", "error", "warnings"), CASES, ids=[case[0][:60] for case in CASES])
def test_message(text: str, error: tuple[int, str] | None, warnings: list[str], tmp_path: Path) -> None:
    here = str(tmp_path)
    said: list[Any] = []
    try:
        loading = configure(text.replace("$ROOT", here), tmp_path)
        said = loading.warnings
        got = None
    except ConfigError as failure:
        line = offset(failure.origin.line) if failure.origin is not None else 0
        got = (line, escaped(failure.message))
    expected = None if error is None else (error[0], error[1].replace("$ROOT", here))
    assert got == expected
    if error is None:
        assert [_relative(warning) for warning in said] == [warning.replace("$ROOT", here) for warning in warnings]


def _relative(warning: str) -> str:
    """A warning with the line counted in the test's own text."""
    for mark in (" in line ", "httpd.conf:"):
        before, found, rest = warning.partition(mark)
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        if found and digits:
            return f"{before}{found}{offset(int(digits))}{rest[len(digits):]}"
    return warning
