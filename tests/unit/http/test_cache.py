"""What is remembered of texts: bounded, and never a refusal."""

from __future__ import annotations

import pytest

from mpmserver.http.cache import Cache


def test_a_text_is_asked_once() -> None:
    asked: list[str] = []

    def make(text: str) -> int:
        asked.append(text)
        return len(text)

    cache = Cache(make, most=3, longest=4)
    assert [cache[text] for text in ("a", "bb", "a", "bb")] == [1, 2, 1, 2]
    assert asked == ["a", "bb"]


def test_it_is_bounded() -> None:
    cache = Cache(len, most=3, longest=4)
    for number in range(100):
        assert cache[str(number)] == len(str(number))
        assert len(cache) <= 3
    assert cache["12345"] == 5
    assert "12345" not in cache


def test_a_refusal_is_not_kept() -> None:
    cache = Cache(int)
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid"):
            cache["x"]
    assert not cache
