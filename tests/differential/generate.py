"""``python -m tests.differential.generate``: draw samples, run them on both servers, shrink and keep what differs."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.differential.__main__ import describe
from tests.differential.case import CASES
from tests.differential.compare import Difference
from tests.differential.generated import authorization, expressions, rewrite
from tests.differential.generated.batch import Way, differing
from tests.differential.generated.sample import Kind, Sample, draw
from tests.differential.generated.shrink import keep, shrunk

KINDS = {kind.name: kind for kind in (rewrite.KIND, expressions.KIND, authorization.KIND)}


def main(arguments: Sequence[str]) -> int:
    """Parse the options, run, print; 1 where something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.generate", description=__doc__)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="what to draw (repeatable; all)")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mpm", default="event", choices=["prefork", "worker", "event", "reactor"])
    parser.add_argument("--apache-only", action="store_true", help="Apache against itself: tests the generator")
    parser.add_argument("--recalled", action="store_true", help="compare answers from memory, too")
    parser.add_argument("--shrink", type=int, default=3, metavar="N", help="how many samples are shrunk and kept")
    parser.add_argument("--keep", type=Path, default=CASES, metavar="FOLDER", help="where: as cases found_...")
    options = parser.parse_args(arguments)
    if options.recalled and options.apache_only:
        parser.error("Apache remembers no answers")
    way = Way(options.mpm, "apache" if options.apache_only else "mpmserver", options.recalled)
    failed = False
    for name in options.kind or sorted(KINDS):
        kind = KINDS[name]
        samples = draw(kind, options.samples, options.seed)
        results = differing(kind, samples, way)
        wrong = [(sample, found) for sample, found in zip(samples, results, strict=True) if found]
        print(f"{name}: {len(samples)} samples of seed {options.seed}, {len(wrong)} differ")
        failed = failed or bool(wrong)
        seen: set[Sample] = set()
        for sample, found in wrong[: options.shrink]:
            small, reason = shrunk(kind, sample, found, way)
            if small not in seen:
                seen.add(small)
                tell(kind, small, reason, keep(kind, small, f"# Drawn with seed {options.seed}.\n", options.keep))
    if options.recalled:
        print("answers from memory: " + ", ".join(f"{count} found {how}" for how, count in way.hits.items()))
    return int(failed)


def tell(kind: Kind, sample: Sample, found: Sequence[Difference], folder: Path) -> None:
    """Print a shrunk sample, what differs, and where it is kept."""
    written = kind.write(sample, "s000")
    files = "".join(f"--- {path}\n{text}" for path, text in written.files.items() if path.endswith(".htaccess"))
    print(f"\n{folder}\n{written.config}{files}--- requests\n{written.requests}")
    for item in found:
        theirs, ours = ((text or "").splitlines() for text in (item.apache, item.ours))
        if min(len(theirs), len(ours)) > 1:
            print(f"{item.field} (apache -, ours +):", *difflib.unified_diff(theirs, ours, n=1, lineterm=""), sep="\n")
        else:
            print(describe(item, full=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
