"""Tokens to a tree, by the grammar of Apache's manual (expr.html), with the messages of Apache's parser.

A recursive descent that behaves as an LALR parser does where that can be seen: a token is looked at as late as
possible, and what was expected in its place is told only where there were at most four possibilities. Mistakes of
another kind (a function that does not exist) do not end the parse; the last of them is told, behind the syntax error
if there is one.

    expr    ::= and { "||" and }         and  ::= not { "&&" not }        not ::= "!" not | primary
    primary ::= true | false | "(" expr ")" | unary word | word ...       word ::= part { "." part }
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol, TypeVar

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex import Regex
from mpmserver.core.expr.lexer import END, Lexer, Token
from mpmserver.core.expr.tree import (
    And,
    BackReference,
    Binary,
    Call,
    Compare,
    Concat,
    Constant,
    Digits,
    In,
    Matches,
    Node,
    Not,
    Or,
    Text,
    Unary,
    Variable,
    Word,
)

T = TypeVar("T", Node, Word)
_STRING_PARTS = ("T_STRING", "T_REGEX_BACKREF", "T_VAR_BEGIN")
_COMPARISONS = frozenset({
    "T_OP_EQ", "T_OP_NE", "T_OP_LT", "T_OP_LE", "T_OP_GT", "T_OP_GE",
    "T_OP_STR_EQ", "T_OP_STR_NE", "T_OP_STR_LT", "T_OP_STR_LE", "T_OP_STR_GT", "T_OP_STR_GE",
})  # fmt: skip
_IN_BRACKETS = ("T_OP_OR", "T_OP_AND", "')'")


class Vocabulary(Protocol):
    """What names mean: each method answers with the complaint about a name, None where it may be used."""

    def regex(self, pattern: str, flags: str) -> Regex:
        """A compiled expression; raises ConfigError where there is none to be had."""

    def variable(self, name: str) -> str | None:
        """%{name}, in capitals."""

    def function(self, name: str) -> str | None:
        """name(...), as written."""

    def unary(self, name: str, argument: Word) -> tuple[Any, str | None]:
        """-x argument: what is to be made of a constant argument, and the complaint."""

    def binary(self, name: str, argument: Word) -> tuple[Any, str | None]:
        """... -name argument."""


class _SyntaxError(Exception):
    """Ends the parse; `reason` is None where the last complaint says it all."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_condition(text: str, vocabulary: Vocabulary) -> Node:
    """The tree of a condition; raises ConfigError with the reason of Apache's parser."""
    return _Parser(Lexer(text, is_string=False), vocabulary).run(_Parser.expression)


def parse_string(text: str, vocabulary: Vocabulary) -> Word:
    """The tree of a string expression; raises ConfigError with the reason of Apache's parser."""
    if not text:
        return Text("")  # the grammar has no such thing, but Apache never asks it
    return _Parser(Lexer(text, is_string=True), vocabulary).run(_Parser.whole_string)


