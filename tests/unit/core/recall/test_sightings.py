"""What has come lately."""

from __future__ import annotations

from mpmserver.core.recall.sightings import Sightings


def test_sightings() -> None:
    seen = Sightings()
    marks = [hash((number, "x")) for number in range(12_000)]
    assert sum([seen.again(mark) for mark in marks]) < 2000
    assert all(seen.again(mark) for mark in marks)
    others = [hash((number, "y")) for number in range(40_000)]
    assert sum([seen.again(mark) for mark in others]) < 10_000
    assert sum([seen.again(mark) for mark in marks]) < 4000, "what has come long ago is forgotten"
