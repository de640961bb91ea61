"""``python -m tests.differential``: run the cases, print the table, exit 1 when a difference is unexplained."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.differential import badconfig
from tests.differential.case import load_cases
from tests.differential.compare import Difference
from tests.differential.explain import Verdict, load_entries
from tests.differential.runner import run_case

WIDTH = 300


def main(arguments: Sequence[str]) -> int:
    """Parse the options, run, print; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case (repeatable)")
    parser.add_argument("--mpm", default="event", choices=["prefork", "worker", "event", "reactor"])
    parser.add_argument("--apache-only", action="store_true", help="Apache against itself: tests the harness")
    parser.add_argument("--show", action="store_true", help="print differences in full")
    parser.add_argument("--quiet", action="store_true", help="print the table only")
    options = parser.parse_args(arguments)
    subject = "apache" if options.apache_only else "mpmserver"
    entries = [] if options.apache_only else load_entries()
    verdicts = []
    wanted = [name for name in options.case if name != badconfig.NAME]
    if wanted or not options.case:
        for case in load_cases(wanted):
            verdicts.append(run_case(case, options.mpm, subject, entries))
            if not options.quiet:
                show(verdicts[-1], full=options.show)
    if not options.case or badconfig.NAME in options.case:
        verdicts.append(badconfig.run(subject, entries))
        if not options.quiet:
            show(verdicts[-1], full=options.show)
    print(table(verdicts))
    return 0 if all(verdict.good for verdict in verdicts) else 1


def table(verdicts: Sequence[Verdict]) -> str:
    """The result, one case a line, with a total."""
    rows: list[tuple[str, tuple[int, ...]]] = [(v.case, (v.requests, v.equal, v.explained, _open(v))) for v in verdicts]
    rows.append(("total", tuple(map(sum, zip(*(numbers for _, numbers in rows), strict=True)))))
    lines = [f"{'case':<28}{'requests':>10}{'equal':>10}{'explained':>11}{'unexplained':>13}"]
    lines += [f"{name:<28}{n[0]:>10}{n[1]:>10}{n[2]:>11}{n[3]:>13}" for name, n in rows]
    return "\n".join(lines)


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
    return f"{item.case}: {item.request}: {item.field}\n  apache: {texts[0]!r}\n  ours:   {texts[1]!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
