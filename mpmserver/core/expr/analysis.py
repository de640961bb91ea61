"""What can be said of an expression before any request: which of its names exist, and what evaluating it may take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mpmserver.config.regex import Regex, RegexPolicy, compile_pcre
from mpmserver.core.expr import functions, operators, variables
from mpmserver.core.expr.tree import (
    And,
    Binary,
    Call,
    Compare,
    Concat,
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
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Traits:
    """What evaluating an expression may take, or leave behind."""

    is_async: bool
    """It may take a subrequest, or a name from DNS."""
    is_pure: bool
    """Its outcome depends on nothing but the request's head, the configuration, and the file asked for."""
    asks_user: bool
    """It looks at %{REMOTE_USER}."""
    is_quiet: bool
    """It says nothing in the error log (at levels that are on unless asked for)."""


@dataclass(frozen=True, slots=True)
class ConfiguredVocabulary:
    """The names of this server (`parser.Vocabulary`); `restricted`: no function reads files, as in .htaccess."""

    restricted: bool
    regexes: RegexPolicy

    def regex(self, pattern: str, flags: str) -> Regex:
        return compile_pcre(pattern, flags, policy=self.regexes, defer=self.restricted)

    def variable(self, name: str) -> str | None:
        return None if name in variables.VARIABLES else f"Variable '{name}' does not exist"

    def function(self, name: str) -> str | None:
        key = name.lower()
        if key not in functions.FUNCTIONS:
            return f"Function '{name}' does not exist"
        return f"{key} not available in restricted context" if self.restricted and key in functions.RESTRICTED else None

    def unary(self, name: str, argument: Word) -> tuple[Any, str | None]:
        if name not in operators.UNARY:
            return None, f"Unary operator '-{name}' does not exist"
        return _data(name, argument)

    def binary(self, name: str, argument: Word) -> tuple[Any, str | None]:
        key = name.lower()
        if key not in operators.BINARY:
            return None, f"Binary operator '-{name}' does not exist"
        return _data(key, argument)


def _data(name: str, argument: Word) -> tuple[Any, str | None]:
    """What is made of a constant argument at once: the network of -R and -ipmatch."""
    if name not in operators.NEED_NETWORK:
        return None, None
    if not isinstance(argument, Text):
        return None, f"-{name} requires subnet/netmask as constant argument"
    network = operators.network_of(argument.value)
    return network, "parsing of subnet/netmask failed" if network is None else None


def nodes(tree: Node | Word) -> Iterator[Node | Word]:
    """All nodes of a tree."""
    waiting: list[Node | Word] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _children(node)


def _children(node: Node | Word) -> tuple[Node | Word, ...]:
    match node:
        case Not(operand):
            return (operand,)
        case And(left, right) | Or(left, right) | Concat(left, right):
            return (left, right)
        case Compare(_, left, right) | Binary(_, left, right):
            return (left, right)
        case In(word, members):
            return (word, *members)
        case Matches(word) | Unary(_, word):
            return (word,)
        case Call(_, argument):
            return (argument,)
    return ()


def traits_of(tree: Node | Word) -> Traits:
    """Look at all nodes of a tree."""
    found = list(nodes(tree))
    return Traits(
        is_async=any(map(_waits, found)),
        is_pure=all(map(_node_is_pure, found)),
        asks_user=Variable("REMOTE_USER") in found,
        is_quiet=not any(map(_is_heard, found)),
    )


def _waits(node: Node | Word) -> bool:
    return _asks(node) or _resolves(node) or node == Variable("REMOTE_HOST")


def _resolves(node: Node | Word) -> bool:
    """Whether this may ask DNS for the addresses of a name."""
    if not isinstance(node, Binary) or node.operator != "ipmatch":
        return False
    return not (isinstance(node.left, Variable) and node.left.name in operators.NUMERIC_VARIABLES)


def _asks(node: Node | Word) -> bool:
    return isinstance(node, Unary) and node.operator in operators.ASYNC


def _is_heard(node: Node | Word) -> bool:
    return _asks(node) or (isinstance(node, Call) and node.name in functions.MAY_FAIL)


def _node_is_pure(node: Node | Word) -> bool:
    match node:
        case Variable(name):
            return name in variables.PURE
        case Call(name):
            return name in functions.PURE
        case Unary(name):
            return name in operators.PURE_UNARY
    return not _resolves(node)
