"""The values of Header and RequestHeader: texts with format specifiers in them, or expressions behind `expr=`.

A value is compiled once. What holds no specifier is a constant and is never expanded again; the others are asked for
each answer, on whatever thread makes it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.core.environment import get_variable
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.core.scoreboard import NOT_BUSY, READY, worker_states
from mpmserver.core.settings import Level
from mpmserver.http.text import path_octets

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

EXPRESSION = "expr="
_NOTHING = "(null)"
_SPECIFIER = re.compile(r"%(?:\Z|(?P<percent>%)|(?:\{(?P<argument>[^}]*)\})?(?P<letter>.?))", re.DOTALL)
_ESCAPE = re.compile(r"\\([nrt\\])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}

Item = Callable[["Exchange"], str]


class Value(Protocol):
    """A text that may depend on the request. `constant` is that of one that does not."""

    @property
    def constant(self) -> str | None: ...

    @property
    def is_async(self) -> bool:
        """Whether only `expand_async` may be used."""

    @property
    def is_pure(self) -> bool:
        """Whether it depends on nothing but the request's head and what that leads to."""

    def expand(self, x: Exchange) -> str: ...

    async def expand_async(self, x: Exchange) -> str: ...


class Format:
    """A text with format specifiers: pieces of text, and functions of the request."""

    __slots__ = ("_pieces", "constant", "is_pure")

    is_async = False

    def __init__(self, pieces: list[str | Item], is_pure: bool) -> None:
        self._pieces = tuple(pieces)
        self.constant = "".join(str(piece) for piece in pieces) if all(isinstance(p, str) for p in pieces) else None
        self.is_pure = is_pure

    def expand(self, x: Exchange) -> str:
        """The text for this request."""
        return "".join(piece if isinstance(piece, str) else piece(x) for piece in self._pieces)

    async def expand_async(self, x: Exchange) -> str:
        """As `expand`: nothing here waits."""
        return self.expand(x)


class ExpressionValue:
    """The text of an expression; one that can't be evaluated is logged, and empty."""

    __slots__ = ("_expression", "constant", "is_async", "is_pure")

    def __init__(self, expression: StringExpression) -> None:
        self._expression = expression
        self.constant = None if expression.constant is None else path_octets(expression.constant)
        self.is_async = expression.is_async
        self.is_pure = expression.is_pure

    def expand(self, x: Exchange) -> str:
        """The text for this request, of an expression that waits for nothing."""
        return _evaluated(x, self._expression.evaluate(x))

    async def expand_async(self, x: Exchange) -> str:
        """The text for this request."""
        return _evaluated(x, await self._expression.evaluate_async(x))


def _evaluated(x: Exchange, outcome: tuple[str, str | None]) -> str:
    text, failure = outcome
    if failure is not None:
        x.server.log(Level.ERROR, "headers", f"AH02557: Can't evaluate value expression: {failure}", x)
    return path_octets(text)


def compile_value(build: Build, text: str) -> Value:
    """Compile a value as written; raises ConfigError in mod_headers' words. Texts of fields are octets."""
    if not text.startswith(EXPRESSION):
        return _compile_format(build, path_octets(text))
    try:
        return ExpressionValue(compile_string(build, text[len(EXPRESSION) :]))
    except ConfigError as error:
        build.fail(f"Can't parse value expression : {error.message}")


def _compile_format(build: Build, text: str) -> Format:
    pieces: list[str | Item] = []
    pure = True
    begin = 0
    for match in _SPECIFIER.finditer(text):
        pieces.append(_unescaped(text[begin : match.start()]))
        begin = match.end()
        if match["percent"] or match[0] == "%":
            pieces.append("%")
            continue
        pure = pure and match["letter"] in _PURE
        pieces.append(_item(build, match["letter"], match["argument"]))
    pieces.append(_unescaped(text[begin:]))
    return Format([piece for piece in pieces if piece != ""], pure)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text)


def _item(build: Build, letter: str, argument: str | None) -> Item:
    """The function for one specifier; an open brace that nothing closes, or one at the end, is no specifier."""
    make = _SPECIFIERS.get(letter)
    if make is None:
        build.fail(f"Unrecognized header format %{'' if letter == '{' else letter}")
    return make(argument or "")


def _received(x: Exchange) -> str:
    return f"t={int(x.request_time * 1_000_000)}"


def _elapsed(x: Exchange) -> str:
    return f"D={max(0, int((time.time() - x.request_time) * 1_000_000))}"


def _load(x: Exchange) -> str:
    return "l=" + "/".join(f"{average:.2f}" for average in os.getloadavg())


def _workers(x: Exchange) -> tuple[int, int]:
    """How many percent of the workers wait, and how many work. (ap_get_sload)"""
    child = x.world.child
    ready = busy = 0
    if child is not None:
        board = child.scoreboard
        threads = child.mpm.geometry(child.site.configuration).threads
        for view in board.processes_view():
            if view["pid"] and not view["quiescing"]:
                states = worker_states(board.statuses(view.slot), threads)
                ready += states.count(READY)
                busy += sum(state not in NOT_BUSY for state in states)
    workers = ready + busy
    return (ready * 100 // workers, busy * 100 // workers) if workers else (0, 0)


def _variable(name: str) -> Item:
    def value(x: Exchange) -> str:
        found = get_variable(x.env, name)
        return _NOTHING if found is None else path_octets(found.replace("\n", " "))

    return value


def _tls_variable(name: str) -> Item:
    """%{...}s is mod_ssl's to answer, and without it there is nothing."""
    return lambda x: _NOTHING


_SPECIFIERS: Final[Mapping[str, Callable[[str], Item]]] = {
    "t": lambda argument: _received,
    "D": lambda argument: _elapsed,
    "l": lambda argument: _load,
    "i": lambda argument: lambda x: f"i={_workers(x)[0]}",
    "b": lambda argument: lambda x: f"b={_workers(x)[1]}",
    "e": _variable,
    "s": _tls_variable,
}
_PURE: Final = frozenset("es")
