"""PCRE2 itself, the engine that Apache uses, with a limit on what one match may take.

PCRE2 counts its steps back (LIMIT_MATCH) and the memory for them (LIMIT_HEAP). A step takes some 40 nanoseconds, and
with it, uncounted, at most the text of the pattern is compared once, the ends of all copies of counted groups are
passed and, where the pattern has items that can't be entered again (assertions, atomic groups, references), the rest of
the subject is read once. The limit is what fits into `BUDGET` by that reckoning. So that each try of an unanchored
pattern doesn't get the whole limit anew, the search for the place is made part of the pattern, except where the pattern
would notice (verbs, recursion into the whole); there each place gets its share.

The package fixes two options that Apache doesn't have (ALT_BSUX, NEVER_BACKSLASH_C): codes are rewritten so that they
mean the same. It holds the interpreter's lock during a match, so its objects may be shared by threads.
"""

from __future__ import annotations

import importlib
import operator
import re
from typing import Any

from mpmserver.config.errors import ConfigError

BUDGET = 40_000_000
"""Nanoseconds for one match, as reckoned above."""
HEAP_LIMIT = 8 * 1024
"""KiB that one match may take for steps back: taking memory takes time, too."""

Spans = tuple[tuple[int, int], ...]

_STEP = 40
_LEVEL = 6
"""Nanoseconds for the end of a bracket."""
_MAX_COPIES = 1 << 16
_COUNTED_GROUP = re.compile(r"\)\{([0-9]+)(?:,([0-9]*))?\}")
_LIMITS = frozenset((-47, -53, -63, -46, -48))
_DUPNAMES = 0x40
"""Several groups may have one name: Apache sets this for all expressions."""
_OPTION_BITS = {"D": 0x10, "U": 0x40000, "i": 0x8, "m": 0x400, "n": 0x2000, "s": 0x20, "x": 0x80}
_LEADING = re.compile(r"(?:\(\*(?:UTF|UCP|CR|LF|CRLF|ANYCRLF|ANY|NUL|BSR_[A-Z]+|NO_[A-Z_]+|NOTEMPTY[A-Z_]*|"
                      r"CASELESS_RESTRICT|TURKISH_CASING|LIMIT_[A-Z]+=[0-9]+)\))*")  # fmt: skip
