"""mod_setenvif: environment variables by what a request looks like.

Each condition names an attribute (a header, an expression for header names, one of the words in `_SPECIAL`, or a
variable set earlier), an expression to search in its value, and variables to set or remove; SetEnvIfExpr has one of
Apache's expressions instead, and its values what that has matched, or a condition before it. The server's conditions
are asked in POST_READ, where the URI is still escaped, those of sections in HEADER_PARSER.

Apache's habits are visible and kept: a value is looked up once for a run of conditions on the same attribute (and what
a SetEnvIfExpr between them has matched takes its place), and where the expression has nothing special in it `$0` is no
group but text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.pregsub import Substitution
from mpmserver.config.regex import Regex
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.config.syntax import take_word
from mpmserver.core import expr
from mpmserver.core.environment import get_variable, set_variable, unset_variable
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import Captures
from mpmserver.core.hostnames import remote_host
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.http.text import path_text
from mpmserver.records import dataclass, field

_PLAIN_NAME = re.compile(r"[-A-Za-z0-9_]*")
_PLAIN_PATTERN = re.compile(r"(?:[^\^.$|()\[\]*+?{}\\]|\\[\^.$|()\[\]*+?{}\\])*", re.DOTALL)

Action = str | Substitution | None
"""A value as it is, one with groups to put in, or None to remove the variable."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of SetEnvIf or its relatives, or several lines with the same attribute and expression."""

    name: str
    read: Callable[[Exchange], str | None]
    text: str
    """The expression as written."""
    ignore_case: bool
    pattern: Regex
    follows_same: bool
    """Whether the condition before it in its section (but for expressions) has the same attribute."""
    actions: dict[str, Action] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpressionCondition:
    """One line of SetEnvIfExpr."""

    expression: expr.Condition
    actions: dict[str, Action] = field(default_factory=dict)


Conditions = tuple[Condition | ExpressionCondition, ...]


@dataclass(slots=True)
class SetEnvIfServer(Settings):
    """Conditions outside of sections."""

    conditions: Conditions = setting((), merge="append")


@dataclass(slots=True)
class SetEnvIfDir(Settings):
    """Conditions inside of sections."""

    conditions: Conditions = setting((), merge="append")


def post_read(x: Exchange) -> None:
    """Ask the server's conditions."""
    _run(x, x.server[SetEnvIfServer].conditions)


def header_parser(x: Exchange) -> None:
    """Ask the conditions of the request's sections."""
    _run(x, x.settings[SetEnvIfDir].conditions)


async def post_read_expressions(x: Exchange) -> None:
    """As `post_read`, where there are expressions, which may wait."""
    await _run_expressions(x, x.server[SetEnvIfServer].conditions)


async def header_parser_expressions(x: Exchange) -> None:
    """As `header_parser`, where there are expressions, which may wait."""
    await _run_expressions(x, x.settings[SetEnvIfDir].conditions)


class _Found:
    """What goes from one condition to the next: the attribute's value, and what was matched last."""

    __slots__ = ("captures", "value")

    def __init__(self) -> None:
        self.value = ""
        self.captures = Captures()

    def ask(self, x: Exchange, condition: Condition) -> None:
        """Set and remove variables where the expression is found in the attribute's value."""
        if not condition.follows_same:
            self.value = condition.read(x) or ""
        match = condition.pattern.search(self.value)
        if match is not None:
            self.captures.match = match
            self.act(x, condition.actions)

    async def ask_expression(self, x: Exchange, condition: ExpressionCondition) -> None:
        """Set and remove variables where the expression holds; what it matched with groups is the value from now on."""
        before = self.captures.match
        if await condition.expression.test_async(x, self.captures):
            self.act(x, condition.actions)
        if self.captures.match is not before:
            self.value = "" if self.captures.match is None else self.captures.match.string

    def act(self, x: Exchange, actions: dict[str, Action]) -> None:
        """Set and remove variables."""
        traced = x.server.logs(Level.TRACE2, "setenvif", x)
        for name, action in actions.items():
            if traced:
                x.server.log(Level.TRACE2, "setenvif", f"Setting {name}", x)
            if action is None:
                unset_variable(x.env, name)
            else:
                set_variable(x.env, name, action if isinstance(action, str) else action.expand(self.captures.match))


