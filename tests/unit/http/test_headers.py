"""Headers: order, case, and Apache's ways of having several fields of one name."""

from __future__ import annotations

from mpmserver.http.headers import ChangedHeaders, Headers

FIELDS = [("Host", "x"), ("Accept", "a"), ("X-y", "1"), ("accept", "b"), ("ACCEPT", "c")]


def test_get_joins_in_order() -> None:
    headers = Headers(FIELDS)
    assert headers.get("accept") == "a, b, c"
    assert headers.get("HOST") == "x"
    assert headers.get("none") is None
    assert headers.get("none", "d") == "d"
    assert headers.get_all("Accept") == ["a", "b", "c"]


def test_items_keep_order_and_spelling() -> None:
    headers = Headers(FIELDS)
    assert headers.items() == FIELDS
    assert list(headers) == FIELDS
    assert len(headers) == 5
    assert headers.merged_items() == [("Host", "x"), ("Accept", "a, b, c"), ("X-y", "1")]


def test_set_replaces_all_in_the_first_ones_place() -> None:
    headers = Headers(FIELDS)
    headers.set("aCCept", "z")
    assert headers.items() == [("Host", "x"), ("Accept", "z"), ("X-y", "1")]
    headers.set("New", "n")
    assert headers.items()[-1] == ("New", "n")


def test_add_merge_unset() -> None:
    headers = Headers()
    headers.add("Vary", "a")
    headers.add("Vary", "b")
    headers.merge("vary", "c")
    assert headers.items() == [("Vary", "a, c"), ("Vary", "b")]
    headers.merge("Allow", "GET")
    headers.unset("VARY")
    headers.unset("absent")
    assert headers.items() == [("Allow", "GET")]
    headers.extend([("A", "1"), ("B", "2")])
    assert len(headers) == 3
    headers.clear()
    assert "Allow" not in headers
    assert len(headers) == 0


def test_contains_and_equality() -> None:
    headers = Headers(FIELDS)
    assert "x-Y" in headers
    assert "x" not in headers
    assert 1 not in headers
    assert Headers([("A", "1")]) == Headers([("a", "1")])
    assert Headers([("A", "1")]) != Headers([("A", "2")])
    assert Headers() != {}


def test_copies_are_independent() -> None:
    headers = Headers(FIELDS)
    other = headers.copy()
    other.set("Host", "y")
    other.unset("X-y")
    assert headers.items() == FIELDS


def test_the_first_of_several() -> None:
    assert Headers(FIELDS).first("ACCEPT") == "a"
    assert Headers(FIELDS).first("none") is None


def test_changed_headers_are_a_table() -> None:
    """What was received is one field, what is added beside it is not seen by those who ask for the value."""
    changed = ChangedHeaders.of(Headers(FIELDS))
    assert changed.items() == [("Host", "x"), ("Accept", "a, b, c"), ("X-y", "1")]
    changed.add("accept", "d")
    assert changed.get("Accept") == "a, b, c"
    assert changed.get("none", "default") == "default"
    assert changed.merged_items()[-1] == ("accept", "d")
    assert changed.copy().get("Accept") == "a, b, c"
