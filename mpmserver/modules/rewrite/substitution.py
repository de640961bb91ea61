"""Texts with something to put in: $1, %1, %{VARIABLE}, ${map:key|default}; a backslash takes the next one literally.

A `Template` is made when the configuration is read; `expand` is called for each request. Keys and defaults of maps are
templates themselves. What must be waited for (look-aheads, names from DNS, maps that are programs) makes a template
`is_async`, and then only `expand_async` may be used; a map's kind is only known when the whole server is, so a template
with a map in it counts as async here, and `RuleSet` finds out whether it really is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mpmserver.modules.rewrite.flags import Flag, RuleFlags
from mpmserver.modules.rewrite.settings import RewriteServer
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.variables import AsyncRead, Read, variable

_ALNUM = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_CONTROLS = frozenset((*range(32), 127))
Escape = Callable[[str], str]


def backreference_escape(flags: RuleFlags) -> Escape | None:
    """Return how B, BNP, BCTLS and BNE have back-references escaped, None where they say nothing."""
    if not flags.bits & Flag.ESCAPE_BACKREFERENCES:
        return None
    if flags.bits & Flag.ESCAPE_CONTROLS:
        chosen = _CONTROLS | {ord(" ")} | frozenset(os.fsencode(flags.escape_only))
    elif flags.escape_only:
        chosen = frozenset(os.fsencode(flags.escape_only))
    else:
        chosen = frozenset(range(256)) - _ALNUM - {ord("_")}
    chosen -= frozenset(os.fsencode(flags.escape_not))
    space = "%20" if flags.bits & Flag.ESCAPE_NO_PLUS else "+"
    table = [f"%{octet:02x}" if octet in chosen else chr(octet) for octet in range(256)]
    if ord(" ") in chosen:
        table[ord(" ")] = space

    def escape(text: str) -> str:
        escaped = "".join([table[octet] for octet in os.fsencode(text)])
        return escaped if escaped.isascii() else os.fsdecode(escaped.encode("latin-1"))

    return escape


class MapLookUp(AsyncRead):
    """${map:key|default}: which map that is depends on the server that asks."""

    __slots__ = ("default", "key", "name")

    def __init__(self, name: str, key: Template, default: Template | None) -> None:
        self.name = name
        self.key = key
        self.default = default

    async def read(self, run: Run) -> str:
        x = run.subject
        found = x.server[RewriteServer].maps.get(self.name)
        key = await self.key.expand_async(run)
        value: str | None = None
        if found is not None:
            value = await found.lookup_async(x, key) if found.is_async else found.lookup(x, key)
        if value is None and self.default is not None:
            return await self.default.expand_async(run)
        return value or ""


Part = str | Read | AsyncRead
NO_MAPS: Final[frozenset[str]] = frozenset()
_SPECIAL = re.compile(r"[\\$%]")


class Template:
    """One compiled text."""

    __slots__ = (
        "_after", "_parts", "_questions", "_read", "_watched", "beginning", "is_async", "is_pure", "maps", "text",
        "waits",
    )  # fmt: skip

    def __init__(self, text: str, escape: Escape | None = None) -> None:
        parser = _Parser(text, escape)
        parts = parser.parts()
        self.text = text
        self.maps = frozenset(parser.maps) if parser.maps else NO_MAPS
        """The names of the maps in it."""
        self.is_pure = parser.is_pure
        """Whether, apart from maps, it depends on nothing but the request's head and the files it leads to."""
        self.waits = parser.waits
        """Whether, apart from maps, it has to wait."""
        self.is_async = self.waits or bool(self.maps)
        self.beginning = parts[0] if isinstance(parts[0], str) else ""
        """The text that stands before anything that is put in."""
        self._watched = not parser.questions[0]
        """Whether the first thing that is put in stands before any question mark of the text's own."""
        self._read, self._after = self._only_one(parts)
        is_simple = self._read is not None or (len(parts) == 1 and isinstance(parts[0], str))
        self._parts: tuple[Part, ...] = () if is_simple else parts
        self._questions = () if is_simple else tuple(parser.questions)

    def _only_one(self, parts: tuple[Part, ...]) -> tuple[Read | None, str]:
        """The usual form, one thing to put in: how it is read, and the text behind it."""
        rest = parts[1:] if isinstance(parts[0], str) else parts
        if self.is_async or len(rest) not in (1, 2) or isinstance(rest[0], str | AsyncRead):
            return None, ""
        after = rest[1] if len(rest) > 1 else ""
        return (rest[0], after) if isinstance(after, str) else (None, "")

    def reader(self) -> Read:
        """What returns the text for a request; not for a template that `is_async`."""
        return self._read if self._read is not None and not self.beginning and not self._after else self.expand

    def expand(self, run: Run) -> str:
        """Return the text for a request; not for a template that `is_async`."""
        read = self._read
        if read is not None:
            return f"{self.beginning}{read(run)}{self._after}"
        parts = self._parts
        if not parts:
            return self.beginning
        return "".join([part if type(part) is str else part(run) for part in parts])  # type: ignore[operator]

    async def expand_async(self, run: Run) -> str:
        """As `expand`, for any template."""
        return "".join(await self._pieces(run)) if self.is_async else self.expand(run)

    def expand_watching(self, run: Run) -> tuple[str, bool]:
        """As `expand`, and whether a question mark was put in before the text's own first one, if it has one.

        One behind a backslash is no question mark here.
        """
        read = self._read
        if read is not None:
            piece = read(run)
            return f"{self.beginning}{piece}{self._after}", "?" in piece and self._watched
        parts = self._parts
        if not parts:
            return self.beginning, False
        pieces = [part if type(part) is str else part(run) for part in parts]  # type: ignore[operator]
        return "".join(pieces), self._puts_question(pieces)

    async def expand_watching_async(self, run: Run) -> tuple[str, bool]:
        """As `expand_watching`, for any template."""
        if not self.is_async:
            return self.expand_watching(run)
        pieces = await self._pieces(run)
        return "".join(pieces), self._puts_question(pieces)

    def _puts_question(self, pieces: list[str]) -> bool:
        for part, piece, question in zip(self._parts, pieces, self._questions, strict=True):
            if question:
                break
            if not isinstance(part, str) and "?" in piece:
                return True
        return False

    async def _pieces(self, run: Run) -> list[str]:
        """What each part is."""
        found = []
        for part in self._parts:
            if isinstance(part, str):
                found.append(part)
            elif isinstance(part, AsyncRead):
                found.append(await part.read(run))
            else:
                found.append(part(run))
        return found


