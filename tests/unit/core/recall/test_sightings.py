"""What has come lately."""

from __future__ import annotations

from random import Random

from mpmserver.core.recall.sightings import Sightings


def test_sightings() -> None:
    seen = Sightings()
    chance = Random(1)  # the hash of a text is another one in each process
    marks = [chance.getrandbits(60) for _ in range(12_000)]
    assert sum([seen.again(mark) for mark in marks]) < 2000
    assert all(seen.again(mark) for mark in marks)
    others = [chance.getrandbits(60) for _ in range(40_000)]
    assert sum([seen.again(mark) for mark in others]) < 10_000
    assert sum([seen.again(mark) for mark in marks]) < 4000, "what has come long ago is forgotten"
