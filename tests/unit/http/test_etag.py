"""Entity tags, as FileETag printed them for the same file in Apache."""

from __future__ import annotations

import hashlib

import pytest

from mpmserver.http.etag import (
    is_weak,
    listed,
    make_digest_etag,
    make_etag,
    strong_match,
    weak_match,
)

INODE, SIZE, MTIME = 0x2107A9, 1000, 1767323045678901


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        (("MTime", "Size"), '"3e8-6475ef6574f35"'),
        (("INode",), '"2107a9"'),
        (("MTime",), '"6475ef6574f35"'),
        (("Size",), '"3e8"'),
        (("Size", "INode"), '"2107a9-3e8"'),
        (("INode", "MTime", "Size"), '"2107a9-3e8-6475ef6574f35"'),
        ((), None),
    ],
)
def test_fields(fields: tuple[str, ...], tag: str | None) -> None:
    assert make_etag(INODE, SIZE, MTIME, fields, weak=False) == tag
    assert make_etag(INODE, SIZE, MTIME, fields, weak=True) == (tag and f"W/{tag}")


def test_digest() -> None:
    assert make_digest_etag(hashlib.sha1(b"").digest()) == '"2jmj7l5rSw0yVb/vlWAYkK/YBwk="'


def test_young_files_are_weak() -> None:
    assert [is_weak(MTIME, MTIME + age) for age in (-5_000_000, 0, 999_999, 1_000_000)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ('"a"', ['"a"']),
        ('"a", W/"b","c"', ['"a"', 'W/"b"', '"c"']),
        (', "a"', ['"a"']),
        ('"a,b", "c"', ['"a,b"', '"c"']),
        ('"a" "b"', []),
        ('"a"b', []),
        ('x, "a"', []),
        ('W/ "a"', []),
        ('w/"a"', []),
        ("", []),
    ],
)
def test_listed(tags: str, found: list[str]) -> None:
    assert listed(tags) == found


def test_comparisons() -> None:
    assert strong_match('"a", "b"', '"b"')
    assert not strong_match('W/"b"', '"b"')
    assert not strong_match('W/"b"', 'W/"b"')
    assert weak_match('W/"b"', '"b"')
    assert weak_match('"b"', 'W/"b"')
    assert not weak_match('"a"', '"b"')
    assert not weak_match('"a"', None)
    assert not strong_match('"a"', None)
