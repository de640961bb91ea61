"""PCRE2's regular expressions, as Apache uses them, with a bound on the time of one match.

Most expressions take time in proportion to the subject; they are translated to Python's ``re`` (`translator`) and
handed out as plain ``re.Pattern``. `cost` says how long the others may take: they come as `guarded.GuardedRegex`,
which asks ``re`` about short subjects and PCRE2 itself (`engine`), with a limit, about long ones. What ``re`` cannot
express at all (recursion, verbs, ``\\K``, ...) is PCRE2's, too.

`STEPS` is what ``re`` may take for one match, some 20 milliseconds; `engine.BUDGET` is 40 milliseconds: with either
engine no match holds a process for a tenth of a second, whatever the pattern and the subject.

Subjects are text as paths have it, UTF-8 with other octets as surrogate escapes, or (`octets`) Latin-1 text, as header
values are.
"""

from __future__ import annotations

import re

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex.cost import search_cost
from mpmserver.config.regex.guarded import ANY_LENGTH, LATIN_1, TEXT, GuardedRegex, Source
from mpmserver.config.regex.policy import APACHE_OPTIONS, RegexPolicy
from mpmserver.config.regex.translator import Translation, translate
from mpmserver.config.regex.types import Regex, RegexMatch

__all__ = ["APACHE_OPTIONS", "Regex", "RegexMatch", "RegexPolicy", "compile_pcre"]

STEPS = 1_000_000
"""How many elementary steps ``re`` may take for one match."""
LONGEST = 32 * 1024
"""Where ``re`` may search in texts of this length, it may in all: its time is in proportion to the text."""

_LETTERS_OF_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}


def compile_pcre(
    pattern: str,
    flags: str | int = "",
    *,
    defaults: str | None = None,
    policy: RegexPolicy | None = None,
    octets: bool = False,
) -> Regex:
    """Return ``pattern`` compiled with the options ``flags`` (letters, or ``re``'s flags) on top of the defaults.

    The defaults are ``defaults``, else those of ``policy``, else Apache's. With ``octets`` the pattern and all
    subjects are Latin-1 text, one character for each octet. Raises ConfigError with the reason, without an origin.
    """
    letters = flags if isinstance(flags, str) else _letters(flags)
    if defaults is not None:
        options = frozenset(defaults + letters)
    else:
        options = (APACHE_OPTIONS if policy is None else policy.options) | set(letters)
    source = Source(pattern, options, LATIN_1 if octets else TEXT, policy)
    try:
        translation = translate(source.octets, options)
        plain = _compiled(translation)
    except ConfigError as refused:
        return _only_pcre2(source, refused)
    bound, octets_only = search_cost(translation.tree)
    if bound.exponential:
        return GuardedRegex.limited(source)
    alike = octets or (octets_only and pattern.isascii())
    short = bound.longest(STEPS)
    if bound.degree > 1 or short < LONGEST:
        return GuardedRegex.plain(source, plain, short, alike)
    return plain if alike else GuardedRegex.plain(source, plain, ANY_LENGTH, alike)


def _only_pcre2(source: Source, refused: ConfigError) -> GuardedRegex:
    """What ``re`` can't express; raises `refused` where PCRE2 can't either."""
    try:
        return GuardedRegex.limited(source)
    except ConfigError:
        raise refused from None


def _compiled(translation: Translation) -> re.Pattern[str]:
    flags = re.ASCII | re.DOTALL | (re.IGNORECASE if translation.caseless else re.NOFLAG)
    try:
        return re.compile(translation.text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"the regular expression has no equal in Python: {error}") from error


def _letters(flags: int) -> str:
    return "".join(letter for flag, letter in _LETTERS_OF_FLAGS.items() if flags & flag)
