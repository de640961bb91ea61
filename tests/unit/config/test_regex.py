"""config/regex.py, against the real PCRE2: each pattern means the same to both, or is refused by name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import compile_pcre
from tests.unit.config import pcre2

SUBJECTS = ("", "a", "ab", "aab", "Ab", "a\n", "a\nb", "\n", "a b", "1a", "aa11", "a.b", "A\r\nb", "\x01a", "b-]",
            "\x08", "aAbB", "a\xa0\x85", "#a", "abab", "abcbcd", "/a/b.html", "a\x00b",
            "_9", "]a[", "a{,2}")  # fmt: skip

MEANT_ALIKE = [
    # characters, escapes and codes
    "a.b", r"\.", r"a\/b", r"\x41", r"\x{62}", r"\x", r"\o{101}", r"\101", r"\01", r"\0", r"\cA", r"\ca", r"\e", r"\a",
    r"\t\n\f\r|a", r"\Qa.b\E", r"\Qab", r"a\E+", r"\Qab\E+", r"\-\]", r"\_", "a\\\nb",
    # character types
    r"\d+", r"\D", r"\w+", r"\W", r"\s", r"\S+", r"\h", r"\H+", r"\v", r"\V+", r"\R", r"\R+b", r"\N+", r"\C",
    # anchors
    "^a", "a$", "b$", r"\Aa", r"a\z", r"a\Z", r"\bb", r"\B", r"\Bb", "(?m)^b", "(?m)a$", "(?m)^", "(?m)^$", "^$", "$",
    # brackets
    "[abc]+", "[^a]", "[]a]", "[^]a]", "[a-c]+", "[-a]+", "[a-]", r"[\]b]", r"[\d.]", r"[\w-]+", r"[\W\d]", r"[a\-b]+",
    r"[\b]", r"[\n\r]", r"[\x41-\x{5a}]", r"[\cA]", r"[\Q^]\E]+", r"[\Qa-\E]", "[[:alpha:]]+", "[[:^alpha:]]",
    "[^[:alpha:]]", "[[:upper:][:digit:]]", "[[:punct:]]", "[[:space:]]", "[[:word:]]+", "[[:xdigit:]]+",
    "[[:cntrl:]]",
    "[[:blank:]]", "[[:graph:]]+", "[[:print:]]+", "[[:ascii:]]+", "[[:alnum:]_]+", "[[:lower:]]", "(?i)[[:upper:]]+",
    "(?i)[[:^lower:]]+", "[[:<:]]a", "a[[:>:]]", "[[a]", "[a[b]", "[a&&b]", "[+--b]+", "[a~~b]", "[a||b]", r"[\1]",
    r"[\8]", r"[^\H]", "[.a]", "[a.]+",
    # repetition
    "a*", "a+", "a?b", "a*?b", "a+?", "a??b", "a{2}", "a{1,}", "a{1,2}b", "a{,2}", "a{", "a{x}", "{a", "a}",
    "a++b", "a*+a",
    "a?+a", "a{1,2}+a", "a{2}?", "(?U)a+", "(?U)a+?", "(a|b)*", "(?:ab)+", "(a*)*b", "(a|ab)(c|bcd)*", "(?=a)*b",
    # groups and references
    "(a)(b)?", "(?:a)(b)", "(?<n>a)", "(?'n'a)", "(?P<n>a)b", r"(a)\1", r"(a)\g1", r"(a)\g{1}", r"(a)(b)\g{-2}",
    r"(?<n>a)\k<n>", r"(?<n>a)\k'n'", r"(?<n>a)\k{n}", r"(?<n>a)\g{n}", "(?<n>a)(?P=n)", r"(?i)(a)\1", r"(a)|b\1",
    "(?>a+)b", "(?>a|ab)c", "(?#comment)a", "a(?#c)+", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?<=a|bc)b",
    "(?<!a|bc)d", "(a)?(?(1)b|c)", "(?<n>a)?(?(<n>)b|.)", "(?<n>a)?(?(n)b)", "(?n)(a)(?<x>b)", "()", "(|a)b", "a|",
    "|a",
    # options
    "(?i)AB", "a(?i)B", "(a(?i)b|B)", "(?i:A)b", "(?-i)a", "(?i)a(?-i)b", "((?i)a)b", "(?s).+", "(?-s).+", "(?s-i:.)+",
    "(?x) a b # c\n", r"(?x)a\ b", "(?x)[a b]+", "(?xx)[a b]+", "(?x: a )b", "(?^)a", "(?i)(?^:A)", "(?i-s)A.", "(?)a",
]  # fmt: skip


def _ours(pattern: str, subject: str, options: str) -> pcre2.Spans | None:
    """Where we find it; pattern and subject are octets, written as Latin-1."""
    match = compile_pcre(_text(pattern), options, defaults="").search(_text(subject))
    return None if match is None else tuple(match.span(group) for group in range(match.re.groups + 1))


def _text(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("pattern", MEANT_ALIKE)
def test_meant_alike(pattern: str) -> None:
    for options in ("", "i", "sD", "m"):
        for subject in SUBJECTS:
            assert _ours(pattern, subject, options) == pcre2.search(pattern, subject, options), (subject, options)


REFUSED = [
    ("(", "missing closing parenthesis"),
    ("a)", "unmatched closing parenthesis"),
    ("*a", "quantifier does not follow a repeatable item"),
    ("a**", "quantifier does not follow a repeatable item"),
    ("^*", "quantifier does not follow a repeatable item"),
    (r"\b+", "quantifier does not follow a repeatable item"),
    ("[a", "missing terminating ]"),
    ("[]", "missing terminating ]"),
    ("[b-a]", "range out of order"),
    (r"[a-\d]", "invalid range"),
    (r"[\d-z]", "invalid range"),
    ("[[:nope:]]", "unknown POSIX class name"),
    ("[[.a.]]", "POSIX collating elements are not supported"),
    ("[:alpha:]", "only within a class"),
    (r"[\R]", r"escape sequence \R is invalid"),
    ("a{3,2}", "numbers out of order"),
    ("a{65536}", "number too big"),
    ("\\", r"\ at end of pattern"),
    (r"\i", r"unrecognized character follows \ "[:-1]),
    (r"\L", r"unrecognized character follows \ "[:-1]),
    (r"\x{100}", "too large"),
    (r"\777", "too large"),
    (r"\x{", "not followed by digits"),
    (r"\c", "printable ASCII"),
    (r"\1", "has no equal"),
    ("(?<1>a)", "name"),
    ("(?<=a*)b", "has no equal"),
    ("(?(1)a|b|c)", "more than two branches"),
    ("(?y)", "option (?y)"),
    ("(?^-i)", "invalid hyphen"),
    ("(?#a", "missing ) after"),
    (r"\N{U+41}", "named character"),
    (r"\g<1>", "recursion is not supported"),
]


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_refused_by_both(pattern: str, reason: str) -> None:
    with pytest.raises(pcre2.PatternError):
        pcre2.search(pattern, "")
    with pytest.raises(ConfigError, match=re.escape(reason)):
        compile_pcre(pattern)


def test_apaches_defaults() -> None:
    assert compile_pcre("a.b$").search("a\nb")
    assert not compile_pcre("b$").search("ab\n")
    assert compile_pcre("b$", defaults="").search("ab\n")
    assert compile_pcre("A", "i").search("a")
    assert compile_pcre("A", re.IGNORECASE).search("a")
    assert compile_pcre("é+").search("éé")
    assert not compile_pcre(r"\w").search("é")


PIECES = ["a", "b", "A", ".", "^", "$", "|", "(", "(", ")", ")", "[ab]", "[^a]", "[a-", "[]a]", r"[a\d]", "[[:alpha:]]",
          "[[:^upper:]]", "[a-c]", "*", "+", "?", "*?", "++", "{2}", "{1,2}", "{,2}", "{2,}", "{", "}", r"\d", r"\w",
          r"\W", r"\s", r"\h", r"\v", r"\R", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\n", "\n", r"\1", r"\2", r"\10",
          r"\01", r"\x41", r"\Qa.\E", r"\Q", r"\E", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i)", "(?i:", "(?-i)",
          "(?s)", "(?m)", "(?x)", " ", "#", "(?n)", "(?U)", "(?<n>", "(?P=n)", "(?#c)", r"\N", r"\H", r"\V", r"\D", "-",
          "]", r"[\]", r"[\w-]", "[-a]", "(?(1)", "(?^)", "[a b]", r"[\Q^]\E]", r"\cA", r"\e", r"\0", r"\8",
          r"\g{-1}", r"\k<n>", r"[\b]", "[[:<:]]", "[[:>:]]"]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join),
    st.sampled_from(SUBJECTS),
    st.sampled_from(["", "i", "s", "m", "x", "sD", "n", "U"]),
)
def test_never_read_in_another_sense(pattern: str, subject: str, options: str) -> None:
    """Whatever we accept, PCRE accepts, and it matches the same."""
    try:
        ours = _ours(pattern, subject, options)
    except ConfigError:
        return
    assert ours == pcre2.search(pattern, subject, options)
