"""How RewriteRule and RewriteCond take their line apart, which is not how other directives do.

Two arguments and perhaps flags: a word ends at white space, or at the quote it began with; a backslash keeps the white
space behind it in the word (and stays in it, for the regular expression or the substitution to undo), but protects
no quote. Whatever follows the flags is ignored.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mpmserver.config.syntax import WHITE_SPACE


class Arguments(NamedTuple):
    """The words of one line; `flags` is None where there are none, else the text with its brackets."""

    first: str
    second: str
    flags: str | None


def split_arguments(line: str) -> Arguments | None:
    """Return the words of a line, None where there are not two."""
    first, rest = _word(line)
    if rest is None:
        return None
    second, rest = _word(rest)
    rest = (rest or "").lstrip(WHITE_SPACE)
    return Arguments(first, second, _word(rest)[0] if rest else None)


_WORDS = {
    quote: re.compile(rf"(?:[^{end}\\]|\\[{WHITE_SPACE}]?)*+", re.DOTALL)
    for quote, end in (("", WHITE_SPACE), ('"', '"'), ("'", "'"))
}
"""A word's text up to its delimiter, by the quote that it begins with."""


def _word(text: str) -> tuple[str, str | None]:
    """The first word, and what stands behind its delimiter: None where the text ended without one."""
    text = text.lstrip(WHITE_SPACE)
    quote = text[:1] if text[:1] in _WORDS else ""
    start = len(quote)
    match = _WORDS[quote].match(text, start)
    assert match is not None
    end = match.end()
    return text[start:end], text[end + 1 :] if end < len(text) else None


class FlagError(ValueError):
    """What is wrong with flags, in Apache's words."""


def split_flags(text: str) -> list[tuple[str, str]]:
    """Return the (name, value) pairs of `[name=value,...]`; raises FlagError."""
    if len(text) < 2 or text[0] != "[" or text[-1] != "]":
        raise FlagError("bad flag delimiters")
    found = []
    for item in text[1:-1].split(","):
        name, _equals, value = item.strip(WHITE_SPACE).partition("=")
        found.append((name, value))
    return found
