"""An expression's text to tokens, with the names that Apache's messages have for them.

The lexer has a stack of places, as the text has: the expression itself, a string in quotes, the name of a variable
(behind "%{"), the argument of a function (behind its colon). A string expression (`ErrorDocument 404 "..."`) is
one string from the start. Where nothing fits the last token is T_ERROR, with the reason as its text.

Tokens are made one at a time, as the parser asks for them: which mistake is reported depends on who sees it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from mpmserver.config.errors import ConfigError
from mpmserver.records import dataclass

END: Final = "$end"
UNTERMINATED = "Unterminated string or variable"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its name as messages call it, and its text where it has one."""

    kind: str
    text: str = ""


class _Place(Enum):
    EXPRESSION = auto()
    STRING = auto()
    NAME = auto()
    ARGUMENT = auto()


_WORDS = {
    "true": "T_TRUE", "false": "T_FALSE", "and": "T_OP_AND", "or": "T_OP_OR", "not": "T_OP_NOT", "in": "T_OP_IN",
    "eq": "T_OP_EQ", "ne": "T_OP_NE", "lt": "T_OP_LT", "le": "T_OP_LE", "gt": "T_OP_GT", "ge": "T_OP_GE",
}  # fmt: skip
_SIGNS = {
    "||": "T_OP_OR", "&&": "T_OP_AND", "=~": "T_OP_REG", "!~": "T_OP_NRE", "==": "T_OP_STR_EQ", "=": "T_OP_STR_EQ",
    "!=": "T_OP_STR_NE", "<=": "T_OP_STR_LE", ">=": "T_OP_STR_GE", "<": "T_OP_STR_LT", ">": "T_OP_STR_GT",
    "!": "T_OP_NOT", ".": "T_OP_CONCAT",
}  # fmt: skip
_DASHED = frozenset({"in", "eq", "ne", "lt", "le", "gt", "ge"})
"""Words that mean the same with a dash before them."""
_DELIMITERS = "-/#$%^|?!'\",;:._"
_PLAIN = {
    _Place.STRING: re.compile(r"""[^\\$%"']+""", re.DOTALL),
    _Place.ARGUMENT: re.compile(r"""[^\\$%"'}]+""", re.DOTALL),
}
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\n]+)
    | (?P<quote>["'])
    | (?P<variable>%\{{)
    | \$(?P<reference>[0-9])
    | (?P<digits>-?[0-9]+)
    | -(?P<option>[A-Za-z][A-Za-z0-9_]*)
    | (?P<regex>/|m[{re.escape(_DELIMITERS)}](?<!_)|m_(?![A-Za-z0-9_]))
    | (?P<word>[A-Za-z][A-Za-z0-9_]*)
    | (?P<sign>\|\||&&|[=!]~|[=!<>]=|[=!<>.])
    | (?P<bracket>[(){{}},:])
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<colon>:)|(?P<close>\})")
_ESCAPE = re.compile(r"\\(?:(?P<digits>[0-9]+)|(?P<letter>.))", re.DOTALL)
_OCTAL = re.compile(r"[0-7]{1,3}")
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Failure(Exception):
    """What the text can't be: becomes the text of T_ERROR."""


class Lexer:
    """The tokens of one expression; `is_string` for one that is a text and no condition."""

    __slots__ = ("_at", "_places", "_quotes", "_text")

    def __init__(self, text: str, is_string: bool) -> None:
        self._text = text
        self._at = 0
        self._places = [_Place.STRING if is_string else _Place.EXPRESSION]
        self._quotes: list[str] = [""] if is_string else []

    def tokens(self) -> Iterator[Token]:
        """All tokens, $end or T_ERROR being the last."""
        try:
            while (token := self._next()) is not None:
                yield token
        except Failure as failure:
            yield Token("T_ERROR", str(failure))
            return
        yield Token(END)

    def _next(self) -> Token | None:
        place = self._places[-1]
        if place is _Place.EXPRESSION:
            return self._expression()
        if place is _Place.NAME:
            return self._name()
        return self._string(place)

    def _expression(self) -> Token | None:
        match = _TOKEN.match(self._text, self._at)
        if match is not None and match.lastgroup == "space":
            self._at = match.end()
            match = _TOKEN.match(self._text, self._at)
        if self._at == len(self._text):
            return None
        if match is None:
            raise Failure(f"Parse error near '{_first_octet(self._text[self._at])}'")
        self._at = match.end()
        kind = match.lastgroup or ""
        return self._token(kind, match[kind])

    def _token(self, kind: str, text: str) -> Token | None:
        match kind:
            case "quote":
                self._places.append(_Place.STRING)
                self._quotes.append(text)
                return Token("T_STR_BEGIN")
            case "variable":
                return self._open_variable()
            case "reference":
                return Token("T_REGEX_BACKREF", text)
            case "digits":
                return Token("T_DIGIT", text)
            case "option":
                return _option(text)
            case "regex":
                return self._regex(text[-1])
            case "word":
                return Token(_WORDS.get(text, "T_ID"), text)
            case "sign":
                return Token(_SIGNS[text])
        return Token(f"'{text}'")

    def _regex(self, delimiter: str) -> Token | None:
        """A regular expression goes to the next delimiter, which nothing protects; without one the text is over."""
        end = self._text.find(delimiter, self._at)
        if end < 0:
            self._at = len(self._text)
            return None
        pattern = self._text[self._at : end]
        self._at = end + 1
        if self._text.startswith("i", self._at):
            self._at += 1
            return Token("T_REGEX_I", pattern)
        return Token("T_REGEX", pattern)

    def _open_variable(self) -> Token:
        self._places.append(_Place.NAME)
        return Token("T_VAR_BEGIN")

    def _name(self) -> Token:
        """What stands between "%{" and "}" or ":"."""
        if self._at == len(self._text):
            raise Failure(UNTERMINATED)
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise Failure(f"Invalid character in variable name '{_first_octet(self._text[self._at])}'")
        self._at = match.end()
        if match.lastgroup == "name":
            return Token("T_ID", match[0])
        if match.lastgroup == "colon":
            self._places[-1] = _Place.ARGUMENT
            return Token("':'")
        self._places.pop()
        return Token("T_VAR_END")

    def _string(self, place: _Place) -> Token | None:
        """A string's next piece; or what ends it, or stands in it: a variable, a back-reference."""
        pieces: list[str] = []
        while self._at < len(self._text):
            character = self._text[self._at]
            special = self._special(place, character)
            if special is not None:
                kind, length = special
                if pieces:
                    return _literal(pieces)
                self._at += length
                return self._marker(kind)
            pieces.append(self._piece(place, character))
        if len(self._places) > 1 or place is _Place.ARGUMENT:
            raise Failure(UNTERMINATED)
        return _literal(pieces) if pieces else None

    def _special(self, place: _Place, character: str) -> tuple[str, int] | None:
        """What begins or ends here that is no text, and its length."""
        text, at = self._text, self._at
        if character == "%" and text.startswith("{", at + 1):
            return "%", 2
        if character == "$" and text[at + 1 : at + 2] in set("0123456789"):
            return "$", 2
        if place is _Place.ARGUMENT and character == "}":
            return "}", 1
        if place is _Place.STRING and character == self._quotes[-1]:
            return character, 1
        return None

    def _marker(self, kind: str) -> Token:
        if kind == "%":
            return self._open_variable()
        if kind == "$":
            return Token("T_REGEX_BACKREF", self._text[self._at - 1])
        self._places.pop()
        if kind == "}":
            return Token("T_VAR_END")
        self._quotes.pop()
        return Token("T_STR_END")

    def _piece(self, place: _Place, character: str) -> str:
        if character == "\\":
            return self._escape()
        if character in "\"'" and place is _Place.ARGUMENT:
            raise ConfigError("a quote in the argument of a function needs a backslash")
        match = _PLAIN[place].match(self._text, self._at)
        piece = character if match is None else match[0]
        self._at += len(piece)
        return piece

    def _escape(self) -> str:
        """What a backslash and the following stand for."""
        match = _ESCAPE.match(self._text, self._at)
        if match is None:
            raise ConfigError("an expression can't end with a backslash")
        self._at = match.end()
        digits = match["digits"]
        if digits is None:
            return _CONTROLS.get(match["letter"], match["letter"])
        if not _OCTAL.fullmatch(digits):
            raise Failure("Bad escape sequence")
        if int(digits, 8) > 0xFF:
            raise Failure("Escape sequence out of bound")
        return bytes([int(digits, 8)]).decode("utf-8", "surrogateescape")


def _option(name: str) -> Token:
    """What begins with a dash: one letter is a unary operator, more a binary one."""
    if name in _DASHED:
        return Token(_WORDS[name])
    return Token("T_OP_UNARY" if len(name) == 1 else "T_OP_BINARY", name)


def _literal(pieces: list[str]) -> Token:
    """A literal's token; it ends at a NUL, and octets that are UTF-8 together are one character."""
    text = "".join(pieces).partition("\0")[0]
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return Token("T_STRING", text)


def _first_octet(character: str) -> str:
    return character.encode("utf-8", "surrogateescape")[:1].decode("utf-8", "surrogateescape")
