"""Trees to functions: each node becomes one function of a `Run`, made when the configuration is read.

Words are evaluated in Apache's order, which can be seen where two of them fail: the last failure is told. Of a
comparison the right word comes first, of a list the last. What is more than 20 levels deep fails. A regular
expression with groups sets what $0 to $9 stand for, one that fails clears it; one without groups leaves them alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from mpmserver.config.numbers import atol
from mpmserver.config.regex import Regex
from mpmserver.core.expr.functions import FUNCTIONS
from mpmserver.core.expr.operators import BINARY, UNARY
from mpmserver.core.expr.run import Run, octets
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
from mpmserver.core.expr.variables import VARIABLES

Say = Callable[[Run], str]
Test = Callable[[Run], bool]

MOST_LEVELS = 20
"""How deep in the tree a word may be."""


_COMPARISONS: dict[str, tuple[Callable[[str], Any] | None, Callable[[Any, Any], bool]]] = {
    "T_OP_EQ": (atol, operator.eq),
    "T_OP_NE": (atol, operator.ne),
    "T_OP_LT": (atol, operator.lt),
    "T_OP_LE": (atol, operator.le),
    "T_OP_GT": (atol, operator.gt),
    "T_OP_GE": (atol, operator.ge),
    "T_OP_STR_EQ": (None, operator.eq),
    "T_OP_STR_NE": (None, operator.ne),
    "T_OP_STR_LT": (octets, operator.lt),
    "T_OP_STR_LE": (octets, operator.le),
    "T_OP_STR_GT": (octets, operator.gt),
    "T_OP_STR_GE": (octets, operator.ge),
}
"""What is compared of two texts, None for the texts themselves, and how."""


def compile_word(word: Word, level: int = 1) -> Say:
    """The function that says a word's text; `level` counts how deep it is in the tree."""
    if level > MOST_LEVELS:
        return _too_deep
    constant = constant_text(word)
    if constant is not None:
        return lambda run: constant
    match word:
        case Variable(name):
            return VARIABLES[name]
        case BackReference(group):
            return lambda run: run.captures.group(group)
        case Call(name, argument):
            function, inner = FUNCTIONS[name], compile_word(argument, level + 1)
            return lambda run: function(run, inner(run))
        case Concat():
            return _joined(word, level + 1)
    raise TypeError(word)


def _too_deep(run: Run) -> str:
    run.failure = "Recursion limit reached"
    return ""


def constant_text(word: Word) -> str | None:
    """A word's text where it is always the same."""
    return word.value if isinstance(word, Text | Digits) else None


def _joined(word: Concat, level: int) -> Say:
    """All parts of a chain at once: from right to left if it has grown to the left, else from left to right."""
    if isinstance(word.left, Concat):
        backwards = [compile_word(part, level) for part in _left_spine(word)]
        return lambda run: "".join([part(run) for part in backwards][::-1])
    parts = [compile_word(part, level) for part in _right_spine(word)]
    return lambda run: "".join([part(run) for part in parts])


def _left_spine(word: Word) -> Iterator[Word]:
    """The parts of ((a b) c) from right to left."""
    while isinstance(word, Concat):
        yield word.right
        word = word.left
    yield word


def _right_spine(word: Word) -> Iterator[Word]:
    """The parts of (a (b c)) from left to right."""
    while isinstance(word, Concat):
        yield word.left
        word = word.right
    yield word


def compile_node(node: Node, level: int = 1) -> Test:
    """The function that says whether a condition holds; `level` counts how deep it is in the tree."""
    inner = level + 1
    match node:
        case Constant(value):
            return lambda run: value
        case Not(operand):
            test = compile_node(operand, level)
            return lambda run: not test(run)
        case And() | Or():
            return _combined(node, level)
        case Compare(kind, left, right):
            fixed = constant_text(right) if inner <= MOST_LEVELS else None
            if fixed is not None:
                return _compared_with(kind, compile_word(left, inner), fixed)
            return _compared(kind, compile_word(left, inner), compile_word(right, inner))
        case In(word, members):
            texts = [constant_text(member) for member in members]
            if None not in texts and inner <= MOST_LEVELS:
                return _one_of(compile_word(word, inner), frozenset(texts))
            return _in_list(compile_word(word, inner), [compile_word(member, inner) for member in reversed(members)])
        case Matches(word, pattern, negate):
            return _matches(compile_word(word, inner), pattern, negate)
        case Unary(name, word, data):
            unary, argument = UNARY[name], compile_word(word, inner)
            return lambda run: unary(run, argument(run), data)
        case Binary(name, first, second, data):
            return _binary(name, compile_word(first, inner), compile_word(second, inner), data)
    raise TypeError(node)


def _combined(node: And | Or, level: int) -> Test:
    """A chain of the same connective as one function: the first member that decides ends it.

    Only the last member is no deeper in the tree than the chain.
    """
    *others, last = _members(node)
    tests = [*(compile_node(member, level + 1) for member in others), compile_node(last, level)]
    return _any(tests) if isinstance(node, Or) else _all(tests)


def _any(tests: list[Test]) -> Test:
    def test(run: Run) -> bool:
        for each in tests:  # noqa: SIM110 (a generator for each request is dearer)
            if each(run):
                return True
        return False

    return test


def _all(tests: list[Test]) -> Test:
    def test(run: Run) -> bool:
        for each in tests:  # noqa: SIM110
            if not each(run):
                return False
        return True

    return test


def _members(node: And | Or) -> list[Node]:
    """The members of ((a && b) && c), from left to right."""
    kind = type(node)
    members: list[Node] = []
    rest: Node = node
    while isinstance(rest, And | Or) and type(rest) is kind:
        members.append(rest.right)
        rest = rest.left
    return [rest, *reversed(members)]


def _binary(name: str, left: Say, right: Say, data: Any) -> Test:
    binary = BINARY[name]

    def test(run: Run) -> bool:
        second = right(run)
        return binary(run, left(run), second, data)

    return test


def _compared(kind: str, left: Say, right: Say) -> Test:
    value, compare = _COMPARISONS[kind]

    def test(run: Run) -> bool:
        second = right(run)
        first = left(run)
        return compare(first, second) if value is None else compare(value(first), value(second))

    return test


def _compared_with(kind: str, left: Say, right: str) -> Test:
    """As `_compared`, the right one being always the same."""
    value, compare = _COMPARISONS[kind]
    if value is None:
        return lambda run: compare(left(run), right)
    second = value(right)
    return lambda run: compare(value(left(run)), second)


def _one_of(word: Say, texts: frozenset[str | None]) -> Test:
    return lambda run: word(run) in texts


def _in_list(word: Say, members: list[Say]) -> Test:
    def test(run: Run) -> bool:
        text = word(run)
        return any(member(run) == text for member in members)

    return test


def _matches(word: Say, pattern: Regex, negate: bool) -> Test:
    has_groups = pattern.groups > 0

    def test(run: Run) -> bool:
        match = pattern.search(word(run))
        if has_groups:
            run.captures.match = match
        return (match is None) == negate

    return test
