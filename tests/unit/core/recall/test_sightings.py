"""What has come lately."""

from __future__ import annotations

from random import Random

from mpmserver.core.recall.sightings import Sightings


def test_sightings() -> None:
    seen = Sightings()
    chance = Random(1)  # the hash of a text is another one in each process
    marks = [chance.getrandbits(62) - (1 << 61) for _ in range(4_000)]
    assert sum([seen.again(mark) for mark in marks]) < 40, "few are taken for another"
    assert sum([seen.again(mark) for mark in marks]) > 3_400, "what has come lately is known"
    others = [chance.getrandbits(62) for _ in range(100_000)]
    assert sum([seen.again(mark) for mark in others]) < 800
    assert sum([seen.again(mark) for mark in marks]) < 400, "what has come long ago is forgotten"


def test_at_once() -> None:
    seen = Sightings()
    for mark in (0x7F_FFFF_FFFF, -0x1234_5678_9ABC, 1 << 61):
        seen.again(mark)
        assert seen.again(mark)


def test_where_nothing_has_come_nothing_is_known() -> None:
    """Whatever the hash is: or one first request in 256 would count as one that comes again, in tests as in service."""
    seen = Sightings()
    assert not any(seen.again(kept << 16 | place) for place, kept in enumerate(range(256)))
