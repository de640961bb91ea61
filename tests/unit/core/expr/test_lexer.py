"""The lexer: text to tokens."""

from __future__ import annotations

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.expr.lexer import Lexer, Token


def kinds(text: str, is_string: bool = False) -> str:
    return " ".join(token.kind for token in Lexer(text, is_string).tokens())


def token_texts(text: str, is_string: bool = False) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in Lexer(text, is_string).tokens() if token.text]


@pytest.mark.parametrize(("text", "expected"), [
    ("", "$end"),
    (" \t\n", "$end"),
    ("true and !false or not true", "T_TRUE T_OP_AND T_OP_NOT T_FALSE T_OP_OR T_OP_NOT T_TRUE $end"),
    ("TRUE And", "T_ID T_ID $end"),
    ("a_1 -e -strmatch -1 12", "T_ID T_OP_UNARY T_OP_BINARY T_DIGIT T_DIGIT $end"),
    ("-in in -eq eq -ne -lt -le -gt -ge ge", "T_OP_IN T_OP_IN T_OP_EQ T_OP_EQ T_OP_NE T_OP_LT T_OP_LE T_OP_GT T_OP_GE"
     " T_OP_GE $end"),
    ("-EQ -IN", "T_OP_BINARY T_OP_BINARY $end"),
    ("= == != < <= > >= =~ !~ && || .", "T_OP_STR_EQ T_OP_STR_EQ T_OP_STR_NE T_OP_STR_LT T_OP_STR_LE T_OP_STR_GT "
     "T_OP_STR_GE T_OP_REG T_OP_NRE T_OP_AND T_OP_OR T_OP_CONCAT $end"),
    ("( ) { } , :", "'(' ')' '{' '}' ',' ':' $end"),
    ("/x/ /x/i m#x# m#x#i", "T_REGEX T_REGEX_I T_REGEX T_REGEX_I $end"),
    ("m_x_", "T_ID $end"),
    ("m_ x_", "T_REGEX $end"),
    ("/never ends", "$end"),
    ("$1 $12", "T_REGEX_BACKREF T_REGEX_BACKREF T_DIGIT $end"),
    ("'' \"\"", "T_STR_BEGIN T_STR_END T_STR_BEGIN T_STR_END $end"),
    ("'a%{B}c'", "T_STR_BEGIN T_STRING T_VAR_BEGIN T_ID T_VAR_END T_STRING T_STR_END $end"),
    ("%{f:a%{g:$1}}", "T_VAR_BEGIN T_ID ':' T_STRING T_VAR_BEGIN T_ID ':' T_REGEX_BACKREF T_VAR_END T_VAR_END $end"),
    ("'a", "T_STR_BEGIN T_ERROR"),
    ("%{a", "T_VAR_BEGIN T_ID T_ERROR"),
    ("%{f:a", "T_VAR_BEGIN T_ID ':' T_ERROR"),
    ("&", "T_ERROR"),
    ("$x", "T_ERROR"),
])  # fmt: skip
def test_tokens_of_conditions(text: str, expected: str) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("plain 'text' $ %", [("T_STRING", "plain 'text' $ %")]),
    ("a$1b", [("T_STRING", "a"), ("T_REGEX_BACKREF", "1"), ("T_STRING", "b")]),
    (r"\a\n\t\\\$1\%{x}", [("T_STRING", "a\n\t\\$1%{x}")]),
    (r"\101\303\251", [("T_STRING", "Aé")]),
    (r"a\0b", [("T_STRING", "a")]),
    (r"\400", [("T_ERROR", "Escape sequence out of bound")]),
    (r"\18", [("T_ERROR", "Bad escape sequence")]),
    ("%{a}}", [("T_ID", "a"), ("T_STRING", "}")]),
    (r"%{f:\}'}"[:-2] + "}", [("T_ID", "f"), ("T_STRING", "}")]),
])  # fmt: skip
def test_tokens_of_strings(text: str, expected: list[tuple[str, str]]) -> None:
    assert token_texts(text, is_string=True) == expected


@pytest.mark.parametrize("delimiter", "-/#$%^|?!'\",;:.")
def test_a_regular_expression_ends_at_its_delimiter_whatever_precedes_it(delimiter: str) -> None:
    tokens = list(Lexer(f"m{delimiter}a\\{delimiter}i", is_string=False).tokens())
    assert tokens == [Token("T_REGEX_I", "a\\"), Token("$end")]


@pytest.mark.parametrize("delimiter", "&()*+<=>@[]`{}~\\")
def test_other_characters_are_no_delimiters(delimiter: str) -> None:
    assert kinds(f"m{delimiter}").startswith("T_ID")


@pytest.mark.parametrize(("text", "is_string"), [("%{f:a'b}", True), ("'%{f:\"}'", False), ("\\", True)])
def test_what_ends_apache_is_refused(text: str, is_string: bool) -> None:
    with pytest.raises(ConfigError):
        kinds(text, is_string)
