"""What the parser makes of an expression: words, which have a text, and conditions, which are true or false.

Nodes are values and know nothing of requests; `compiler.py` turns a tree into functions. `data` of an operator
is what was made of its constant argument when the expression was parsed (a network, for -R and -ipmatch).
"""

from __future__ import annotations

from typing import Any

from mpmserver.config.regex import Regex
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Digits:
    """A number; it is the text that it was written as."""

    value: str


@dataclass(frozen=True, slots=True)
class Variable:
    """%{NAME}, in capital letters."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """%{name:argument} or name(argument); the name in small letters, also as it was written."""

    name: str
    argument: Word
    written: str


@dataclass(frozen=True, slots=True)
class BackReference:
    """$0 to $9."""

    group: int


@dataclass(frozen=True, slots=True)
class Concat:
    """Two words in a row."""

    left: Word
    right: Word


Word = Text | Digits | Variable | Call | BackReference | Concat


@dataclass(frozen=True, slots=True)
class Constant:
    """true or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    operand: Node


@dataclass(frozen=True, slots=True)
class And:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Or:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of strings or integers; `operator` is a token's name (T_OP_STR_EQ, T_OP_EQ)."""

    operator: str
    left: Word
    right: Word


@dataclass(frozen=True, slots=True)
class In:
    """Whether a word is one of a list."""

    word: Word
    members: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """=~ and, with `negate`, !~."""

    word: Word
    pattern: Regex
    negate: bool


@dataclass(frozen=True, slots=True)
class Unary:
    """-e word."""

    operator: str
    word: Word
    data: Any = None


@dataclass(frozen=True, slots=True)
class Binary:
    """word -strmatch word; the operator in small letters."""

    operator: str
    left: Word
    right: Word
    data: Any = None


Node = Constant | Not | And | Or | Compare | In | Matches | Unary | Binary
