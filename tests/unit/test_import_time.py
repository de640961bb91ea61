"""`-v`, `-V` and `-l` answer before anything heavy is loaded: what they may not import, and what they may cost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mpmserver.modules import standard

PROJECT = Path(__file__).resolve().parents[2]
FORBIDDEN = (
    "jinja2", "yaml", "pcre2", "asyncio", "ssl", "setproctitle", "passlib", "bcrypt", "multiprocessing",
    "mpmserver.process", "mpmserver.serve", *standard.BUILT_IN.values(),
)  # fmt: skip
CPU_SECONDS = 0.1

QUICK = pytest.mark.parametrize("option", ["-v", "-V", "-l"])


def run(*options: str) -> subprocess.CompletedProcess[str]:
    # -S and no environment of ours: what site-packages' .pth files load is not the server's doing.
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        [sys.executable, "-S", *options], capture_output=True, text=True, env=environment, cwd="/", check=True
    )


def imported(report: str) -> list[str]:
    """The modules in what `-X importtime` writes to standard error."""
    rows = (line.split("|") for line in report.splitlines() if line.startswith("import time:"))
    return [row[2].strip() for row in rows if len(row) == 3]


@QUICK
def test_nothing_heavy_is_imported(option: str) -> None:
    names = imported(run("-X", "importtime", "-m", "mpmserver", option).stderr)
    assert "mpmserver.cli" in names
    assert [name for name in names if any(f"{name}.".startswith(f"{heavy}.") for heavy in FORBIDDEN)] == []


@QUICK
def test_the_answer_costs_little(option: str) -> None:
    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("-m", "mpmserver", option)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # The smallest of several: other work on the machine can only add.
    assert min(cost() for _ in range(5)) < CPU_SECONDS
