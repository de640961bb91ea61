"""The reviewed list of differences that are wanted: ``explained.yaml``.

Each entry names its cases, a field, patterns and a reason. An entry that matches nothing in a case it names is stale
and a failure itself, so the list can only hold what is true.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.differential.compare import Difference

EXPLAINED = Path(__file__).resolve().parent / "explained.yaml"


@dataclass(frozen=True, slots=True)
class Entry:
    """One wanted difference; patterns are searched for, an empty one matches all; names of cases may have a ``*``.

    What ``less`` finds is all that may be different: ours without it has to be what Apache's is. ``sometimes`` is for
    what depends on which of two things happens first: such an entry need not match in every run.
    """

    cases: tuple[str, ...]
    request: str
    field: str
    apache: str
    ours: str
    less: str
    reason: str
    sometimes: bool = False

    def names(self, case: str) -> bool:
        """Whether this entry is about ``case``."""
        return any(fnmatchcase(case, name) for name in self.cases)

    def matches(self, difference: Difference) -> bool:
        """Whether this entry explains ``difference``."""
        return (
            self.names(difference.case)
            and re.search(self.request, difference.request) is not None
            and re.fullmatch(self.field, difference.field) is not None
            and re.search(self.apache, difference.apache or "", re.DOTALL) is not None
            and re.search(self.ours, difference.ours or "", re.DOTALL) is not None
            and (not self.less or re.sub(self.less, "", difference.ours or "") == difference.apache)
        )


def load_entries(path: Path = EXPLAINED) -> list[Entry]:
    """Read the list; ``ValueError`` for an entry without reason, field or cases.

    An entry that says ``recall`` is about what shows where Recall is on; where it is off there is no such entry.
    """
    entries = []
    for number, raw in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or [], 1):
        unknown = set(raw) - {"cases", "request", "field", "apache", "ours", "less", "reason", "sometimes", "recall"}
        if unknown or not raw.get("reason") or not raw.get("cases") or not raw.get("field"):
            raise ValueError(f"{path.name}: entry {number} needs cases, field and reason; unknown: {sorted(unknown)}")
        if raw.get("recall") and os.environ.get("MPMSERVER_TEST_RECALL") == "off":
            continue
        entries.append(
            Entry(
                tuple(raw["cases"]), raw.get("request", ""), raw["field"],
                raw.get("apache", ""), raw.get("ours", ""), raw.get("less", ""), raw["reason"],
                raw.get("sometimes", False),
            )
        )  # fmt: skip
    return entries


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case's result: counts of requests, what is unexplained, and entries that explained nothing."""

    case: str
    requests: int
    equal: int
    explained: int
    unexplained: tuple[Difference, ...]
    stale: tuple[Entry, ...]
    hits: Counter[str] = field(default_factory=Counter)
    """How many of the answers compared came from memory, by what they were found by."""

    @property
    def good(self) -> bool:
        return not self.unexplained and not self.stale


def judge(
    case: str, weights: Mapping[str, int], found: Mapping[str, Sequence[Difference]], entries: Sequence[Entry]
) -> Verdict:
    """Sort a case's differences; ``weights`` is how many requests each label stands for."""
    used: set[Entry] = set()
    unexplained: list[Difference] = []
    equal = explained = 0
    for label, items in found.items():
        weight = weights.get(label, 0)
        open_ones = []
        for item in items:
            matching = [entry for entry in entries if entry.matches(item)]
            used.update(matching)
            if not matching:
                open_ones.append(item)
        unexplained += open_ones
        equal += weight if not items else 0
        explained += weight if items and not open_ones else 0
    stale = tuple(entry for entry in entries if entry.names(case) and entry not in used and not entry.sometimes)
    return Verdict(case, sum(weights.values()), equal, explained, tuple(unexplained), stale)
