"""PCRE2's regular expressions, as Apache uses them, with a bound on the time of one match.

Most expressions take time in proportion to the subject; they are translated to Python's ``re`` (`translator`) and
searched by it directly. `cost` says how long the others may take: they come as `guarded.GuardedRegex`,
which asks ``re`` about short subjects and PCRE2 itself (`engine`), with a limit, about long ones. What ``re`` cannot
express at all (recursion, verbs, ``\\K``, ...) is PCRE2's, too.

`STEPS` is what ``re`` may take for one match, some 20 milliseconds; `engine.BUDGET` is 40 milliseconds: with either
engine no match holds a process for a tenth of a second, whatever the pattern and the subject.

What is read in .htaccess files is compiled when it is first asked, where that can be (`deferred`).

Subjects are text as paths have it, UTF-8 with other octets as surrogate escapes, or (`octets`) Latin-1 text, as header
values are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mpmserver.config.errors import ConfigError
from mpmserver.config.regex.cost import search_cost
from mpmserver.config.regex.deferred import DeferredRegex, deferred
from mpmserver.config.regex.guarded import ANY_LENGTH, LATIN_1, TEXT, GuardedRegex, Source
from mpmserver.config.regex.policy import APACHE_OPTIONS, RegexPolicy
from mpmserver.config.regex.translator import Translation, translate
from mpmserver.config.regex.types import Regex, RegexMatch

__all__ = ["APACHE_OPTIONS", "Regex", "RegexMatch", "RegexPolicy", "compile_now", "compile_pcre", "is_plain"]

STEPS = 1_000_000
"""How many elementary steps ``re`` may take for one match."""
LONGEST = 32 * 1024
"""Where ``re`` may search in texts of this length, it may in all: its time is in proportion to the text."""

KEPT = 1024
"""How many of the expressions compiled last are remembered: sites repeat the same ones in hundreds of files."""

_LETTERS_OF_FLAGS = {
    int(flag): letter
    for flag, letter in ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"), (re.VERBOSE, "x"))
}
_CASED = int(re.ASCII | re.DOTALL)
_CASELESS = int(re.ASCII | re.DOTALL | re.IGNORECASE)


def compile_pcre(
    pattern: str,
    flags: str | int = "",
    *,
    defaults: str | None = None,
    policy: RegexPolicy | None = None,
    octets: bool = False,
    defer: bool = False,
) -> Regex:
    """Return ``pattern`` compiled with the options ``flags`` (letters, or ``re``'s flags) on top of the defaults.

    The defaults are ``defaults``, else those of ``policy``, else Apache's. With ``octets`` the pattern and all
    subjects are Latin-1 text, one character for each octet. With ``defer`` it may be compiled when it is first asked.
    Equal ones may be one object. Raises ConfigError with the reason, without an origin.
    """
    letters = flags if isinstance(flags, str) else _letters(flags)
    if defaults is not None:
        options = frozenset(defaults + letters)
    else:
        options = _joined(APACHE_OPTIONS if policy is None else policy.options, letters)
    found = _known(pattern, options, policy, octets)
    if not defer and isinstance(found, DeferredRegex):
        found.compile()
    return found


@lru_cache(maxsize=32)
def _joined(options: frozenset[str], letters: str) -> frozenset[str]:
    return options | set(letters)


@lru_cache(maxsize=KEPT)
def _known(pattern: str, options: frozenset[str], policy: RegexPolicy | None, octets: bool) -> Regex:
    compiler = _compiler(options, policy, octets)
    return deferred(pattern, options, compiler) or compiler(pattern)


@lru_cache(maxsize=32)
def _compiler(options: frozenset[str], policy: RegexPolicy | None, octets: bool) -> Callable[[str], Regex]:
    return lambda pattern: compile_now(pattern, options, policy, octets)


def compile_now(pattern: str, options: frozenset[str], policy: RegexPolicy | None, octets: bool) -> Regex:
    """As `compile_pcre`, in the form that the engine has: all `options` are given."""
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


def is_plain(regex: Regex) -> bool:
    """Whether ``re`` searches all subjects with it, so that no match is given up, and none of its groups has a name."""
    engine = getattr(regex.search, "__self__", None)
    return isinstance(engine, re.Pattern) and not engine.groupindex


def _only_pcre2(source: Source, refused: ConfigError) -> GuardedRegex:
    """What ``re`` can't express; raises `refused` where PCRE2 can't either."""
    try:
        return GuardedRegex.limited(source)
    except ConfigError:
        raise refused from None


def _compiled(translation: Translation) -> re.Pattern[str]:
    flags = _CASELESS if translation.caseless else _CASED
    try:
        return re.compile(translation.text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"the regular expression has no equal in Python: {error}") from error


def _letters(flags: int) -> str:
    return "".join([letter for flag, letter in _LETTERS_OF_FLAGS.items() if flags & flag]) if flags else ""
