"""Headers: order, case, and Apache's ways of having several fields of one name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("look", "noted"),
    [
        (lambda headers: headers.get("ACCEPT"), {"accept"}),
        (lambda headers: headers.get("None-Such"), {"none-such"}),
        (lambda headers: headers.first("Accept"), {"accept"}),
        (lambda headers: headers.get_all("x-y"), {"x-y"}),
        (lambda headers: "Host" in headers, {"host"}),
        (lambda headers: headers.items(), {"*"}),
        (list, {"*"}),
        (len, {"*"}),
        (lambda headers: headers.merged_items(), {"*"}),
        (lambda headers: headers.copy(), {"*"}),
        (lambda headers: headers == Headers(), {"*"}),
        (ChangedHeaders.of, {"*"}),
    ],
)
def test_what_was_asked_for_is_noted(look: Callable[[Headers], object], noted: set[str]) -> None:
    headers = Headers(FIELDS)
    assert headers.asked is None
    headers.asked = set()
    look(headers)
    assert headers.asked == noted


def test_a_copy_notes_nothing() -> None:
    headers = Headers(FIELDS)
    headers.asked = set()
    assert headers.copy().asked is None


CHANGES = st.tuples(
    st.sampled_from(["set", "add", "merge", "unset"]), st.sampled_from(["A", "a", "B", "C"]), st.sampled_from("xyz")
)


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "b"]), st.sampled_from("xyz"))), st.lists(CHANGES))
def test_whatever_is_changed_both_views_agree(
    pairs: list[tuple[str, str]], changes: list[tuple[str, str, str]]
) -> None:
    """What is asked by name is what stands in the list."""
    headers = Headers.of_fields([(name.lower(), name, value) for name, value in pairs])
    for operation, name, value in changes:
        getattr(headers, operation)(*((name,) if operation == "unset" else (name, value)))
        items = headers.items()
        for asked in "abcd":
            values = [value for name, value in items if name.lower() == asked]
            assert headers.get_all(asked.upper()) == values
            assert headers.get(asked) == (", ".join(values) if values else None)
            assert headers.first(asked) == (values[0] if values else None)
            assert (asked in headers) is bool(values)
    headers.replace_values(str.upper)
    assert headers.get("a") == (", ".join(headers.get_all("a")) or None)


@pytest.mark.parametrize("before", [[], [("b", "old"), ("X", "x"), ("B", "older")]])
def test_several_are_set_at_once(before: list[tuple[str, str]]) -> None:
    """`fill` is `set` for each."""
    filled, one_by_one = Headers(before), Headers(before)
    filled.fill([("a", "A", "1"), ("b", "B", "2")])
    one_by_one.set("A", "1")
    one_by_one.set("B", "2")
    assert filled.items() == one_by_one.items()
    assert filled.get("b") == "2"
