"""Many samples at one start of each server.

The samples of a batch are one case of the harness, so all that it compares is compared. What differs belongs to the
sample that the request came from. Where a server does not start at all the batch is cut into halves, down to the
sample that it cannot bear; one that neither server starts with shows no difference. Nor does a request that Apache
answers with nothing at all: a child of its has crashed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential.case import load_case, read_items
from tests.differential.compare import WHOLE_CASE, Difference
from tests.differential.explain import load_entries
from tests.differential.generated.sample import Kind, Sample, Written, lay_down
from tests.differential.runner import found_in

SIZE = 200


@dataclass(frozen=True, slots=True)
class Way:
    """How samples are compared: the MPM, Apache with what, and whether answers from memory are compared, too."""

    mpm: str
    subject: str
    recalled: bool = False
    hits: Counter[str] = field(default_factory=Counter)
    """How many of these there were so far."""


def differing(kind: Kind, samples: Sequence[Sample], way: Way) -> list[list[Difference]]:
    """For each sample what differs between Apache and the other server, most often nothing."""
    found: list[list[Difference]] = []
    for start in range(0, len(samples), SIZE):
        found += _run(kind, samples[start : start + SIZE], way)
    return found


def _run(kind: Kind, samples: Sequence[Sample], way: Way) -> list[list[Difference]]:
    written = [kind.write(sample, f"s{number:03d}") for number, sample in enumerate(samples)]
    place = Path(tempfile.mkdtemp(prefix="mpmserver-generated-"))
    folder = place / f"generated_{kind.name}"
    try:
        lay_down(kind, written, folder)
        case = load_case(folder)
        labels = [item.label for item in case.items]
        result = found_in(case, way.mpm, way.subject, recalled=way.recalled)
    finally:
        shutil.rmtree(place)
    way.hits.update(result.hits)
    found = _unexplained(result.differences)
    whole = found[WHOLE_CASE]
    if any(item.field == "run" for item in whole):
        if not samples:
            raise AssertionError(f"does not even start without a sample: {whole[0].apache or whole[0].ours}")
        if len(samples) == 1:
            return [[] if whole[0].apache and whole[0].ours else whole]
        if len(samples) == SIZE:
            _run(kind, (), way)
        middle = len(samples) // 2
        return [each for half in (samples[:middle], samples[middle:]) for each in _run(kind, half, way)]
    return _shared_out(written, labels, found, folder)


def _unexplained(found: dict[str, list[Difference]]) -> dict[str, list[Difference]]:
    entries = load_entries()
    return {
        label: [item for item in items if not any(entry.matches(item) for entry in entries)]
        for label, items in found.items()
    }


def _shared_out(
    written: Sequence[Written], labels: Sequence[str], found: dict[str, list[Difference]], folder: Path
) -> list[list[Difference]]:
    """Each sample's differences. Messages of no connection (the start's) are left out: nobody knows whose they are."""
    own: list[list[Difference]] = []
    left = iter(labels)
    for part in written:
        answers = [found[next(left)] for _ in read_items(part.requests, folder)]
        own.append([item for answer in answers if not _crashed(answer) for item in answer])
    return own


def _crashed(answer: Sequence[Difference]) -> bool:
    return any(item.field == "responses" and item.apache == "0" for item in answer)