_NOTICES_SEARCH = re.compile(r"\(\*|\(\?(?:R|0)|\\g[<']0|\\G|\(\?\(")
_UNCOUNTED = re.compile(r"\(\?[=!<>|(*]|\(\*|[*+?}]\+|\\[0-9gkKXR]|\(\?[P&0-9R+-]|\{[0-9]{2,}")
_NAMED = re.compile(r"\(\?P?[<'](?P<name>[A-Za-z_]\w*)[>']")
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\c.|\\x\{(?P<braced>[0-9A-Fa-f]+)\}|(?P<wrong>\\x\{|\\[uU]|\\N\{(?![0-9U]))|\\x(?P<digits>[0-9A-Fa-f]{0,2})"
    r"|\\[gkpPoN]\{[^}]*\}|\\(?P<letter>.)|(?P<brace>\{(?![0-9]+(?:,[0-9]*)?\}))|[^\\{]+|[\\{]",
    re.DOTALL,
)


def load() -> Any:
    """The package; it is imported when the first expression that may need it is compiled."""
    return importlib.import_module("pcre2")


class LimitExceeded(Exception):
    """The match was given up."""


class Engine:
    """One pattern (octets as Latin-1 text) with PCRE2."""

    __slots__ = ("_flags", "_pattern", "_shares", "_uncounted", "_variants", "_weight", "groups", "names")

    def __init__(self, pattern: str, options: frozenset[str]) -> None:
        """Raises ConfigError where PCRE2 refuses the pattern."""
        self._flags = _DUPNAMES + sum(_OPTION_BITS[option] for option in options)
        self._pattern = _rewritten(pattern)
        rest = pattern[_LEADING.match(pattern).end() :]  # type: ignore[union-attr]
        self._shares = bool(_NOTICES_SEARCH.search(rest))
        self._uncounted = bool(_UNCOUNTED.search(rest))
        self._weight = len(self._pattern) + _LEVEL * _copies(rest)
        self._variants: dict[int, Any] = {}
        try:
            compiled = self._compiled([self._pattern])
        except load().PatternError as error:
            raise ConfigError(f"{error} (regular expression '{pattern}')") from error
        self.groups: int = compiled.groups
        self.names: dict[str, tuple[int, ...]] = {name: (number,) for name, number in compiled.groupindex.items()}
        """The numbers of the groups with a name, of which there may be several."""
        if len(_NAMED.findall(rest)) > len(self.names):
            self.names = self._shared_names()

    def search(self, subject: bytes) -> Spans | None:
        """Return where the pattern is found first and each group with it, (-1, -1) for a group that took no part.

        Raises LimitExceeded. An error that isn't a limit (text that isn't UTF-8 after ``(*UTF)``) is no match, as
        it is to Apache.
        """
        size = len(subject).bit_length() if self._shares or self._uncounted else 0
        compiled = self._variants.get(size) or self._variant(size)
        try:
            match = compiled.search(subject)
        except load().LibraryError as error:
            if error.code in _LIMITS:
                raise LimitExceeded(str(error)) from error
            return None
        return None if match is None else tuple(match.span(group) for group in range(self.groups + 1))

    def _shared_names(self) -> dict[str, tuple[int, ...]]:
        """The package tells one number for each name: ask it again with names that are all different."""
        seen: set[str] = set()
        aliases: dict[str, str] = {}

        def distinct(definition: re.Match[str]) -> str:
            name = definition["name"]
            if name not in seen:
                seen.add(name)
                return definition[0]
            aliases[f"_{len(aliases)}_"] = name
            return definition[0].replace(name, f"_{len(aliases) - 1}_")

        try:
            compiled = self._compiled([_NAMED.sub(distinct, self._pattern)])
        except load().PatternError:
            return self.names  # branches of (?|...) share the number with the name
        found: dict[str, tuple[int, ...]] = {}
        for alias, number in sorted(compiled.groupindex.items(), key=operator.itemgetter(1)):
            name = aliases.get(alias, alias)
            found[name] = (*found.get(name, ()), number)
        return found

    def _variant(self, size: int) -> Any:
        """The pattern with the limit for subjects of up to 2 ** size octets."""
        length = 1 << size
        limit = BUDGET // (_STEP + self._weight + (length if self._uncounted else 0))
        if self._shares:
            limit //= length + 1
        leading = _LEADING.match(self._pattern)
        assert leading is not None
        start = f"(*LIMIT_MATCH={max(limit, 1)})(*LIMIT_HEAP={HEAP_LIMIT})(*NO_AUTO_POSSESS){leading[0]}"
        rest = self._pattern[leading.end() :]
        compiled = self._compiled([start + rest] if self._shares else _searching(start, rest))
        self._variants[size] = compiled
        return compiled

    def _compiled(self, patterns: list[str]) -> Any:
        """The first of `patterns` that can be compiled."""
        for pattern in patterns[:-1]:
            try:
                return load().compile(pattern.encode("latin-1"), self._flags, jit=False)
            except load().PatternError:
                continue
        return load().compile(patterns[-1].encode("latin-1"), self._flags, jit=False)


def _copies(pattern: str) -> int:
    """How often a group may stand in the compiled pattern, each in the other, for being repeated so many times."""
    copies = 1
    for least, most in _COUNTED_GROUP.findall(pattern):
        copies = min(copies * max(int(least), int(most or 0), 1), _MAX_COPIES)
    return copies


def _searching(start: str, rest: str) -> list[str]:
    """The pattern with the search for its place in it; a comment or quotation at its end must not take our bracket."""
    return [rf"{start}\A(?s-U:.*?)\K(?:{rest}{end})" for end in ("", "\n", "\\E")]


def _rewritten(pattern: str) -> str:
    return _TOKEN.sub(lambda token: _token(token, pattern), pattern)


def _token(token: re.Match[str], pattern: str) -> str:
    """One piece of a pattern as it has to be written for the package's options."""
    code = token["braced"] if token["braced"] is not None else token["digits"]
    if code is not None:
        if int(code or "0", 16) > 0xFF:
            raise ConfigError(f"character code point value in \\x{{}} is too large (regular expression '{pattern}')")
        return f"\\x{int(code or '0', 16):02x}"
    if token["brace"]:
        # {,n} has become a quantifier, but only lately.
        return "\\{"
    if token["letter"] == "C":
        return "(?s:.)"
    if token["wrong"]:
        raise ConfigError(f"PCRE2 does not support {token['wrong']} (regular expression '{pattern}')")
    return token[0]
