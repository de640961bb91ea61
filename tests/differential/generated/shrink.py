"""The smallest sample that still differs in the same way, and how it is kept: as a case like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.differential.case import CASES
from tests.differential.compare import Difference
from tests.differential.generated.batch import Way, differing
from tests.differential.generated.sample import Kind, Sample, lay_down, smaller

ROUNDS = 60
AT_ONCE = 40


def shrunk(kind: Kind, sample: Sample, found: Sequence[Difference], way: Way) -> tuple[Sample, Sequence[Difference]]:
    """Go from sample to smaller sample as long as one of the fields that differed at first differs."""
    fields = {item.field for item in found}
    for _round in range(ROUNDS):
        candidates = list(islice(dict.fromkeys(smaller(sample)), AT_ONCE))
        results = differing(kind, candidates, way) if candidates else []
        still = [pair for pair in zip(candidates, results, strict=True) if fields & {item.field for item in pair[1]}]
        if not still:
            break
        sample, found = still[0]
    return sample, found


def keep(kind: Kind, sample: Sample, comment: str, cases: Path = CASES) -> Path:
    """Write a sample as a case ``found_KIND_...``; returns the folder."""
    written = kind.write(sample, "s000")
    digest = hashlib.sha256(repr(written).encode()).hexdigest()[:8]
    folder = cases / f"found_{kind.name}_{digest}"
    lay_down(kind, [written], folder, comment)
    return folder
