"""Compiling a log format: text and tokens in a row.

A token is `%`, then in any order a list of statuses (`!400,500`), `<` or `>` (the first or the last request of an
internal redirect) and `{argument}`, and a letter; `%^` begins a token of two more letters. Everything else is text, in
which `\\n`, `\\r`, `\\t` and `\\\\` are escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from mpmserver.core.exchange import Exchange
from mpmserver.modules.log_config.items import FIXED, ITEMS, LONG_ITEMS, ORIGINAL_BY_DEFAULT, Item, ItemFunction

Formatter = Callable[[Exchange], bytes]
_ESCAPE = re.compile(r"\\([nrt\\])")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_TOKEN = re.compile(r"%(?P<flags>(?:[!<>,0-9]|\{[^}]*\})*)(?P<letter>\^..|[^{!<>,0-9])", re.DOTALL)
_FLAGS = re.compile(r"\{(?P<argument>[^}]*)\}|(?P<which>[<>])|(?P<statuses>!?[0-9,]+|!)")
_FIRST: Final = 0
_LAST: Final = 1


class FormatError(ValueError):
    """A format that Apache refuses; the message is Apache's."""


class Token(NamedTuple):
    """One place in a format: an item, which request of the chain it is about, and when it is wanted."""

    item: Item
    about: int
    """_FIRST or _LAST of the chain."""
    statuses: frozenset[int]
    negate: bool

    def of(self, first: Exchange) -> Exchange:
        """The request that it is about."""
        return first if self.about == _FIRST else first.last

    def wanted(self, first: Exchange) -> bool:
        """Whether it is shown for an answer's status; else there is a "-"."""
        return not self.statuses or (first.last.status in self.statuses) != self.negate


class Format(NamedTuple):
    """A compiled format: its texts and tokens, and the function that gives a request's line as bytes."""

    pieces: tuple[str | Token, ...]
    render: Formatter


@lru_cache(maxsize=64)
def compile_format(text: str) -> Format:
    """Return the compiled format; its lines have their newline. Raises FormatError."""
    pieces = (*_pieces(text), "\n")
    return Format(pieces, _renderer(pieces))


def _pieces(text: str) -> Iterator[str | Token]:
    position = 0
    while position < len(text):
        start = text.find("%", position)
        if start != position:
            yield _unescape(text[position : start if start > 0 else len(text)])
        if start < 0:
            return
        match = _TOKEN.match(text, start)
        if match is None:
            raise FormatError("Ran off end of LogFormat parsing args to some directive")
        yield FIXED.get(match["letter"]) or _token(match)
        position = match.end()


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], text)


def _token(match: re.Match[str]) -> Token:
    letter = match["letter"]
    argument, statuses, negate, which = "", frozenset[int](), False, ""
    for flag in _FLAGS.finditer(match["flags"]):
        if flag["argument"] is not None:
            argument = flag["argument"]
        elif flag["which"]:
            which = flag["which"]
        else:
            negate = flag["statuses"].startswith("!") or negate
            statuses |= {int(code) for code in flag["statuses"].lstrip("!").split(",") if code}
    make = LONG_ITEMS.get(letter[1:]) if letter.startswith("^") else ITEMS.get(letter)
    if make is None:
        raise FormatError(f"Unrecognized LogFormat directive %{letter[0]}")
    original = which == "<" or (which != ">" and letter in ORIGINAL_BY_DEFAULT)
    return Token(make(argument), _FIRST if original else _LAST, statuses, negate)


def _renderer(pieces: tuple[str | Token, ...]) -> Formatter:
    """The function that fills a template with what the tokens say."""
    template = "".join([piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in pieces])
    plan = tuple([_planned(piece) for piece in pieces if isinstance(piece, Token)])
    functions = tuple([function for function, _about in plan])

    def render(x: Exchange) -> bytes:
        last = x.last
        if last is x:
            line = template % tuple([function(x) for function in functions])
        else:
            chain = (x, last)
            line = template % tuple([function(chain[about]) for function, about in plan])
        return line.encode("utf-8", "surrogateescape")

    return render


def _planned(token: Token) -> tuple[ItemFunction, int]:
    """What to call for a token's text, and whether with the first or the last request of the chain."""
    function = token.item.render
    if not token.statuses:
        return function, token.about
    return lambda x: function(token.of(x)) if token.wanted(x) else "-", _FIRST
