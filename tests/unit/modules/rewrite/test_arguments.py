"""The words and flags of RewriteRule and RewriteCond lines."""

from __future__ import annotations

import pytest

from mpmserver.modules.rewrite.arguments import FlagError, split_arguments, split_flags


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a b", ("a", "b", None)),
        ("a b [L]", ("a", "b", "[L]")),
        ("a  b\t[L] ignored", ("a", "b", "[L]")),
        ('"a b" \'c d\' "[L, R]"', ("a b", "c d", "[L, R]")),
        (r"a\ b c\ d", (r"a\ b", r"c\ d", None)),
        (r'"a\"b" x', ("a\\", 'b"', "x")),
        ('"a"b c', ("a", "b", "c")),
        ('"a"', ("a", "", None)),
        ('"a" "b', ("a", "b", None)),
        ("'' ''", ("", "", None)),
        ("a\\\\ b", None),  # the second backslash protects the blank, as in Apache: one word only
        ("", None),
        ("a", None),
        ('"a', None),
    ],
)
def test_words(line: str, expected: tuple[str, str, str | None] | None) -> None:
    assert split_arguments(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[L]", [("L", "")]),
        ("[ L , R=301 ]", [("L", ""), ("R", "301")]),
        ("[E=a:b=c]", [("E", "a:b=c")]),
        ("[]", [("", "")]),
        ("[L,]", [("L", ""), ("", "")]),
    ],
)
def test_flags(text: str, expected: list[tuple[str, str]]) -> None:
    assert split_flags(text) == expected


@pytest.mark.parametrize("text", ["", "L", "[L", "L]", "["])
def test_bad_delimiters(text: str) -> None:
    with pytest.raises(FlagError, match=r"^bad flag delimiters$"):
        split_flags(text)
