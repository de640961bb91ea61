"""Compiling a log format: text and functions in a row.

A token is `%`, then in any order a list of statuses (`!400,500`), `<` or `>` (the first or the last request of an
internal redirect) and `{argument}`, and a letter; `%^` begins a token of two more letters. Everything else is text, in
which `\\n`, `\\r`, `\\t` and `\\\\` are escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mpmserver.core.exchange import Exchange
from mpmserver.modules.log_config.items import ITEMS, LONG_ITEMS, ORIGINAL_BY_DEFAULT, ItemFunction

Formatter = Callable[[Exchange], bytes]
_ESCAPE = re.compile(r"\\([nrt\\])")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_TOKEN = re.compile(r"%(?P<flags>(?:[!<>,0-9]|\{[^}]*\})*)(?P<letter>\^..|[^{!<>,0-9])", re.DOTALL)
_FLAGS = re.compile(r"\{(?P<argument>[^}]*)\}|(?P<which>[<>])|(?P<statuses>!?[0-9,]+|!)")


class FormatError(ValueError):
    """A format that Apache refuses; the message is Apache's."""


def compile_format(text: str) -> Formatter:
    """Return the function that gives a request's line, with its newline, as bytes. Raises FormatError."""
    pieces: list[str | ItemFunction] = []
    position = 0
    while position < len(text):
        start = text.find("%", position)
        if start != position:
            pieces.append(_unescape(text[position : start if start > 0 else len(text)]))
        if start < 0:
            break
        match = _TOKEN.match(text, start)
        if match is None:
            raise FormatError("Ran off end of LogFormat parsing args to some directive")
        pieces.append(_item(match))
        position = match.end()
    return _joined([*pieces, "\n"])


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], text)


def _item(match: re.Match[str]) -> str | ItemFunction:
    letter = match["letter"]
    if letter == "%":
        return "%"
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
    return _chosen(make(argument), original, statuses, negate)


def _chosen(item: ItemFunction, original: bool, statuses: frozenset[int], negate: bool) -> ItemFunction:
    """Wrap an item that is about the last request of the chain, or wanted for some statuses only."""
    if not statuses:
        return item if original else lambda x: item(x.last)

    def conditional(x: Exchange) -> str:
        if (x.last.status in statuses) == negate:
            return "-"
        return item(x if original else x.last)

    return conditional


def _joined(pieces: list[str | ItemFunction]) -> Formatter:
    plan = tuple((piece, None) if isinstance(piece, str) else ("", piece) for piece in pieces)

    def render(x: Exchange) -> bytes:
        line = "".join([text if item is None else item(x) for text, item in plan])
        return line.encode("utf-8", "surrogateescape")

    return render
