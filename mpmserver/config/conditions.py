"""The sections that Apache decides while it reads: ``<IfDefine>``, ``<IfModule>``, ``<IfVersion>`` and their kin.

Each is a function from the text behind its name (with the ``>``, for that is part of what they check) and the
context to whether its body is read. They raise ConfigError without an origin; the reader adds it.
"""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Callable

from mpmserver.config.context import ReadContext
from mpmserver.config.errors import ConfigError
from mpmserver.config.paths import server_relative
from mpmserver.config.regex import compile_pcre
from mpmserver.config.syntax import take_word, words

VERSION = (2, 4, 71)
"""The version of Apache that this server answers for in ``<IfVersion>``."""

Condition = Callable[[str, ReadContext], bool]


def _simple(name: str, test: Callable[[str, ReadContext], bool]) -> Condition:
    """A condition that takes one word, negated by an exclamation mark before it."""

    def condition(rest: str, context: ReadContext) -> bool:
        arguments, bracket, _ = rest.rpartition(">")
        if not bracket:
            raise ConfigError(f"<{name}> directive missing closing '>'")
        negated = arguments.startswith("!")
        word, _ = take_word(arguments.removeprefix("!"))
        if not word:
            raise ConfigError(f"<{name}> directive requires additional arguments")
        return test(word, context) is not negated

    return condition


def _is_defined(word: str, context: ReadContext) -> bool:
    return word in context.defines


def _is_loaded(word: str, context: ReadContext) -> bool:
    return context.modules.is_loaded(word)


def _file_exists(word: str, context: ReadContext) -> bool:
    return os.path.exists(server_relative(context.server_root, word))


def _has_directive(word: str, context: ReadContext) -> bool:
    return context.modules.has_directive(word)


def _has_section(word: str, context: ReadContext) -> bool:
    return context.modules.has_section(word)


def _version(rest: str, context: ReadContext) -> bool:
    """mod_version: an operator (``=`` when left out), a version or a pattern, and the bracket.

    The bracket may stand alone, where quotes around the version part it from it.
    """
    found = words(rest)
    if not found or len(found) > 3 or not found[0]:
        raise ConfigError(
            "<IfVersion takes one, two or three arguments, a comparison operator, a version (and a delimiter)"
        )
    if len(found) == 1 or (len(found) == 2 and found[1] == ">"):
        found = ["=", *found]
    sign, wanted = found[0], found[1]
    if not wanted or (found[2:] != [">"] and not wanted.endswith(">")):
        raise ConfigError("<IfVersion> directive missing closing '>'")
    if found[2:] != [">"]:
        wanted = wanted.removesuffix(">")
    negated = sign.startswith("!")
    if sign.removeprefix("!") not in ("~", *_ORDER):
        raise ConfigError(f"unrecognized operator '{sign}'")
    return _compare(sign.removeprefix("!"), wanted) is not negated


_ORDER: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _compare(sign: str, wanted: str) -> bool:
    if sign == "~":
        return _version_matches(wanted)
    if sign in ("=", "==") and wanted.startswith("/"):
        if len(wanted) < 2 or not wanted.endswith("/"):
            raise ConfigError("Missing delimiting / of regular expression.")
        return _version_matches(wanted[1:-1])
    return _ORDER[sign](VERSION, _version_number(wanted))


def _version_number(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]*){0,2}", text):
        raise ConfigError(
            "Version appears to be invalid. It must have the format major[.minor[.patch]] "
            "where major, minor and patch are numbers."
        )
    numbers = [int(part or "0") for part in text.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _version_matches(pattern: str) -> bool:
    try:
        compiled = compile_pcre(pattern)
    except ConfigError as error:
        raise ConfigError("Unable to compile regular expression") from error
    return compiled.search(".".join(map(str, VERSION))) is not None


CONDITIONS: dict[str, tuple[str, Condition]] = {
    "<ifdefine": ("IfDefine", _simple("IfDefine", _is_defined)),
    "<ifdirective": ("IfDirective", _simple("IfDirective", _has_directive)),
    "<iffile": ("IfFile", _simple("IfFile", _file_exists)),
    "<ifmodule": ("IfModule", _simple("IfModule", _is_loaded)),
    "<ifsection": ("IfSection", _simple("IfSection", _has_section)),
    "<ifversion": ("IfVersion", _version),
}
"""By the section's name in lower case: the name as Apache writes it, and the condition."""
