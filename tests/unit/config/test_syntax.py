"""config/syntax.py: lines, words and trees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.config.errors import ConfigError, render
from mpmserver.config.node import Node
from mpmserver.config.syntax import MAX_LINE, node_lines, parse_text, quote, raw_lines, take_word, words


def shape(nodes: tuple[Node, ...]) -> list[Any]:
    """Nodes as nested lists with their lines."""
    return [
        [node.name, node.arguments, node.origin.line, *([] if node.children is None else [shape(node.children)])]
        for node in nodes
    ]


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", []),
        ("# only a comment", []),
        ("  Listen\t 80  ", [["Listen", "80", 1]]),
        ("A\nB x y\n\n  C\n", [["A", "", 1], ["B", "x y", 2], ["C", "", 4]]),
        ("A x # no comment", [["A", "x # no comment", 1]]),
        ("A \\\n  b\\\nc\nD", [["A", "b" + "c", 3], ["D", "", 4]]),
        ("A \\\r\n b\r\nC\r\n", [["A", "b", 2], ["C", "", 3]]),
        ("# c \\\nstill comment\nA", [["A", "", 3]]),
        ("A b\\ \nC", [["A", "b\\", 1], ["C", "", 2]]),
        ("A b\\\\\nC", [["A", "b\\C", 2]]),
        ("A b\\", [["A", "b\\", 1]]),
        ("A b\0c\nD", [["A", "b", 1], ["D", "", 2]]),
        ("'A b' c", [["A b", "c", 1]]),
        ('"A"b', [["A", "b", 1]]),
        ("\v\fA\vb", [["A", "b", 1]]),
        ("<D /x>\nA b\n</D>", [["<D", "/x", 1, [["A", "b", 2]]]]),
        ("<D>\n</d>", [["<D", "", 1, []]]),
        ("<D /x> tail\n</D> tail", [["<D", "/x", 1, []]]),
        ("<D a>b >\n</D>", [["<D", "a>b", 1, []]]),
        ("<D> /x>\n</D>", [["<D", "/x", 1, []]]),
        ("<A>\n<B x>\nC\n</B>\n</A>\nD", [["<A", "", 1, [["<B", "x", 2, [["C", "", 3]]]]], ["D", "", 6]]),
        ("<\n</>", [["<", "", 1, []]]),
        ("'' A", []),
        ("A \u00a0b\u2028c\x85", [["A", "\u00a0b\u2028c\x85", 1]]),
    ],
)
def test_parse_text(text: str, tree: list[Any]) -> None:
    assert shape(parse_text(text, "f")) == tree


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("</D>", "x: Syntax error on line 1 of f: </D> without matching <D> section\n"),
        ("\n<D>\n</E>", "x: Syntax error on line 3 of f: Expected </D> but saw </E>\n"),
        ("<D>\n</D", "x: Syntax error on line 2 of f: </D> directive missing closing '>'\n"),
        ("A\n<D>", "x: Syntax error on line 2 of f: f:2: <D> was not closed.\n"),
        ("<D>\n<E>", "x: Syntax error on line 1 of f: f:2: <E> was not closed.\\nf:1: <D> was not closed.\n"),
        ("<D x\n</D>", "AH00526: Syntax error on line 1 of f:\n<D> directive missing closing '>'\n"),
        ("A\nB " + "x" * MAX_LINE, "x: Error reading f at line 2: Line too long\n"),
    ],
    ids=lambda value: value[:20],
)
def test_broken_text(text: str, printed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_text(text, "f")
    assert render(caught.value, "x") == printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", []),
        ("a b", ["a", "b"]),
        ("  a\tb\v", ["a", "b"]),
        ("\"a b\" 'c d'", ["a b", "c d"]),
        ("\"a'b\" 'c\"d'", ["a'b", 'c"d']),
        (r'"a\"b" c', ['a"b', "c"]),
        (r"'a\'b'", ["a'b"]),
        (r"""'a\"b' "c\'d" """, ['a\\"b', "c\\'d"]),
        (r'"a\\" b', ["a\\", "b"]),
        (r"a\\b a\b \"", ["a\\b", "a\\b", '\\"']),
        (r"a\ b", ["a\\", "b"]),
        ('"a b', ["a b"]),
        ('"a\\"', ['a"']),
        ('"a\\', ["a\\"]),
        ("'a b'c", ["a b", "c"]),
        ("a'b c'", ["a'b", "c'"]),
        ("'' x \"\"", ["", "x", ""]),
        ('"', [""]),
        ("#a", ["#a"]),
    ],
)
def test_words(arguments: str, expected: list[str]) -> None:
    assert words(arguments) == expected


@given(st.text(alphabet="ab\"'\\ \t\n\v\f\r\x1c\x1f\x85\xa0\u2028"))
def test_words_are_taken_one_after_the_other(arguments: str) -> None:
    taken, rest = [], arguments
    while rest.strip(" \t\n\v\f\r"):
        word, rest = take_word(rest)
        taken.append(word)
    assert words(arguments) == taken


def test_take_word_leaves_the_rest_as_it_is() -> None:
    assert take_word('  "a b"  c  "d" ') == ("a b", 'c  "d" ')
    assert take_word(" ") == ("", "")


def test_blank_lines_and_comments_are_lines_too() -> None:
    assert [line.text for line in raw_lines("A\n\n # b\nC", "f")] == ["A", "", "# b", "C"]


@pytest.mark.parametrize(
    ("word", "written"), [("a", "a"), ("", '""'), ("a b", '"a b"'), ('a"b', 'a"b'), ("'a", '"\'a"'), ("a\\", '"a\\\\"')]
)
def test_quote(word: str, written: str) -> None:
    assert quote(word) == written


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\0"))))
def test_quote_is_the_inverse_of_words(given_words: list[str]) -> None:
    assert words(" ".join(map(quote, given_words))) == given_words


LINES = st.lists(
    st.sampled_from(["A", "B x", "<D>", "<D /x>", "<E a>b>", "</D>", "</E>", "'", '<"', "<", "</>", "'<X y' z>"])
)


@given(LINES)
def test_lines_of_a_tree_spell_the_tree(chosen: list[str]) -> None:
    try:
        tree = parse_text("\n".join(chosen), "f")
    except ConfigError:
        return
    assert parse_text("\n".join(line.text for line in node_lines(tree)), "g") == tree


@given(st.text(alphabet="<>/ \\\n\"'#Ax\0\r"))
def test_any_text_is_a_tree_or_an_error_with_a_place(text: str) -> None:
    try:
        lines = [node.origin.line for node in parse_text(text, "f")]
    except ConfigError as error:
        lines = [error.origin.line if error.origin else 0]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)
