"""One case from start to verdict: lay out the tree, run the reference, run the subject, compare, judge."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.differential.case import Case
from tests.differential.compare import Difference, differences
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.replay import run
from tests.differential.tree import lay_out
from tests.live_server import free_port

#: The port is free when it is chosen; should another program take it before both servers have had it, again.
TRIES = 3
PORT_TAKEN = "Address already in use"


def run_case(case: Case, mpm: str, subject: str, entries: Sequence[Entry]) -> Verdict:
    """Compare Apache with ``subject`` (``mpmserver``, or ``apache`` to test the harness itself) on one case.

    What differs must differ twice: on a machine that has much to do Apache compared with itself differs, too, in one of
    some thousand requests (a script that is slow, a client that is late).
    """
    weights = {item.label: len(item.methods) for item in case.items}
    found = found_in(case, mpm, subject)
    verdict = judge(case.name, weights, found, entries)
    if verdict.good:
        return verdict
    again = found_in(case, mpm, subject)
    both = {label: each if found.get(label) else [] for label, each in again.items()}
    return judge(case.name, weights, both, entries)


def found_in(case: Case, mpm: str, subject: str) -> dict[str, list[Difference]]:
    """The differences of a case by request, see ``compare.differences``."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    try:
        folder.chmod(0o755)
        lay_out(case.folder, folder / "tree")
        return _found(case, mpm, subject, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _found(case: Case, mpm: str, subject: str, folder: Path) -> dict[str, list[Difference]]:
    for attempt in range(1, TRIES + 1):
        port, tree = free_port(), folder / "tree"
        reference = run("apache", case, mpm, port, tree, folder / f"apache-{attempt}", None)
        second = run(subject, case, mpm, port, tree, folder / f"subject-{attempt}", reference)
        if PORT_TAKEN not in reference.failure + second.failure:
            break
    return differences(case.name, reference, second)
