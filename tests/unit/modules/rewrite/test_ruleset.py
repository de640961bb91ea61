"""Rules of a place together: those that a path may match are found, whatever stands between them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpmserver.config.regex import compile_pcre
from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.rule import Rule
from mpmserver.modules.rewrite.ruleset import RuleSet
from mpmserver.modules.rewrite.settings import RewriteServer
from mpmserver.modules.rewrite.substitution import Template
from tests.unit.modules.kit import USUAL, SiteKit


def rule(pattern: str, flags: int = 0, **more: Template) -> Rule:
    if pattern.startswith("!"):
        pattern, flags = pattern[1:], flags | Flag.NOT_MATCH
    letters = "i" if flags & Flag.NO_CASE else ""
    regex = compile_pcre(pattern, letters)
    return Rule(pattern, regex, flags, (), None, 302, 0, 0, (), (), more.get("mime_type"), more.get("handler"))


def test_many_rules_are_looked_up() -> None:
    rules = RuleSet([rule(f"^term{number}/(.*)$") for number in range(5) for _twice in (1, 2)])
    assert list(rules.candidates("term3/x")) == [6, 7]
    assert list(rules.candidates("term9/x")) == []
    assert list(rules.candidates("")) == []


def test_what_may_always_match_comes_in_between() -> None:
    patterns = ["^old-a", "x$", "^old-b", "!^old-a", "^old-a/b", "^old-c", "^old-d", "^old-e", "^old-f"]
    rules = RuleSet([*map(rule, patterns), rule("^OLD-B", Flag.NO_CASE)])
    assert list(rules.candidates("old-a")) == [0, 1, 3, 4, 9]
    assert list(rules.candidates("old-b")) == [1, 2, 3, 9]
    assert list(rules.candidates("other")) == [1, 3, 9]


def test_no_table_is_made_that_would_help_little() -> None:
    rules = RuleSet(map(rule, ["^a", "b", "c", "d", "^e"]))
    assert list(rules.candidates("x")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("patterns", [["a", "b", "c", "d"], ["^a|^b", "^[a-z]", "(a)", "^(?=b)a"]])
def test_all_may_match_where_nothing_is_known(patterns: list[str]) -> None:
    assert list(RuleSet(map(rule, patterns)).candidates("x")) == [0, 1, 2, 3]


def test_few_and_chained_ones_are_asked_in_turn() -> None:
    many = [rule(f"^b{number}") for number in range(9)]
    assert RuleSet().in_turn
    assert RuleSet(many[:3]).in_turn
    assert not RuleSet(many).in_turn
    assert RuleSet([rule("^a", Flag.CHAIN), *many]).in_turn
    assert RuleSet([*many, rule("^a", Flag.CHAIN)]).in_turn


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab/^$!.", max_size=5), min_size=4, max_size=12),
    st.lists(st.text("ab/", max_size=6), min_size=1, max_size=8),
)
def test_none_is_left_out(patterns: list[str], paths: list[str]) -> None:
    anchored = [f"^{pattern.replace('!', '')}" if number % 3 else pattern for number, pattern in enumerate(patterns)]
    given_rules = list(map(rule, anchored))
    rules = RuleSet(given_rules)
    for path in paths:
        matching = [number for number, one in enumerate(given_rules) if (one.regex.search(path) is None) is one.negated]
        candidates = list(rules.candidates(path))
        assert set(matching) <= set(candidates)
        assert candidates == sorted(set(candidates))


def test_facts() -> None:
    rules = RuleSet([rule("a")])
    assert (rules.forces, rules.waits({}), rules.is_pure({})) == (False, False, True)
    rules.add(rule("b", handler=Template("%{REMOTE_HOST}")))
    assert (rules.forces, rules.waits({}), rules.is_pure({})) == (True, True, False)


LOOKED_UP = """RewriteEngine On
RewriteRule ^/skip$ - [S=2]
RewriteRule ^/passed1 /never [L,R]
RewriteRule ^/skip /never [L,R]
RewriteCond %{QUERY_STRING} nothing
RewriteRule ^/cond /never [L,R]
RewriteRule ^/cond http://a/cond [L,R]
RewriteRule ^/again(.*) /round$1 [N=5]
RewriteRule ^/round http://a/round [L,R]
RewriteRule z$ http://a/z [L,R]
RewriteRule ^/skip http://a/skip [L,R]
"""


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/skip", "http://a/skip"), ("/skipz", "http://localhost/never"), ("/cond", "http://a/cond"),
        ("/again", "http://a/round"), ("/xz", "http://a/z"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("trace", ["", "LogLevel rewrite:trace8\n"])
def test_conditions_skips_and_rounds(tmp_path: Path, path: str, location: str, trace: str) -> None:
    kit = SiteKit(tmp_path, trace + LOOKED_UP, (*USUAL, "rewrite"))
    assert not kit.site.main[RewriteServer].rule_set.in_turn
    found = kit.get(path).headers["Location"]
    assert (found or "").replace(":8080", "") == location
