"""config/regex/engine.py: PCRE2 through the package means the same as PCRE2 itself, within the budget."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import compile_pcre
from mpmserver.config.regex.engine import Engine, LimitExceeded, Spans
from mpmserver.config.regex.guarded import GuardedRegex
from tests.unit.config import pcre2
from tests.unit.config.test_regex import MEANT_ALIKE, PIECES, REFUSED, SUBJECTS

ONLY_PCRE2 = [
    "a(?R)?", r"\((?:[^()]++|(?R))*\)", "(a)(?1)", "(a)(?-1)", "(?<n>a)(?&n)", "(?<n>a)(?P>n)", r"(a)\g<1>",
    "(?|(a)|(b))", "(?|a(b)|(a)b)", "(?C1)a", "(*COMMIT)a", "a(*SKIP)(*F)|b", "a+(*PRUNE)b", "(*UTF)a", "(*CRLF)^a",
    "(?(?=a)b|c)", "(?(DEFINE)(?<x>a))(?&x)b", r"a\Kb", r"a\Kb|c", r"\Ga", r"\G.", r"\X", r"\p{L}", r"\P{L}+",
    "(?J)(?<n>a)(?<n>b)", "(?<n>a)|(?<n>b)", r"(a\1?)", r"(?:(a)\1?)+", "(" * 101 + ")" * 101, r"(?:a\1|(b))+",
    r"(?x)a\Kb # comment",
    r"a\Kb\Q", r"a\Kb\Q.", r"\x{61}\K\x62", r"a\K\C", r"\x\K", r"\101\K", r"[\x61-\x{62}]\K", "(?=a)(*ACCEPT)b", "",
    r"\K", r"(?>a+)\Kb", r"(?<=a)\Kb",
]  # fmt: skip


def _search(pattern: str, subject: str, options: str = "") -> Spans | None:
    return Engine(pattern, frozenset(options)).search(subject.encode("latin-1"))


@pytest.mark.parametrize("pattern", [*MEANT_ALIKE, *ONLY_PCRE2])
def test_the_package_means_what_the_library_means(pattern: str) -> None:
    for options in ("", "i", "sD", "m", "n", "U", "x"):
        for subject in SUBJECTS:
            if pattern.startswith("(*UTF)") and not subject.isascii():
                continue
            try:
                expected = pcre2.search(pattern, subject, options)
            except pcre2.PatternError:
                assert options == "n"
                continue
            assert _search(pattern, subject, options) == expected, (subject, options)


@pytest.mark.parametrize("pattern", ONLY_PCRE2)
def test_what_python_cannot_express_goes_to_pcre2(pattern: str) -> None:
    if pattern == "":
        return
    assert isinstance(compile_pcre(pattern), GuardedRegex)


@pytest.mark.parametrize("pattern", [pattern for pattern, _reason in REFUSED])
def test_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        Engine(pattern, frozenset())


@pytest.mark.parametrize("pattern", [r"\u0061", r"\U", r"\x{", r"\x{100}", r"\L", r"(?:\x{zz})"])
def test_what_the_package_alone_would_take_is_refused(pattern: str) -> None:
    with pytest.raises(pcre2.PatternError):
        pcre2.search(pattern, "")
    with pytest.raises(ConfigError):
        compile_pcre(pattern)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES, "(?R)", "(?1)", r"\K", "(*SKIP)", "(*F)", r"\C", r"\x"]), max_size=7)
    .map("".join),
    st.sampled_from(SUBJECTS),
    st.sampled_from(["", "i", "s", "m", "x", "sD", "n", "U"]),
)
def test_any_pattern_means_what_the_library_means(pattern: str, subject: str, options: str) -> None:
    try:
        expected = pcre2.search(pattern, subject, options)
    except pcre2.PatternError:
        return
    try:
        ours = _search(pattern, subject, options)
    except ConfigError:
        assert "\\x{" in pattern or "\\C" in pattern
        return
    assert ours == expected


def test_text_that_is_not_utf_8_is_no_match_for_utf_patterns() -> None:
    assert _search("(*UTF)a", "a\xe9") is None
    assert _search("(*UTF)^.$", "\xc3\xa9") == ((0, 2),)


def test_a_limit_in_the_pattern_lowers_ours() -> None:
    with pytest.raises(LimitExceeded):
        _search("(*LIMIT_MATCH=10)^(a+)+$", "a" * 50 + "b")
    with pytest.raises(LimitExceeded):
        _search("(*LIMIT_MATCH=4000000000)^(a+)+$", "a" * 50 + "b")


LONG = ["a" * 8190, "a" * 8189 + "!", "ab" * 4095, "a=b&" * 2047, "(" * 8190, "/" * 8190, "a b " * 2047, "\xe9" * 8190]

EVIL = [
    "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "(a+)+b", "^(.*a){20}$", "(x+x+)+y", "^(?:(a+)|b)*\\1c$",
    "(.*)(.*)(.*)(.*)(.*)[yz]", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(?:a?){50}a{50}[bc]", "(?=[ab]*+[cd])a",
    "(?:(?=[ab]*+.)a|(?=.*+)[ab])*[xy]", r"(\w+\s?)+[!?]$", "^(?:a?a?a?a?)*$", r"(a{1,4000})\1[bc]", "[ab]*+[cd]",
    "(?:[ab]{4000}[xy])?[cd]", "a(?R)*[xy]", r"\(((?R)|a)*\)[xy]", "(a+)+(*F)", "(*UTF)(a+)+b[xy]", "(?:a+)+[bc]\\K",
    "((((((((((a+)*)*)*)*)*)*)*)*)*)*[xy]", "(?:.|a|b)*(?:.|[ab])*[yz]", "(?i)(a+)+$[xy]", "^(?>(?:a|b)+)+[xy]",
    "(?:(?!x).)*(?:(?!y).)*[xz]", "(?s)(?=(.*))(?:(?<=a).)*[xz]", "(?:.*.*.*=)+;", "([^/]*/?)+[xy]$",
    "(.+)+[^a-z/=&(]$",
    "(a?){1000}[xy]", "(a{1,60}){1,60}[xy]", "((a{1,9}){1,9}){1,9}[xy]", "(?:(a|b){1,30}){2,30}[xy]",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EVIL)
def test_no_match_takes_long(pattern: str) -> None:
    """The stated bound is a tenth of a second; the ceiling is for machines that are slow or busy."""
    regex = compile_pcre(pattern)
    for text in LONG:
        for length in (8190, 700, 120, 30):
            subject = text[:length].encode("latin-1").decode("utf-8", "surrogateescape")
            began = time.thread_time()
            regex.search(subject)
            assert time.thread_time() - began < 0.5, (length, text[:8])


NASTY = ["a", "b", "[ab]", "[^c]", ".", "a*", "a+", "[ab]*", ".*", ".+?", "(", ")", "(?:", ")*", ")+", ")?", ")*?",
         "){1,20}", "){2,}", "|", "(?=", "(?!", "(?>", "(?<=a)", "\\1", "{2,40}", "++", "?", "[xy]", "\\w+", "(?R)",
         "(?1)", "(*SKIP)", "\\K", "(?(1)a|b)"]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(NASTY), min_size=2, max_size=12).map("".join), st.sampled_from(["", "[xy]", "$", "z"]))
def test_no_match_of_any_pattern_takes_long(pattern: str, end: str) -> None:
    try:
        regex = compile_pcre(pattern + end)
    except ConfigError:
        return
    for subject in ("a" * 8190, "ab" * 4095, "a b " * 2047, "a" * 300):
        began = time.thread_time()
        regex.search(subject)
        assert time.thread_time() - began < 0.5


def test_exponential_patterns_are_given_up_and_say_so() -> None:
    engine = Engine("^(a+)+$", frozenset("sD"))
    assert engine.search(b"a" * 8190) == ((0, 8190), (0, 8190))
    with pytest.raises(LimitExceeded):
        engine.search(b"a" * 40 + b"!")
