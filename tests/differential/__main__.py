"""``python -m tests.differential``: run the cases, print the table, exit 1 when a difference is unexplained."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.differential import badconfig
from tests.differential.case import CaseError, load_cases
from tests.differential.compare import Difference
from tests.differential.explain import Entry, Verdict, load_entries
from tests.differential.module_names import module_of, row
from tests.differential.recalled import BY_HEAD, BY_RESOURCE
from tests.differential.runner import run_case

WIDTH = 300
#: These take longest, by waiting: they begin first.
SLOW = ("reqtimeout", "cgi", "connection")
#: How many answers at least come from memory in all cases together, found by either way.
LEAST_HITS = 4500
Job = Callable[[], Verdict]


def main(arguments: Sequence[str]) -> int:
    """Parse the options, run, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case (repeatable)")
    parser.add_argument("--mpm", default="event", choices=["prefork", "worker", "event", "reactor"])
    parser.add_argument("--apache-only", action="store_true", help="Apache against itself: tests the harness")
    parser.add_argument("--show", action="store_true", help="print differences in full")
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    parser.add_argument("--by-case", action="store_true", help="a table with a line for each case, not for each module")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many cases run at a time")
    parser.add_argument("--recalled", action="store_true", help="compare answers from memory, too")
    options = parser.parse_args(arguments)
    if options.recalled and options.apache_only:
        parser.error("Apache remembers no answers")
    subject = "apache" if options.apache_only else "mpmserver"
    entries = [] if options.apache_only else load_entries()
    try:
        rows, jobs = plan(options.case, options.mpm, subject, entries, recalled=options.recalled)
    except CaseError as error:
        parser.error(str(error))
    verdicts = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(lambda job: job(), jobs):
            verdicts.append(verdict)
            if not options.quiet:
                show(verdict, full=options.show)
    print(table(verdicts, {} if options.by_case else rows))
    good = all(verdict.good for verdict in verdicts)
    if options.recalled:
        good = tell_hits(verdicts, least=0 if options.case else LEAST_HITS) and good
    return 0 if good else 1


def tell_hits(verdicts: Sequence[Verdict], least: int) -> bool:
    """Print how many answers came from memory; whether there are enough of each kind."""
    hits = sum((verdict.hits for verdict in verdicts), Counter[str]())
    for how in (BY_RESOURCE, BY_HEAD):
        print(f"answers from memory, found {how}: {hits[how]}" + (f", too few ({least})" if hits[how] < least else ""))
    return min(hits[BY_RESOURCE], hits[BY_HEAD]) >= least


def plan(
    names: Sequence[str], mpm: str, subject: str, entries: Sequence[Entry], *, recalled: bool = False
) -> tuple[dict[str, str], list[Job]]:
    """The module of each case that is asked for, and what is to be done; ``CaseError`` where one has none."""
    wanted = [name for name in names if name != badconfig.NAME]
    cases = load_cases(wanted) if wanted or not names else []
    cases.sort(key=lambda case: case.name not in SLOW)
    rows = {case.name: module_of(case) for case in cases}
    jobs: list[Job] = [partial(run_case, case, mpm, subject, entries, recalled=recalled) for case in cases]
    if not names or badconfig.NAME in names:
        rows[badconfig.NAME] = row(badconfig.NAME) or ""
        jobs.append(partial(badconfig.run, subject, entries))
    return rows, jobs


def table(verdicts: Sequence[Verdict], rows: Mapping[str, str]) -> str:
    """The result with a total: a line for each of ``rows`` (case to module), or for each case that is not in it."""
    sums: dict[str, list[int]] = {}
    for verdict in verdicts:
        numbers = sums.setdefault(rows.get(verdict.case, verdict.case), [0] * 5)
        for index, number in enumerate(
            (verdict.requests, verdict.equal, verdict.explained, _open(verdict), verdict.hits.total())
        ):
            numbers[index] += number
    columns = f"{'requests':>10}{'equal':>10}{'explained':>11}{'unexplained':>13}{'hits':>8}"
    lines = [f"{'module' if rows else 'case':<28}{columns}"]
    lines += [_line(name, sums[name]) for name in sorted(sums)]
    return "\n".join([*lines, _line("total", [sum(column) for column in zip(*sums.values(), strict=True)])])


def _line(name: str, numbers: Sequence[int]) -> str:
    return f"{name:<28}{numbers[0]:>10}{numbers[1]:>10}{numbers[2]:>11}{numbers[3]:>13}{numbers[4]:>8}"


def _open(verdict: Verdict) -> int:
    """Requests with an unexplained difference; at least 1 where only the case as a whole has one."""
    return verdict.requests - verdict.equal - verdict.explained or int(not verdict.good)


def show(verdict: Verdict, *, full: bool) -> None:
    """Print what is open in a case."""
    for item in verdict.unexplained:
        print(describe(item, full=full))
    for entry in verdict.stale:
        print(f"{verdict.case}: explained.yaml: matches nothing: {entry.field} {entry.request!r} ({entry.reason})")


def describe(item: Difference, *, full: bool) -> str:
    """One difference as text: where, then both sides."""
    texts = [text if full or text is None else text[:WIDTH] for text in (item.apache, item.ours)]
    how = f" ({item.how})" if item.how else ""
    return f"{item.case}: {item.request}: {item.field}{how}\n  apache: {texts[0]!r}\n  ours:   {texts[1]!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
