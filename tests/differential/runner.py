"""One case from start to verdict: lay out the tree, run the reference, run the subject, compare, judge."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.differential.case import Case
from tests.differential.compare import differences
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.replay import run
from tests.differential.tree import lay_out
from tests.live_server import free_port


def run_case(case: Case, mpm: str, subject: str, entries: Sequence[Entry]) -> Verdict:
    """Compare Apache with ``subject`` (``mpmserver``, or ``apache`` to test the harness itself) on one case."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    try:
        folder.chmod(0o755)
        tree = folder / "tree"
        lay_out(case.folder, tree)
        port = free_port()
        reference = run("apache", case, mpm, port, tree, folder / "first", None)
        second = run(subject, case, mpm, port, tree, folder / "second", reference)
        found = differences(case.name, reference, second)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    weights = {item.label: len(item.methods) for item in case.items}
    return judge(case.name, weights, found, entries)
