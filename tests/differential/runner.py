"""One case from start to verdict: lay out the tree, run the reference, run the subject, compare, judge."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.differential.case import Case
from tests.differential.compare import Difference, differences
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.recalled import SETTLED, Rounds
from tests.differential.replay import run
from tests.differential.tree import lay_out
from tests.live_server import free_port

#: The port is free when it is chosen; should another program take it before both servers have had it, again.
TRIES = 3
PORT_TAKEN = "Address already in use"


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison of a case: its differences by request, see ``compare.differences``, and how many were hits."""

    differences: dict[str, list[Difference]]
    hits: int = 0


def run_case(case: Case, mpm: str, subject: str, entries: Sequence[Entry], recalled: str = "") -> Verdict:
    """Compare Apache with ``subject`` (``mpmserver``, or ``apache`` to test the harness itself) on one case.

    ``recalled``: one of ``recalled.STYLES``, where answers from memory are to be compared.

    What differs must differ twice: on a machine that has much to do Apache compared with itself differs, too, in one of
    some thousand requests (a script that is slow, a client that is late).
    """
    weights = {item.label: len(item.methods) for item in case.items}
    found = found_in(case, mpm, subject, recalled)
    verdict = judge(case.name, weights, found.differences, entries)
    if not verdict.good:
        again = found_in(case, mpm, subject, recalled)
        both = {label: each if found.differences.get(label) else [] for label, each in again.differences.items()}
        verdict = judge(case.name, weights, both, entries)
    return replace(verdict, hits=found.hits)


def found_in(case: Case, mpm: str, subject: str, recalled: str = "") -> Result:
    """One comparison, with a tree of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    try:
        folder.chmod(0o755)
        lay_out(case.folder, folder / "tree")
        return _found(case, mpm, subject, folder, recalled)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _found(case: Case, mpm: str, subject: str, folder: Path, recalled: str) -> Result:
    rounds = Rounds(recalled, time.time() + SETTLED, folder) if recalled else None
    for attempt in range(1, TRIES + 1):
        port, tree = free_port(), folder / "tree"
        reference = run("apache", case, mpm, port, tree, folder / f"apache-{attempt}", None)
        second = run(subject, case, mpm, port, tree, folder / f"subject-{attempt}", reference, rounds)
        if PORT_TAKEN not in reference.failure + second.failure:
            break
    hits = sum(outcome.hits for outcome in second.outcomes)
    return Result(differences(case.name, reference, second), hits)