class _Parser:
    """One parse. The methods are the rules of the grammar; each is called with its first token not yet taken."""

    __slots__ = ("_complaint", "_peeked", "_tokens", "_vocabulary")

    def __init__(self, lexer: Lexer, vocabulary: Vocabulary) -> None:
        self._tokens: Iterator[Token] = lexer.tokens()
        self._peeked: Token | None = None
        self._vocabulary = vocabulary
        self._complaint: str | None = None

    def run(self, rule: Callable[[_Parser], T]) -> T:
        """Parse it all by one rule."""
        try:
            tree = rule(self)
            self._take(END)
        except _SyntaxError as error:
            raise ConfigError(": ".join(part for part in (error.reason, self._complaint) if part is not None)) from None
        if self._complaint is not None:
            raise ConfigError(self._complaint)
        return tree

    # Tokens

    def _peek(self) -> str:
        if self._peeked is None:
            self._peeked = next(self._tokens)
            if self._peeked.kind == "T_ERROR":
                self._complaint = self._peeked.text
        return self._peeked.kind

    def _take(self, *expected: str) -> Token:
        """The next token, which must be one of `expected`."""
        if self._peek() not in expected:
            self._unexpected(*expected)
        token, self._peeked = self._peeked, None
        assert token is not None
        return token

    def _unexpected(self, *expected: str) -> NoReturn:
        reason = f"syntax error, unexpected {self._peek()}"
        if 0 < len(expected) <= 4:
            reason += f", expecting {' or '.join(expected)}"
        raise _SyntaxError(reason)

    def _complain(self, complaint: str | None) -> None:
        if complaint is not None:
            self._complaint = complaint

    # Conditions

    def expression(self) -> Node:
        left = self._conjunction()
        while self._peek() == "T_OP_OR":
            self._take("T_OP_OR")
            left = Or(left, self._conjunction())
        return left

    def _conjunction(self) -> Node:
        left = self._negation()
        while self._peek() == "T_OP_AND":
            self._take("T_OP_AND")
            left = And(left, self._negation())
        return left

    def _negation(self) -> Node:
        if self._peek() == "T_OP_NOT":
            self._take("T_OP_NOT")
            return Not(self._negation())
        return self._primary()

    def _primary(self) -> Node:
        kind = self._peek()
        if kind == "T_ERROR":
            raise _SyntaxError(None)
        if kind in ("T_TRUE", "T_FALSE"):
            self._take(kind)
            return Constant(kind == "T_TRUE")
        if kind == "'('":
            self._take(kind)
            inner = self.expression()
            self._take(*_IN_BRACKETS)
            return inner
        if kind == "T_OP_UNARY":
            name = self._take(kind).text
            word = self._word()
            data, complaint = self._vocabulary.unary(name, word)
            self._complain(complaint)
            return Unary(name, word, data)
        return self._comparison(self._word())

    def _comparison(self, left: Word) -> Node:
        """What follows a condition's first word."""
        kind = self._peek()
        if kind in _COMPARISONS:
            self._take(kind)
            return Compare(kind, left, self._word())
        if kind == "T_OP_BINARY":
            name = self._take(kind).text
            right = self._word()
            data, complaint = self._vocabulary.binary(name, right)
            self._complain(complaint)
            return Binary(name.lower(), left, right, data)
        if kind == "T_OP_IN":
            self._take(kind)
            return In(left, self._list())
        if kind in ("T_OP_REG", "T_OP_NRE"):
            self._take(kind)
            return Matches(left, self._regex(), kind == "T_OP_NRE")
        return self._unexpected()

    def _list(self) -> tuple[Word, ...]:
        token = self._take("T_ID", "'{'")
        if token.kind == "T_ID":
            self._take("'('")
            self._argument()
            self._complain(f"List-returning function '{token.text}' does not exist")
            return ()
        members = [self._word()]
        while self._take("'}'", "','").kind == "','":
            members.append(self._word())
        return tuple(members)

    def _regex(self) -> Regex:
        token = self._take("T_REGEX", "T_REGEX_I")
        try:
            return self._vocabulary.regex(token.text, "i" if token.kind == "T_REGEX_I" else "")
        except ConfigError:
            raise _SyntaxError("Failed to compile regular expression") from None

    # Words

    def _word(self) -> Word:
        parts = [self._part()]
        while self._peek() == "T_OP_CONCAT":
            self._take("T_OP_CONCAT")
            parts.append(self._part())
        word = parts.pop()
        while parts:
            word = Concat(parts.pop(), word)
        return word

    def _part(self) -> Word:
        kind = self._peek()
        if kind == "T_DIGIT":
            return Digits(self._take(kind).text)
        if kind == "T_STR_BEGIN":
            return self._quoted()
        if kind == "T_ID":
            name = self._take(kind).text
            self._take("'('")
            argument = self._argument()
            self._complain(self._vocabulary.function(name))
            return Call(name.lower(), argument, name)
        if kind in ("T_VAR_BEGIN", "T_REGEX_BACKREF"):
            return self._string_part()
        return self._unexpected()

    def _argument(self) -> Word:
        """What stands in a function's brackets, and the closing one."""
        word = self._word()
        self._take("T_OP_CONCAT", "')'")
        return word

    def _quoted(self) -> Word:
        self._take("T_STR_BEGIN")
        kind = self._peek()
        if kind == "T_STR_END":
            self._take(kind)
            return Text("")
        if kind == "T_ERROR":
            raise _SyntaxError(None)
        word = self._string_part()
        return self._rest_of_string(word, "T_STRING", "T_REGEX_BACKREF", "T_STR_END", "T_VAR_BEGIN")

    def _rest_of_string(self, word: Word, *expected: str) -> Word:
        """The parts behind the first, to the token that ends the string."""
        while True:
            if self._peek() not in expected:
                self._unexpected(*expected)
            if self._peek() not in _STRING_PARTS:
                self._take(*expected)
                return word
            word = Concat(word, self._string_part())

    def whole_string(self) -> Word:
        """A string expression."""
        word = self._first_part()
        while self._peek() in _STRING_PARTS:
            word = Concat(word, self._string_part())
        return word

    def _first_part(self) -> Word:
        if self._peek() == "T_ERROR":
            raise _SyntaxError(None)
        if self._peek() not in _STRING_PARTS:
            self._unexpected("T_ERROR", *_STRING_PARTS)
        return self._string_part()

    def _string_part(self) -> Word:
        kind = self._peek()
        if kind == "T_STRING":
            return Text(self._take(kind).text)
        if kind == "T_REGEX_BACKREF":
            return BackReference(int(self._take(kind).text))
        if kind == "T_VAR_BEGIN":
            return self._variable()
        return self._unexpected()

    def _variable(self) -> Word:
        """%{NAME} or %{function:argument}."""
        self._take("T_VAR_BEGIN")
        name = self._take("T_ID").text
        if self._take("T_VAR_END", "':'").kind == "T_VAR_END":
            complaint = self._vocabulary.variable(name.upper())
            self._complain(f"Variable '{name}' does not exist" if complaint is not None else None)
            return Variable(name.upper())
        word = self._first_part()
        word = self._rest_of_string(word, "T_STRING", "T_REGEX_BACKREF", "T_VAR_BEGIN", "T_VAR_END")
        self._complain(self._vocabulary.function(name))
        return Call(name.lower(), word, name)
