"""What an answer was made for, of a request's fields."""

from __future__ import annotations

from mpmserver.core.recall.asked import Asked, asked_of

FIELDS = {"host": "a.example", "cookie": "a=1", "range": ""}


def test_what_was_found_and_what_was_not() -> None:
    found = asked_of({"range", "cookie", "x-none", "*"}, FIELDS)
    assert found == Asked((("cookie", "a=1"), ("range", "")), frozenset({"x-none"}))
    assert found.names == {"range", "cookie", "x-none"}


def test_another_request_has_to_say_the_same() -> None:
    found = asked_of({"cookie", "x-none"}, FIELDS)
    assert found.suits(FIELDS)
    assert found.suits({"cookie": "a=1", "x-other": "1"})
    for other in ({}, {"cookie": "a=2"}, {"cookie": ""}, {**FIELDS, "x-none": ""}):
        assert not found.suits(other)


def test_who_asks_for_nothing_is_suited_by_all() -> None:
    assert asked_of(set(), FIELDS) == Asked((), frozenset())
    assert asked_of(set(), FIELDS).suits({}) and asked_of(set(), FIELDS).suits(FIELDS)
