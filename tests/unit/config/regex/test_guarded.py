"""config/regex: which engine an expression gets, and that text is matched octet by octet, as Apache matches it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import APACHE_OPTIONS, Regex, RegexPolicy, compile_now, compile_pcre
from mpmserver.config.regex.guarded import GuardedRegex, OctetMatch
from tests.unit.config import pcre2
from tests.unit.config.test_regex import PIECES

PLAIN = [
    "^/foo/bar/(.*)$", r"\.(gif|jpe?g|png)$", "^([^/]+)/([^/]+)/?$", r"(.*)\.html$", "Mozilla/[0-9]+", r"(^|/)\.",
    r"^(?!.*\.php$)", "^(?:foo|far)+$", r"MSIE [4-6]\.", "^.*$", "^[A-Z]{3,9} /.*HTTP/", r"^(.*/)?\.(ht|git)",
    r"^index\.php$", "^/(?:[^/]+/)*index\\.php", "bot|crawler|spider", "^[A-F0-9]{32}$", "^$",
    r"^(?:\d{1,3}\.){3}\d{1,3}$", "(?i)^x-forwarded", "^([a-z]{2})(?:-[a-z]{2})?(?:,|;|$)",
]  # fmt: skip


def _at_once(pattern: str) -> Regex:
    return compile_now(pattern, APACHE_OPTIONS, None, False)


@pytest.mark.parametrize("pattern", PLAIN)
def test_usual_expressions_are_pythons(pattern: str) -> None:
    assert isinstance(_at_once(pattern), re.Pattern)


@pytest.mark.parametrize("pattern", ["(.*)foo(.*)bar", "[a-z]+[0-9]+x", "^(a+)+$", "é", "^.$", "[^a]", "a(?R)?", r"\K"])
def test_others_are_guarded(pattern: str) -> None:
    assert isinstance(_at_once(pattern), GuardedRegex)


def _groups(pattern: str, subject: str) -> list[bytes | None] | None:
    match = compile_pcre(pattern).search(subject)
    if match is None:
        return None
    return [None if text is None else text.encode("utf-8", "surrogateescape") for text in (match[0], *match.groups())]


def _expected(pattern: str, subject: str) -> list[bytes | None] | None:
    octets = subject.encode("utf-8", "surrogateescape")
    spans = pcre2.search(pattern.encode().decode("latin-1"), octets.decode("latin-1"), "sD")
    return None if spans is None else [None if begin < 0 else octets[begin:end] for begin, end in spans]


OCTETS = ["é", "[é]", "[^é]", "ü+", ".*", "[^/]+", "/", ".+", "[^a]*?", r"[\x80-\xff]+", r"[^\x80]*", r"\xc3"]


@settings(max_examples=800, deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES, *OCTETS]), max_size=6).map("".join),
    st.lists(st.sampled_from(["é", "ü", "a", "b", "/", "\udcff", "\udcc3", "€", "\n"]), max_size=5).map("".join),
)
def test_text_is_matched_octet_by_octet(pattern: str, subject: str) -> None:
    try:
        expected = _expected(pattern, subject)
    except pcre2.PatternError:
        return
    try:
        assert _groups(pattern, subject) == expected
    except ConfigError:
        assert "(?<" in pattern


@pytest.mark.parametrize("length", [3, 30, 300, 3000])
@pytest.mark.parametrize("pattern", ["(.*)a(.*)b", "([a-z]+)([0-9]+)x?", "(a|b|ab)*c", "(é|a)+b"])
def test_both_engines_answer_alike(pattern: str, length: int) -> None:
    subject = ("aab12é" * length)[:length]
    match = compile_pcre(pattern).search(subject)
    expected = _expected(pattern, subject)
    assert _groups(pattern, subject) == expected
    if match is not None:
        for group in range(len(match.groups()) + 1):
            begin, end = match.span(group)
            assert (match.start(group), match.end(group)) == (begin, end)
            assert begin < 0 or subject[begin:end] == match[group]


def test_a_match_in_octets_is_asked_like_any_other() -> None:
    match = compile_pcre("(?<first>(?:é)+)(?<second>x)?.*").search("aééb")
    assert isinstance(match, OctetMatch)
    assert (match["first"], match["second"], match.group(), match.group(1)) == ("éé", None, "ééb", "éé")
    assert match.groups() == ("éé", None)
    assert (match.span("first"), match.span("second"), match.string, match.re.groups) == ((1, 3), (-1, -1), "aééb", 2)
    for group in (3, -1, "third"):
        with pytest.raises(IndexError):
            match[group]


def test_several_groups_may_have_one_name() -> None:
    regex = compile_pcre("(?<kind>a)x|(?<kind>b)(?<other>y)|(?P<kind>c)")
    found = [match.groupdict() for text in ("ax", "by", "c") if (match := regex.search(text))]
    assert found == [{"kind": "a", "other": None}, {"kind": "b", "other": "y"}, {"kind": "c", "other": None}]
    match = compile_pcre("(?|(?<n>a)|(?<n>b))").search("b")
    assert match is not None
    assert match.groupdict() == {"n": "b"}


def test_giving_up_is_reported_but_not_each_time() -> None:
    said: list[str] = []
    regex = compile_pcre("^(a+)+$", policy=RegexPolicy(report=said.append))
    for _ in range(3):
        assert regex.search("a" * 60 + "!") is None
    assert said == [
        "the regular expression '^(a+)+$' took too long with a text of 61 octets and counts as not matching"
    ]


def test_the_default_options_are_the_policys() -> None:
    policy = RegexPolicy()
    before = compile_pcre("A.$", policy=policy)
    policy.options = frozenset("i")
    after = compile_pcre("A.$", policy=policy)
    assert before.search("A\n")
    assert not before.search("ab")
    assert not after.search("A\n")
    assert after.search("ab\n")
    assert compile_pcre("^(a+)+$", policy=policy).search("AAA\n")
    assert compile_pcre("b.$", "s", policy=policy).search("B\n")
