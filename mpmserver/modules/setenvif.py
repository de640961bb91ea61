"""mod_setenvif: environment variables by what a request looks like.

Each condition names an attribute (a header, an expression for header names, one of the words in `_SPECIAL`, or a
variable set earlier), an expression to search in its value, and variables to set or remove. The server's conditions
are asked in POST_READ, where the URI is still escaped, those of sections in HEADER_PARSER.

Two of Apache's habits are visible and kept: a value is looked up once for a run of conditions on the same attribute,
and where the expression has nothing special in it `$0` is no group but text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.pregsub import Substitution
from mpmserver.config.regex import compile_pcre
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.config.syntax import take_word
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.env import get_variable, set_variable, unset_variable

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
    pattern: re.Pattern[str]
    follows_same: bool
    """Whether the condition before it in its section has the same attribute."""
    actions: dict[str, Action] = field(default_factory=dict)

    def apply(self, x: Exchange, value: str) -> None:
        """Set and remove variables where the expression is found in `value`."""
        match = self.pattern.search(value)
        if match is None:
            return
        for name, action in self.actions.items():
            if action is None:
                unset_variable(x.env, name)
            else:
                set_variable(x.env, name, action if isinstance(action, str) else action.expand(match))


@dataclass(slots=True)
class SetEnvIfServer(Settings):
    """Conditions outside of sections."""

    conditions: tuple[Condition, ...] = setting((), merge="append")


@dataclass(slots=True)
class SetEnvIfDir(Settings):
    """Conditions inside of sections."""

    conditions: tuple[Condition, ...] = setting((), merge="append")


def post_read(x: Exchange) -> None:
    """Ask the server's conditions."""
    _run(x, x.server[SetEnvIfServer].conditions)


def header_parser(x: Exchange) -> None:
    """Ask the conditions of the request's sections."""
    _run(x, x.settings[SetEnvIfDir].conditions)


def _run(x: Exchange, conditions: tuple[Condition, ...]) -> None:
    value = ""
    for condition in conditions:
        if not condition.follows_same:
            value = condition.read(x) or ""
        condition.apply(x, value)


def _remote_host(x: Exchange) -> str:
    """The client's name where HostnameLookups found one, else its address."""
    return str(x.peer.notes.get("remote-host") or x.client_ip)


_SPECIAL: dict[str, Callable[[Exchange], str | None]] = {
    "remote_addr": lambda x: x.client_ip,
    "remote_host": _remote_host,
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
        pattern = compile_pcre(name, re.IGNORECASE if ignore_case else 0)
    except ConfigError:
        build.fail(f"{build.name}Header name regex could not be compiled.")
    return lambda x: _matching_header(x, pattern)


def _header_or_variable(x: Exchange, name: str) -> str | None:
    value = x.headers_in.get(name)
    return get_variable(x.env, name) if value is None else value


def _matching_header(x: Exchange, pattern: re.Pattern[str]) -> str | None:
    """The value of the last header whose name matches."""
    found = None
    for name, value in x.headers_in.merged_items():
        if pattern.search(name):
            found = value
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


def set_env_if_expr(build: Build, arguments: str) -> NoReturn:
    """SetEnvIfExpr needs the expression language."""
    expression, rest = take_word(arguments)
    if not expression:
        build.fail(f"Missing expression for {build.name}")
    if not take_word(rest)[0]:
        build.fail(f"Missing envariable expression for {build.name}")
    build.fail(f'Could not parse expression "{expression}": expressions are not available in this version')


def _add(build: Build, name: str, rest: str, ignore_case: bool) -> None:
    text, rest = take_word(rest)
    if not text:
        build.fail(f"Missing regular expression for {build.name}")
    settings = build.dir(SetEnvIfDir) if build.in_section else build.server(SetEnvIfServer)
    last = settings.conditions[-1] if is_set(settings.conditions) else None
    follows_same = last is not None and last.name.lower() == name.lower()
    if last is None or not follows_same or (last.text, last.ignore_case) != (text, ignore_case):
        pattern = _pattern(build, text, ignore_case)
        last = Condition(name, _reader(build, name, ignore_case), text, ignore_case, pattern, follows_same)
        settings.append("conditions", last)
    _add_actions(build, last, rest)


def _pattern(build: Build, text: str, ignore_case: bool) -> re.Pattern[str]:
    try:
        return compile_pcre(text, re.IGNORECASE if ignore_case else 0)
    except ConfigError:
        build.fail(f"{build.name} regex could not be compiled.")


def _add_actions(build: Build, condition: Condition, rest: str) -> None:
    word, rest = take_word(rest)
    if not word:
        build.fail(f"Missing envariable expression for {build.name}")
    has_groups = not _PLAIN_PATTERN.fullmatch(condition.text)
    while word:
        name, _equals, value = word.partition("=")
        if not value:
            name, value = (name[1:], "!") if name.startswith("!") else (name, "1")
        _add_action(condition.actions, name, value, has_groups)
        word, rest = take_word(rest)


def _add_action(actions: dict[str, Action], name: str, value: str, has_groups: bool) -> None:
    """Note one variable; a value that begins with an exclamation mark removes it, as `!name` does."""
    key = next((key for key in actions if key.lower() == name.lower()), name)
    if value.startswith("!"):
        actions[key] = None
    else:
        actions[key] = Substitution(value) if has_groups and ("$" in value or "\\" in value) else value


def _server_applies(settings: Any) -> bool:
    return bool(settings.server[SetEnvIfServer].conditions)


def _section_applies(settings: Any) -> bool:
    return bool(settings[SetEnvIfDir].conditions)


def _asks_no_address(conditions: tuple[Condition, ...]) -> bool:
    return not any(condition.name.lower() in ("remote_addr", "remote_host") for condition in conditions)


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
        Hook(
            Phase.POST_READ, post_read, applies=_server_applies,
            pure=lambda settings: _asks_no_address(settings.server[SetEnvIfServer].conditions),
        ),
        Hook(
            Phase.HEADER_PARSER, header_parser, applies=_section_applies,
            pure=lambda settings: _asks_no_address(settings[SetEnvIfDir].conditions),
        ),
    ),
    server_settings=SetEnvIfServer,
    dir_settings=SetEnvIfDir,
)  # fmt: skip
