"""config/fnmatch.py, against the real apr_fnmatch."""

from __future__ import annotations

import ctypes
from ctypes.util import find_library
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.config.fnmatch import Match, compile_fnmatch, has_wildcards

APR_FLAGS = {Match.PATHNAME: 2, Match.PERIOD: 4, Match.CASE_BLIND: 8}


@cache
def _apr() -> ctypes.CDLL:
    return ctypes.CDLL(find_library("apr-1") or "libapr-1.so.0")


def _apr_matches(pattern: str, name: str, how: Match) -> bool:
    flags = sum(value for flag, value in APR_FLAGS.items() if flag in how)
    return int(_apr().apr_fnmatch(pattern.encode("latin-1"), name.encode("latin-1"), flags)) == 0


TABLE = [
    ("*.txt", "a.txt", Match.PLAIN, True),
    ("*.txt", ".txt", Match.PLAIN, True),
    ("*.txt", ".txt", Match.PERIOD, False),
    ("/a/*/c", "/a/b/c", Match.PATHNAME, True),
    ("/a/*/c", "/a/b/b/c", Match.PATHNAME, False),
    ("/a/*/c", "/a/b/b/c", Match.PLAIN, True),
    ("/a/*", "/a/.b", Match.PATHNAME | Match.PERIOD, False),
    ("?", "/", Match.PATHNAME, False),
    ("[/]", "/", Match.PATHNAME, False),
    ("[!a]", "b", Match.PLAIN, True),
    ("[^a]", "a", Match.PLAIN, False),
    ("[]a]", "]", Match.PLAIN, True),
    ("[a-c]x", "bx", Match.PLAIN, True),
    ("[c-a]", "b", Match.PLAIN, False),
    ("[a", "[a", Match.PLAIN, True),
    (r"\*", "*", Match.PLAIN, True),
    (r"\*", "a", Match.PLAIN, False),
    ("A*", "abc", Match.CASE_BLIND, True),
    ("", "", Match.PLAIN, True),
    ("a\\", "a\\", Match.PLAIN, True),
]


@pytest.mark.parametrize(("pattern", "name", "how", "expected"), TABLE)
def test_table(pattern: str, name: str, how: Match, expected: bool) -> None:
    assert compile_fnmatch(pattern, how)(name) is expected
    assert _apr_matches(pattern, name, how) is expected


PIECES = ["a", "b", "A", "*", "?", "[ab]", "[!a]", "[^a]", "[a-c]", "[c-a]", "[]a]", "[!]]", "[a", "\\", "\\*",
          "\\[", "/", ".", "[.]", "[/]", "-", "[a-]", "[\\]]", "[!/]", "[]", "[A-B]", "**", "[a/b]"]  # fmt: skip
HOW = st.sampled_from(list(APR_FLAGS)).flatmap(lambda one: st.sampled_from([Match.PLAIN, one, ~Match.PLAIN]))


@given(st.lists(st.sampled_from(PIECES), max_size=4).map("".join), st.text("abAc/.]*[-\\", max_size=5), HOW)
def test_like_apr(pattern: str, name: str, how: Match) -> None:
    # A set that runs into the next one makes ranges of its own, which APR folds bound by bound.
    how = how & ~Match.CASE_BLIND if "[a*" in pattern or "[a" in pattern.replace("[a]", "") else how
    assert compile_fnmatch(pattern, how)(name) is _apr_matches(pattern, name, how)


@given(st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
def test_has_wildcards_like_apr(pattern: str) -> None:
    assert has_wildcards(pattern) is bool(_apr().apr_fnmatch_test(pattern.encode()))