@lru_cache(maxsize=1024)
def plain_template(text: str) -> Template:
    """The template of a text whose back-references are not escaped; equal ones are one object."""
    return Template(text)


class _Parser:
    """Takes one text apart."""

    __slots__ = ("_escape", "_text", "is_pure", "maps", "questions", "waits")

    def __init__(self, text: str, escape: Escape | None) -> None:
        self._text = text
        self._escape = escape
        self.maps: set[str] = set()
        self.is_pure = True
        self.waits = False
        self.questions: list[bool] = []
        """For each part, whether it is a text with a question mark that no backslash stands before."""

    def parts(self) -> tuple[Part, ...]:
        """The parts in order, neighbouring texts as one."""
        found: list[Part] = []
        index = 0
        while index < len(self._text):
            escaped = self._text[index] == "\\"
            part, index = self._part(index)
            question = isinstance(part, str) and not escaped and "?" in part
            if isinstance(part, str) and found and isinstance(found[-1], str):
                found[-1] += part
                self.questions[-1] |= question
            else:
                found.append(part)
                self.questions.append(question)
        if not found:
            self.questions.append(False)
        return tuple(found) or ("",)

    def _part(self, index: int) -> tuple[Part, int]:
        text, char, after = self._text, self._text[index], self._text[index + 1 : index + 2]
        if char == "\\":
            return (after, index + 2) if after else (char, index + 1)
        if char not in "$%":
            special = _SPECIAL.search(text, index)
            end = len(text) if special is None else special.start()
            return text[index:end], end
        if after == "{":
            end = _find_outside(text, "}", index + 2)
            inner = None if end < 0 else self._braced(char, text[index + 2 : end])
            return (char + after, index + 2) if inner is None else (inner, end + 1)
        if after.isascii() and after.isdigit():
            return self._reference(char, int(after)), index + 2
        return char, index + 1

    def _braced(self, char: str, inner: str) -> Part | None:
        """A variable or a map; None for a map without a key, which is nothing special."""
        if char == "%":
            found = variable(inner)
            self.is_pure = self.is_pure and found.is_pure
            self.waits = self.waits or isinstance(found.read, AsyncRead)
            return found.read
        colon = _find_outside(inner, ":", 0)
        if colon < 0:
            return None
        name, rest = inner[:colon], inner[colon + 1 :]
        bar = _find_outside(rest, "|", 0)
        key = self._inner(rest if bar < 0 else rest[:bar])
        default = self._inner(rest[bar + 1 :]) if bar >= 0 and rest[bar + 1 :] else None
        self.maps.add(name)
        return MapLookUp(name, key, default)

    def _inner(self, text: str) -> Template:
        template = Template(text, self._escape)
        self.maps |= template.maps
        self.is_pure = self.is_pure and template.is_pure
        self.waits = self.waits or template.waits
        return template

    def _reference(self, char: str, number: int) -> Read:
        escape, plain = self._escape, _REFERENCES[char][number]
        return plain if escape is None else lambda run: _escaped(run, escape, plain(run))


def _of_rule(number: int) -> Read:
    def read(run: Run) -> str:
        match = run.rule_match
        return "" if match is None or number > match.re.groups else match[number] or ""

    return read


def _of_condition(number: int) -> Read:
    def read(run: Run) -> str:
        match = run.condition_match
        return "" if match is None or number > match.re.groups else match[number] or ""

    return read


_REFERENCES: Final = {
    "$": tuple(_of_rule(number) for number in range(10)),
    "%": tuple(_of_condition(number) for number in range(10)),
}


def _escaped(run: Run, escape: Escape, text: str) -> str:
    if not text:
        return text
    escaped = escape(text)
    if run.tracing:
        run.trace(5, f"escaping backreference '{text}' to '{escaped}'")
    return escaped


def _find_outside(text: str, wanted: str, start: int) -> int:
    """Where a character stands outside of inner braces, -1 for nowhere before the brace that closes."""
    depth = 1
    for index in range(start, len(text)):
        char = text[index]
        if char == wanted and depth == 1:
            return index
        if char == "}":
            depth -= 1
            if depth == 0:
                return -1
        elif char == "{":
            depth += 1
    return -1