def _run(x: Exchange, conditions: Conditions) -> None:
    found = _Found()
    for condition in conditions:
        if isinstance(condition, Condition):
            found.ask(x, condition)


async def _run_expressions(x: Exchange, conditions: Conditions) -> None:
    found = _Found()
    for condition in conditions:
        if isinstance(condition, Condition):
            found.ask(x, condition)
        else:
            await found.ask_expression(x, condition)


_SPECIAL: dict[str, Callable[[Exchange], str | None]] = {
    "remote_addr": lambda x: x.client_ip,
    "remote_host": remote_host,
    "request_uri": lambda x: x.uri,
    "request_method": lambda x: x.method,
    "request_protocol": lambda x: x.protocol,
    "server_addr": lambda x: x.peer.local[0],
}


def _reader(build: Build, name: str, ignore_case: bool) -> Callable[[Exchange], str | None]:
    """Return how the attribute `name` is read from a request; an expression for names heeds their case, as Apache's."""
    special = _SPECIAL.get(name.lower())
    if special is not None:
        return special
    if _PLAIN_NAME.fullmatch(name):
        return lambda x: _header_or_variable(x, name)
    try:
        pattern = build.regex(name, re.IGNORECASE if ignore_case else 0)
    except ConfigError:
        build.fail(f"{build.name}Header name regex could not be compiled.")
    return lambda x: _matching_header(x, pattern)


def _header_or_variable(x: Exchange, name: str) -> str | None:
    value = x.headers_in.get(name)
    return get_variable(x.env, name) if value is None else path_text(value)


def _matching_header(x: Exchange, pattern: Regex) -> str | None:
    """The value of the last header whose name matches."""
    found = None
    for name, value in x.headers_in.merged_items():
        if pattern.search(name):
            found = path_text(value)
    return found


def set_env_if(ignore_case: bool) -> Callable[[Build, str], None]:
    """SetEnvIf and SetEnvIfNoCase: attribute, expression, variables."""

    def apply(build: Build, arguments: str) -> None:
        name, rest = take_word(arguments)
        if not name:
            build.fail(f"Missing header-field name for {build.name}")
        _add(build, name, rest, ignore_case)

    return apply


def browser_match(ignore_case: bool) -> Callable[[Build, str], None]:
    """BrowserMatch and BrowserMatchNoCase: the attribute is User-Agent."""

    def apply(build: Build, arguments: str) -> None:
        _add(build, "User-Agent", arguments, ignore_case)

    return apply


def set_env_if_expr(build: Build, arguments: str) -> None:
    """SetEnvIfExpr: an expression, variables."""
    text, rest = take_word(arguments)
    if not text:
        build.fail(f"Missing expression for {build.name}")
    try:
        expression = expr.compile_condition(build, text)
    except ConfigError as error:
        build.fail(f'Could not parse expression "{text}": {error.message}')
    condition = ExpressionCondition(expression)
    _settings(build).append("conditions", condition)
    _add_actions(build, condition.actions, True, rest)


def _add(build: Build, name: str, rest: str, ignore_case: bool) -> None:
    text, rest = take_word(rest)
    if not text:
        build.fail(f"Missing regular expression for {build.name}")
    settings = _settings(build)
    before = settings.conditions if is_set(settings.conditions) else ()
    last = next((each for each in reversed(before) if isinstance(each, Condition)), None)
    follows_same = last is not None and last.name.lower() == name.lower()
    joins = last is not None and last is before[-1] and follows_same
    if last is None or not joins or (last.text, last.ignore_case) != (text, ignore_case):
        pattern = _pattern(build, text, ignore_case)
        last = Condition(name, _reader(build, name, ignore_case), text, ignore_case, pattern, follows_same)
        settings.append("conditions", last)
    _add_actions(build, last.actions, not _PLAIN_PATTERN.fullmatch(last.text), rest)


