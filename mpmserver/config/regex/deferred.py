"""Expressions that are compiled when they are first asked, not when they are read.

A .htaccess file is read for one request, which asks a few of its expressions. Most are made of nothing but literals,
sets, plain groups and simple repeats: that these are right can be seen without translating them, with how many groups
they have and which text every match begins with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mpmserver.config.regex.types import Regex, RegexMatch

LONGEST = 1000
"""Characters of a pattern that is deferred, and so of what any engine takes."""
MOST_GROUPS = 50
_OPTIONS = frozenset("sDi")

_PUNCTUATION = r"[ -/:-@\[-`{-~]"
_LITERAL = r"[A-Za-z0-9 !\"#%&',/:;<=>@_`~-]"
_SET = (
    r"\[(?![:.=])\^?(?![:.=])-?(?:a-z|A-Z|0-9|a-f|A-F|[A-Za-z0-9 !\"#%&',/;<>@_`~.*+?$(){}|]"
    rf"|\\(?:[dsw]|{_PUNCTUATION}))+-?\]"
)
_ONE = rf"(?:{_LITERAL}|\.|\\[dDsSwW]|\\{_PUNCTUATION}|{_SET})(?:(?:[*+?]|\{{[0-9]{{1,2}},?\}})\??)?"
_RIGHT = re.compile(rf"(?:{_ONE}|\)(?:[*+?]\??)?|\((?:\?:)?|[|^$])*+")
"""What is right, apart from brackets that don't match."""
_APART_FROM_GROUPS = re.compile(rf"\\.|{_SET}")
_BRACKETS = re.compile("[()|]")
_STRUCTURE = re.compile(r"\(\?:|[()|]")
_BEGINNING = re.compile(rf"\^((?:{_LITERAL}|\\{_PUNCTUATION})+)([*+?{{])?")
_ESCAPE = re.compile(r"\\(.)")


class DeferredRegex:
    """One expression. `search` is found missing when it is first wanted, and is the engine's own from then on."""

    __slots__ = ("_compiler", "groups", "pattern", "prefix", "search")

    search: Callable[[str], RegexMatch | None]

    def __init__(self, pattern: str, groups: int, prefix: str, compiler: Callable[[str], Regex]) -> None:
        self.pattern = pattern
        self.groups = groups
        self.prefix = prefix
        """What every text begins with that the expression is found in, "" where nothing is known."""
        self._compiler: Callable[[str], Regex] | None = compiler

    def __getattr__(self, name: str) -> Any:
        if name != "search":
            raise AttributeError(name)
        self.compile()
        return self.search

    def compile(self) -> None:
        """Have it compiled now, if it isn't yet."""
        compiler = self._compiler
        if compiler is not None:
            self.search = compiler(self.pattern).search
            self._compiler = None  # last, as another thread may ask meanwhile


def deferred(pattern: str, options: frozenset[str], compiler: Callable[[str], Regex]) -> DeferredRegex | None:
    """The expression to be compiled later by `compiler`; None for one that has to be looked at now.

    What is deferred is right with every engine: `compiler` will not raise.
    """
    if len(pattern) > LONGEST or not options <= _OPTIONS or not _RIGHT.fullmatch(pattern):
        return None
    groups, is_one, is_right = _structure(pattern)
    if not is_right:
        return None
    return DeferredRegex(pattern, groups, _prefix(pattern) if is_one and "i" not in options else "", compiler)


def _structure(pattern: str) -> tuple[int, bool, bool]:
    """How many groups there are; whether it is one alternative; whether all brackets have their match."""
    if not _BRACKETS.search(pattern):
        return 0, True, True
    groups = depth = 0
    is_one = True
    for piece in _STRUCTURE.findall(_APART_FROM_GROUPS.sub("", pattern)):
        if piece == "|":
            is_one = is_one and depth > 0
        elif piece == ")":
            depth -= 1
            if depth < 0:
                return 0, False, False
        else:
            depth += 1
            groups += piece == "("
    return groups, is_one, depth == 0 and groups <= MOST_GROUPS


def _prefix(pattern: str) -> str:
    """The literals that an expression without alternatives begins with, behind a ^."""
    match = _BEGINNING.match(pattern)
    if match is None:
        return ""
    text = _ESCAPE.sub(r"\1", match[1])
    return text[:-1] if match[2] else text
