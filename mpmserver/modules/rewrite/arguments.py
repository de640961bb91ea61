"""How RewriteRule and RewriteCond take their line apart, which is not how other directives do.

Two arguments and perhaps flags: a word ends at white space, or at the quote it began with; a backslash keeps the white
space behind it in the word (and stays in it, for the regular expression or the substitution to undo), but protects
no quote. Whatever follows the flags is ignored.
"""

from __future__ import annotations

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


def _word(text: str) -> tuple[str, str | None]:
    """The first word, and what stands behind its delimiter: None where the text ended without one."""
    text = text.lstrip(WHITE_SPACE)
    quote = text[:1] if text[:1] in ("'", '"') else ""
    start = index = len(quote)
    while index < len(text):
        char = text[index]
        if char == quote or (not quote and char in WHITE_SPACE):
            return text[start:index], text[index + 1 :]
        escapes = char == "\\" and text[index + 1 : index + 2] in WHITE_SPACE and index + 1 < len(text)
        index += 2 if escapes else 1
    return text[start:], None


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