def _settings(build: Build) -> SetEnvIfDir | SetEnvIfServer:
    return build.dir(SetEnvIfDir) if build.in_section else build.server(SetEnvIfServer)


def _pattern(build: Build, text: str, ignore_case: bool) -> Regex:
    try:
        return build.regex(text, re.IGNORECASE if ignore_case else 0)
    except ConfigError:
        build.fail(f"{build.name} regex could not be compiled.")


def _add_actions(build: Build, actions: dict[str, Action], has_groups: bool, rest: str) -> None:
    word, rest = take_word(rest)
    if not word:
        build.fail(f"Missing envariable expression for {build.name}")
    while word:
        name, _equals, value = word.partition("=")
        if not value:
            name, value = (name[1:], "!") if name.startswith("!") else (name, "1")
        _add_action(actions, name, value, has_groups)
        word, rest = take_word(rest)


def _add_action(actions: dict[str, Action], name: str, value: str, has_groups: bool) -> None:
    """Note one variable; a value that begins with an exclamation mark removes it, as `!name` does."""
    key = next((key for key in actions if key.lower() == name.lower()), name)
    if value.startswith("!"):
        actions[key] = None
    else:
        actions[key] = Substitution(value) if has_groups and ("$" in value or "\\" in value) else value


def _on_server(settings: Any) -> Conditions:
    return settings.server[SetEnvIfServer].conditions  # type: ignore[no-any-return]


def _in_section(settings: Any) -> Conditions:
    return settings[SetEnvIfDir].conditions  # type: ignore[no-any-return]


def _with_expressions(conditions: Conditions) -> bool:
    return any(isinstance(condition, ExpressionCondition) for condition in conditions)


def _hook(
    phase: Phase, where: Callable[[Any], Conditions], function: Callable[[Exchange], object], expressions: bool
) -> Hook:
    """The hook for the conditions of one place: those with or those without expressions among them."""
    return Hook(
        phase,
        function,
        applies=lambda settings: bool(where(settings)) and _with_expressions(where(settings)) == expressions,
        pure=lambda settings: all(map(_is_pure, where(settings))),
    )


def _is_pure(condition: Condition | ExpressionCondition) -> bool:
    if isinstance(condition, ExpressionCondition):
        return condition.expression.is_pure
    return condition.name.lower() not in ("remote_addr", "remote_host")


MODULE = Module(
    "setenvif",
    directives=(
        Directive(
            "SetEnvIf", Shape.RAW_ARGS, OR_FILEINFO, set_env_if(False),
            "A header-name, regex and a list of variables.",
        ),
        Directive(
            "SetEnvIfNoCase", Shape.RAW_ARGS, OR_FILEINFO, set_env_if(True),
            "a header-name, regex and a list of variables.",
        ),
        Directive(
            "SetEnvIfExpr", Shape.RAW_ARGS, OR_FILEINFO, set_env_if_expr,
            "an expression and a list of variables.",
        ),
        Directive(
            "BrowserMatch", Shape.RAW_ARGS, OR_FILEINFO, browser_match(False),
            "A browser regex and a list of variables.",
        ),
        Directive(
            "BrowserMatchNoCase", Shape.RAW_ARGS, OR_FILEINFO, browser_match(True),
            "A browser regex and a list of variables.",
        ),
    ),
    hooks=(
        _hook(Phase.POST_READ, _on_server, post_read, expressions=False),
        _hook(Phase.POST_READ, _on_server, post_read_expressions, expressions=True),
        _hook(Phase.HEADER_PARSER, _in_section, header_parser, expressions=False),
        _hook(Phase.HEADER_PARSER, _in_section, header_parser_expressions, expressions=True),
    ),
    server_settings=SetEnvIfServer,
    dir_settings=SetEnvIfDir,
)  # fmt: skip
