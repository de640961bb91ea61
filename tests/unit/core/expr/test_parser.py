"""The parser: what it takes and refuses, with Apache's messages, and the trees that it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError, escaped
from mpmserver.config.regex import RegexPolicy
from mpmserver.core.expr.analysis import ConfiguredVocabulary, traits_of
from mpmserver.core.expr.parser import parse_condition, parse_string
from mpmserver.core.expr.tree import (
    And,
    BackReference,
    Call,
    Compare,
    Concat,
    Constant,
    Digits,
    In,
    Node,
    Not,
    Or,
    Text,
    Unary,
    Variable,
    Word,
)

ANSWERS = json.loads((Path(__file__).parents[3] / "data" / "expression-messages.json").read_text())
"""What `httpd -t` of Apache 2.4.71 says of each."""
EVERYTHING = ConfiguredVocabulary(restricted=False, regexes=RegexPolicy())
T, F = Constant(True), Constant(False)
URI = Variable("REQUEST_URI")


@pytest.mark.parametrize(("text", "answer"), sorted(ANSWERS["conditions"].items()))
def test_conditions_are_refused_as_apache_does(text: str, answer: str) -> None:
    assert _complaint(lambda: parse_condition(text, EVERYTHING)) == answer


@pytest.mark.parametrize(("text", "answer"), sorted(ANSWERS["strings"].items()))
def test_strings_are_refused_as_apache_does(text: str, answer: str) -> None:
    assert _complaint(lambda: parse_string(text, EVERYTHING)) == answer


def _complaint(parse: object) -> str:
    try:
        parse()  # type: ignore[operator]
    except ConfigError as error:
        return escaped(error.message)
    return "Syntax OK"


@pytest.mark.parametrize(("text", "tree"), [
    ("true", T),
    ("true || false && true", Or(T, And(F, T))),
    ("true && false || true", Or(And(T, F), T)),
    ("true && true && false", And(And(T, T), F)),
    ("! true && false", And(Not(T), F)),
    ("!(true && false)", Not(And(T, F))),
    ("1 -eq 2", Compare("T_OP_EQ", Digits("1"), Digits("2"))),
    ("'a' = $1", Compare("T_OP_STR_EQ", Text("a"), BackReference(1))),
    ("'a' . 'b' . 'c' == ''", Compare("T_OP_STR_EQ", Concat(Text("a"), Concat(Text("b"), Text("c"))), Text(""))),
    ("'a%{request_uri}c' == ''",
     Compare("T_OP_STR_EQ", Concat(Concat(Text("a"), URI), Text("c")), Text(""))),
    ("-n Req('a')", Unary("n", Call("req", Text("a"), "Req"))),
    ("-n %{HTTP:a%{REQUEST_URI}}", Unary("n", Call("http", Concat(Text("a"), URI), "HTTP"))),
    ("1 in { 'a', 2 }", In(Digits("1"), (Text("a"), Digits("2")))),
])  # fmt: skip
def test_trees_of_conditions(text: str, tree: Node) -> None:
    assert parse_condition(text, EVERYTHING) == tree


@pytest.mark.parametrize(("text", "tree"), [
    ("a", Text("a")),
    ("a%{REQUEST_URI}", Concat(Text("a"), URI)),
    ("$0", BackReference(0)),
])  # fmt: skip
def test_trees_of_strings(text: str, tree: Word) -> None:
    assert parse_string(text, EVERYTHING) == tree


@pytest.mark.parametrize(("text", "complaint"), [
    ("file('/x') == 'y'", "file not available in restricted context"),
    ("FileSize('/x') -eq 0", "filesize not available in restricted context"),
    ("-e '/x' && -s '/x' && -F '/x'", "Syntax OK"),
])  # fmt: skip
def test_functions_that_read_files_may_not_stand_in_htaccess(text: str, complaint: str) -> None:
    in_htaccess = ConfiguredVocabulary(restricted=True, regexes=RegexPolicy())
    assert _complaint(lambda: parse_condition(text, in_htaccess)) == complaint


@pytest.mark.parametrize(("text", "is_async", "is_pure", "asks_user", "is_quiet"), [
    ("%{REQUEST_URI} == 'x' && req('a') =~ /b/", False, True, False, True),
    ("%{REMOTE_ADDR} == 'x'", False, False, False, True),
    ("%{TIME} -gt 1", False, False, False, True),
    ("-n %{REMOTE_USER}", False, True, True, True),
    ("-U '/x' || true", True, False, False, False),
    ("! -F '/x'", True, False, False, False),
    ("%{REMOTE_HOST} == 'x'", True, False, False, True),
    ("%{REMOTE_ADDR} -ipmatch '10'", False, False, False, True),
    ("%{HTTP:X} -ipmatch '10'", True, False, False, True),
    ("'x' in { file('/x') }", False, True, False, False),
    ("-e '/x'", False, True, False, True),
])  # fmt: skip
def test_what_evaluating_may_take(text: str, is_async: bool, is_pure: bool, asks_user: bool, is_quiet: bool) -> None:
    traits = traits_of(parse_condition(text, EVERYTHING))
    assert (traits.is_async, traits.is_pure, traits.asks_user, traits.is_quiet) == (
        is_async, is_pure, asks_user, is_quiet,
    )  # fmt: skip
