"""Expressions that are compiled when first asked: those that are right beyond doubt, and what is known of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import APACHE_OPTIONS, Regex, RegexPolicy, compile_now, compile_pcre
from mpmserver.config.regex.deferred import DeferredRegex

SUBJECTS = ("", "a", "ab", "aab", "A", "(a)", "a.b", "ab/1", "^a", "b]", "a|b", "a\nb", "é", "a b", "aa-z")


def later(pattern: str, flags: str = "") -> Regex:
    return compile_pcre(pattern, flags, defer=True)


def at_once(pattern: str, flags: str = "") -> Regex:
    return compile_now(pattern, APACHE_OPTIONS | set(flags), None, False)


@pytest.mark.parametrize(
    ("pattern", "groups", "prefix"),
    [
        ("^term0/(.*)$", 1, "term0/"), (r"^a\.b\-c(?:x|y)+", 0, "a.b-c"), ("^ab?", 0, "a"), (r"^a\.*", 0, "a"),
        ("^ab{3}", 0, "a"), ("abc", 0, ""), ("^a|^b", 0, ""), ("^a(b|c)", 1, "a"), (r"^a[(|)](b)", 1, "a"),
        (r"^a\(b\|(c)", 1, "a(b|"), ("^$", 0, ""), ("", 0, ""), (r"^[a-z]+/\d{4}/([^/]+)/?$", 1, ""),
        ("(a)(?:b)(c)", 2, ""), (r"^a\ b", 0, "a b"),
    ],
)  # fmt: skip
def test_what_is_known(pattern: str, groups: int, prefix: str) -> None:
    found = later(pattern)
    assert isinstance(found, DeferredRegex)
    assert (found.groups, found.prefix) == (groups, prefix)
    assert at_once(pattern).groups == groups


def test_nothing_is_known_of_beginnings_in_either_case() -> None:
    found = later("^abc", "i")
    assert isinstance(found, DeferredRegex)
    assert found.prefix == ""
    assert found.search("ABC") is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)a", "(?=a)", r"(a)\1", "[[:alpha:]]", "[:a:]", "[.a.]", "[z-a]", r"\Qa\E", "a{1,2}", "(a){2}", "é",
        "a++", "(?<n>a)", r"\bword", "[a", "(?#c)", "a" * 1001, "()" * 51,
    ],
)  # fmt: skip
def test_what_must_be_looked_at_now(pattern: str) -> None:
    try:
        assert not isinstance(later(pattern), DeferredRegex)
    except ConfigError:
        with pytest.raises(ConfigError):
            at_once(pattern)


@pytest.mark.parametrize("pattern", ["(a", "a)", "(a))(", "*a", "a|*", "[a", "a\\", "(?", "^*", "(*a)", "[b-a]"])
def test_what_is_wrong_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(ConfigError) as now:
        at_once(pattern)
    with pytest.raises(ConfigError) as deferred:
        later(pattern)
    assert deferred.value.message == now.value.message


def test_it_is_compiled_once_and_then_the_engine_s_own() -> None:
    found = later("^compiled-once$")
    first = found.search
    assert first is found.search
    assert found.search("compiled-once") is not None
    with pytest.raises(AttributeError):
        found.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_equal_ones_are_one_object_but_not_those_of_another_policy_or_with_other_options() -> None:
    policy = RegexPolicy()
    found = compile_pcre("^one-object", policy=policy, defer=True)
    assert compile_pcre("^one-object", policy=policy, defer=True) is found
    assert compile_pcre("^one-object", policy=RegexPolicy(), defer=True) is not found
    assert compile_pcre("^one-object", "i", policy=policy, defer=True) is not found
    assert compile_pcre("^one-object", policy=policy, defer=True, octets=True) is not found


def test_one_that_takes_long_is_guarded_all_the_same() -> None:
    told: list[str] = []
    found = compile_pcre("^(a+)+$", policy=RegexPolicy(report=told.append), defer=True)
    assert isinstance(found, DeferredRegex)
    assert found.search("a" * 100_000 + "b") is None
    assert len(told) == 1


PIECES = st.sampled_from(
    ["a", "b", "^", "$", "(", ")", "(?:", "|", "*", "+", "?", ".", r"\.", r"\(", r"\)", r"\|", r"\]", r"\d", r"\W",
     "[a-z]", "[^b]", "[(|)]", r"[\]a]", "[-a]", "[a-]", "[", "]", "{2}", "{", "-", "[:a:]", "/", "\\", " "]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=9).map("".join), st.sampled_from(["", "i"]))
def test_what_is_deferred_is_what_is_compiled_now(pattern: str, flags: str) -> None:
    try:
        now = at_once(pattern, flags)
    except ConfigError:
        with pytest.raises(ConfigError):
            later(pattern, flags)
        return
    found = later(pattern, flags)
    assert found.groups == now.groups
    prefix = found.prefix if isinstance(found, DeferredRegex) else ""
    for subject in (*SUBJECTS, pattern):
        mine, its = found.search(subject), now.search(subject)
        assert (mine is None) == (its is None)
        if mine is not None and its is not None:
            assert (mine.span(), mine.groups()) == (its.span(), its.groups())
            assert subject.startswith(prefix)
