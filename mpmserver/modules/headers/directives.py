"""Header and RequestHeader as written, checked in Apache's order and with its words, to rules."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import take_word
from mpmserver.core.expr import compile_condition
from mpmserver.http.text import path_octets
from mpmserver.modules.headers.rules import (
    ACTIONS,
    Action,
    EnvironmentGuard,
    ExpressionGuard,
    Guard,
    Rule,
    Rules,
    echo,
    edit,
)
from mpmserver.modules.headers.values import Value, compile_value
from mpmserver.records import dataclass

EARLY = "early"
TABLES = ("onsuccess", "always")
_EDITS = ("edit", "edit*")
_WRONG_ACTION = (
    "first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', 'note', 'edit', or 'edit*'."
)


@dataclass(slots=True)
class HeadersDir(Settings):
    """The rules of a section for each table; those said to be `early` are asked for where the server has them only."""

    request: Rules = setting((), merge="append")
    onsuccess: Rules = setting((), merge="append")
    always: Rules = setting((), merge="append")
    early_request: Rules = setting((), merge="append")
    early_onsuccess: Rules = setting((), merge="append")
    early_always: Rules = setting((), merge="append")


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one directive behind the table's name: `value` of edit is the expression."""

    table: str
    action: str
    header: str
    value: str | None
    substitute: str | None
    clause: str | None

    @property
    def name(self) -> str:
        """The field's name, which may end with a colon."""
        return path_octets(self.header.partition(":")[0])


def header(build: Build, arguments: str) -> None:
    """Header [onsuccess|always] action name [value [replacement]] [early|env=|expr=]."""
    action, rest = take_word(arguments)
    table = TABLES[0]
    if action.lower() in TABLES:
        table = action.lower()
        action, rest = take_word(rest)
    _add_rule(build, _read(build, table, action, rest))


def request_header(build: Build, arguments: str) -> None:
    """RequestHeader action name [value [replacement]] [early|env=|expr=]."""
    action, rest = take_word(arguments)
    _add_rule(build, _read(build, "request", action, rest))


def _read(build: Build, table: str, action: str, rest: str) -> Line:
    """Take the words apart, and see which of them there may be."""
    name, rest = take_word(rest)
    words: list[str | None] = []
    for _position in range(3):
        word, rest = take_word(rest) if rest else (None, "")
        words.append(word)
    if rest:
        build.fail(f"{build.name} has too many arguments")
    value, substitute, clause = words
    action = action.lower()
    if action not in (*ACTIONS, *_EDITS, "echo"):
        build.fail(_WRONG_ACTION)
    if table == "request" and action == "note":
        build.fail("RequestHeader does not support the 'note' action")
    if action in _EDITS:
        return Line(table, action, name, value, substitute, clause)
    if clause is not None:
        build.fail("Too many arguments to directive")
    if action not in ("unset", "echo"):
        return Line(table, action, name, value, None, substitute)
    if value is not None and substitute is not None:
        build.fail("header unset takes two arguments" if action == "unset" else "Header echo takes two arguments")
    return Line(table, action, name, None, None, value)


def _add_rule(build: Build, line: Line) -> None:
    """Compile a line in the order in which Apache finds its faults, and put it where it belongs."""
    pattern = _pattern(build, line)
    early, guard = _guard(build, line.clause)
    text = line.substitute if line.action in _EDITS else line.value
    value = None if text is None else compile_value(build, text)
    rule = Rule(_action(line, pattern, value), value, guard)
    build.dir(HeadersDir).append(f"{EARLY}_{line.table}" if early else line.table, rule)


def _pattern(build: Build, line: Line) -> object:
    """The expression of echo and edit, None for others; fails where an argument is missing, or it is none."""
    if line.action in _EDITS:
        if line.value is None or line.substitute is None:
            build.fail("Header edit requires a match and a substitution")
        return _compiled(build, line.value, "Header edit regex could not be compiled")
    if line.action == "echo":
        if line.table == "request":
            build.fail("Header echo only valid on Header directives")
        return _compiled(build, line.header, "Header echo regex could not be compiled")
    if line.value is None and line.action != "unset":
        build.fail("Header requires three arguments")
    return None


def _compiled(build: Build, text: str, complaint: str) -> object:
    try:
        return build.regex(path_octets(text), octets=True)
    except ConfigError:
        build.fail(complaint)


def _guard(build: Build, clause: str | None) -> tuple[bool, Guard | None]:
    """Whether the line is early, and its condition."""
    if clause is None:
        return False, None
    lower = clause.lower()
    if lower == EARLY:
        return True, None
    if lower.startswith("env="):
        name = clause[4:]
        if name in ("", "!"):
            build.fail(
                "error: missing environment variable name. envclause should be in the form env=envar "
            )
        return False, EnvironmentGuard(name.removeprefix("!"), not name.startswith("!"))
    if not lower.startswith("expr="):
        build.fail(f"Unknown parameter: {clause}")
    try:
        return False, ExpressionGuard(compile_condition(build, clause[5:]))
    except ConfigError as error:
        build.fail(f"Can't parse envclause/expression: {error.message}")


def _action(line: Line, pattern: object, value: Value | None) -> Action:
    of_response = line.table != "request"
    if line.action == "echo":
        return echo(pattern)
    if line.action in _EDITS:
        assert value is not None
        return edit(line.name, of_response, pattern, line.action == "edit*", value)
    return ACTIONS[line.action](line.name, of_response)


DIRECTIVES = (
    Directive(
        "Header", Shape.RAW_ARGS, OR_FILEINFO, header,
        "an optional condition, an action, header and value followed by optional env clause",
    ),
    Directive(
        "RequestHeader", Shape.RAW_ARGS, OR_FILEINFO, request_header,
        "an action, header and value followed by optional env clause",
    ),
)  # fmt: skip
