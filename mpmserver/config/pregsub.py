"""Replacement texts of regular expressions: `$0` to `$9` stand for groups, a backslash takes the next character.

Compiled when the configuration is read; `expand` is called for each match. (ap_pregsub, as the Match directives of
mod_alias and the values of mod_setenvif use it; mod_rewrite has rules of its own.)
"""

from __future__ import annotations

import re

from mpmserver.config.regex import RegexMatch

_PIECE = re.compile(r"\$(?P<group>[0-9])|\\(?P<quoted>.)|(?P<plain>[^$\\]+|.)", re.DOTALL)


class Substitution:
    """One replacement text; a group that took no part in the match, or that there is none of, is empty."""

    __slots__ = ("_pieces", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces: list[str | int] = []
        for match in _PIECE.finditer(text):
            if match["group"] is not None:
                self._pieces.append(int(match["group"]))
            else:
                self._pieces.append(match["plain"] if match["quoted"] is None else match["quoted"])

    def expand(self, match: RegexMatch | None) -> str:
        """Return the text with the groups of `match` put in; without a match they are empty."""
        if match is None:
            return "".join(piece for piece in self._pieces if isinstance(piece, str))
        last = match.re.groups
        return "".join(
            piece if isinstance(piece, str) else (match[piece] or "" if piece <= last else "")
            for piece in self._pieces
        )
