"""One case from start to verdict: lay out the tree, run the reference, run the subject, compare, judge."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.differential.case import Case
from tests.differential.compare import Difference, differences
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.recalled import Recalled, compare_recalled
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
    hits: Counter[str] = field(default_factory=Counter)


def run_case(case: Case, mpm: str, subject: str, entries: Sequence[Entry], *, recalled: bool = False) -> Verdict:
    """Compare Apache with ``subject`` (``mpmserver``, or ``apache`` to test the harness itself) on one case.

    ``recalled``: answers from memory are compared, too.

    What differs must differ twice: on a machine that has much to do Apache compared with itself differs, too, in one of
    some thousand requests (a script that is slow, a client that is late).
    """
    weights = {item.label: len(item.methods) for item in case.items}
    found = found_in(case, mpm, subject, recalled=recalled)
    verdict = judge(case.name, weights, found.differences, entries)
    if not verdict.good:
        again = found_in(case, mpm, subject, recalled=recalled)
        both = {label: each if found.differences.get(label) else [] for label, each in again.differences.items()}
        verdict = judge(case.name, weights, both, entries)
    return replace(verdict, hits=found.hits)


def found_in(case: Case, mpm: str, subject: str, *, recalled: bool = False) -> Result:
    """One comparison, with a tree of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    try:
        folder.chmod(0o755)
        lay_out(case.folder, folder / "tree")
        return _found(case, mpm, subject, folder, recalled)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _found(case: Case, mpm: str, subject: str, folder: Path, recalled: bool) -> Result:
    tree = folder / "tree"
    third = Recalled({})
    for attempt in range(1, TRIES + 1):
        port = free_port()
        reference = run("apache", case, mpm, port, tree, folder / f"apache-{attempt}", None)
        second = run(subject, case, mpm, port, tree, folder / f"subject-{attempt}", reference)
        if recalled and not reference.failure:
            third = compare_recalled(case, mpm, tree, folder / f"recalled-{attempt}", port, reference)
        if PORT_TAKEN not in reference.failure + second.failure + third.failure:
            break
    found = differences(case.name, reference, second)
    for label, items in third.differences.items():
        found[label] += items
    return Result(found, third.hits)
