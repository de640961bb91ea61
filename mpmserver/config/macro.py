"""mod_macro: ``<Macro>`` keeps lines, ``Use`` puts them, arguments filled in, before what is read next.

A macro is text, not a tree: its lines need not nest, may hold any directive, and are parsed where they are used.
Their origin describes macro and use in words, nested as uses nest; that is also how a recursion is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mpmserver.config.context import LineSource
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Origin
from mpmserver.config.syntax import RawLine, take_word, words
from mpmserver.records import dataclass

Warn = Callable[[str], None]

_PREFIXES = "$%@"


@dataclass(frozen=True, slots=True)
class Macro:
    """A defined macro: its name in lower case, its parameters, its lines, and where its definition began."""

    name: str
    parameters: tuple[str, ...]
    contents: tuple[str, ...]
    origin: Origin

    @property
    def description(self) -> str:
        return _describe(self.name, self.origin)


def _describe(name: str, origin: Origin) -> str:
    return f"macro '{name}' (defined on line {origin.line} of \"{origin.file}\")"


def define(
    rest: str, origin: Origin, source: LineSource, known: dict[str, Macro], warn: Warn
) -> Macro:
    """``<Macro name parameter...>``: takes its lines from ``source`` up to its end.

    ``rest`` is the text behind ``<Macro``. Raises ConfigError without an origin.
    """
    name, parameters = _header(rest, origin, warn)
    description = _describe(name, origin)
    if name in known:
        earlier = known[name].origin
        warn(
            f"AH02802: macro '{name}' multiply defined: defined on line {earlier.line} of \"{earlier.file}\", "
            f'redefined on line {origin.line} of "{origin.file}"'
        )
    if name[0] in _PREFIXES:
        warn(f"AH02803: {description} better prefix a macro name with any of '{_PREFIXES}'")
    _check_parameters(description, parameters, warn)
    contents = tuple(_contents(description, origin, source, warn))
    if contents:
        _check_use(description, parameters, contents, warn)
    else:
        warn(f"AH02799: {description}: empty contents!")
    return Macro(name, parameters, contents, origin)


def use(macro: Macro, arguments: list[str], origin: Origin, warn: Warn) -> Iterator[RawLine]:
    """The lines of ``macro`` with ``arguments`` filled in, for a Use at ``origin``. Raises ConfigError."""
    if macro.description in origin.file:
        raise ConfigError(f"recursive use of macro '{macro.name}' is invalid")
    if len(arguments) != len(macro.parameters):
        raise ConfigError(
            f"{macro.description} used with {len(arguments)} arguments instead of {len(macro.parameters)}"
        )
    where = f'{macro.description} used on line {origin.line} of "{origin.file}"'
    for number, argument in enumerate(arguments, 1):
        if not argument:
            warn(f"AH02798: {where}: empty argument #{number}")
    values = dict(zip(macro.parameters, arguments, strict=True))
    pattern = _any_of(macro.parameters)
    return (
        RawLine(_filled(text, pattern, values), Origin(where, number))
        for number, text in enumerate(macro.contents, 1)
    )


def _header(rest: str, origin: Origin, warn: Warn) -> tuple[str, tuple[str, ...]]:
    if rest == ">":
        raise ConfigError("<Macro macro definition: empty name")
    text, bracket, trailing = rest.rpartition(">")
    if not bracket:
        raise ConfigError("<Macro> directive missing closing '>'")
    if trailing.strip():
        warn(
            f"AH02989: AH02801: non blank chars found after <Macro closing '>' "
            f"on line {origin.line} of {origin.file}: {trailing}"
        )
    name, arguments = take_word(text)
    if not name:
        raise ConfigError("<Macro macro definition: name not found")
    return name.lower(), tuple(words(arguments))


def _check_parameters(description: str, parameters: tuple[str, ...], warn: Warn) -> None:
    for number, parameter in enumerate(parameters, 1):
        if not parameter:
            raise ConfigError(f"{description}: empty argument #{number} name")
        _check_prefix(description, parameter, number, warn)
        for other, later in enumerate(parameters[number:], number + 1):
            if parameter == later:
                raise ConfigError(
                    f"argument name conflict in {description}: "
                    f"argument '{parameter}': #{number} and #{other}, change argument names!"
                )
            if later and (parameter.startswith(later) or later.startswith(parameter)):
                warn(
                    f"AH02797: {description}: argument name prefix conflict "
                    f"({parameter} #{number} and {later} #{other}), be careful about your macro definition!"
                )


def _check_prefix(description: str, parameter: str, number: int, warn: Warn) -> None:
    if parameter.startswith("${"):
        warn(
            f"AH02805: {description} argument name '{parameter}' (#{number}) "
            "clashes with 'Define' syntax '${...}', better use '$(...)'."
        )
    elif parameter[0] not in _PREFIXES:
        warn(
            f"AH02796: {description} argument name '{parameter}' (#{number}) without expected prefix, "
            f"better prefix argument names with one of '{_PREFIXES}'."
        )


def _contents(description: str, origin: Origin, source: LineSource, warn: Warn) -> list[str]:
    """The lines up to the matching ``</Macro>``, comments left out; warns where they do not nest."""
    contents: list[str] = []
    macros = nesting = 1
    while raw := source.next():
        if raw.text.startswith("#"):
            continue
        word = take_word(raw.text)[0].lower()
        nesting += -1 if word.startswith("</") else word.startswith("<")
        if nesting < 0 and word.startswith("</"):
            warn(f"AH02793: bad (negative) nesting on line {raw.origin.line - origin.line} of {description}")
        macros += {"<macro": 1, "</macro>": -1}.get(word, 0)
        if not macros:
            _check_end(raw, nesting, description, warn)
            return contents
        contents.append(raw.text)
    raise ConfigError(f"{description}\n\tcontents error: expected token not found: </Macro>")


def _check_end(end: RawLine, nesting: int, description: str, warn: Warn) -> None:
    trailing = end.text.rpartition(">")[2]
    if trailing.strip():
        warn(
            f"AH02989: AH02794: non blank chars found after directive closing "
            f"on line {end.origin.line} of {end.origin.file}: {trailing}"
        )
    if nesting:
        warn(f"AH02795: bad cumulated nesting ({nesting:+d}) in {description}")


def _check_use(description: str, parameters: tuple[str, ...], contents: tuple[str, ...], warn: Warn) -> None:
    pattern = _any_of(parameters)
    used = {match[0] for text in contents for match in pattern.finditer(text)} if parameters else set()
    for number, parameter in enumerate(parameters, 1):
        if parameter not in used:
            warn(f"AH02800: {description}: argument '{parameter}' (#{number}) never used")


def _any_of(parameters: tuple[str, ...]) -> re.Pattern[str]:
    """Finds parameters, the longest first: ``$xy`` is not ``$x`` and a letter. Never matches without any."""
    longest_first = sorted(parameters, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _filled(text: str, pattern: re.Pattern[str], values: dict[str, str]) -> str:
    return pattern.sub(lambda match: _argument(match[0], values[match[0]]), text)


def _argument(parameter: str, value: str) -> str:
    """What stands for ``parameter``: the value, in quotes where its prefix is ``@``."""
    if not parameter.startswith("@"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
