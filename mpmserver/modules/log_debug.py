"""mod_log_debug: LogMessage writes a message of the administrator's own to the error log when a request comes by.

Every hook has an entry in `_HOOKS`: the phase before which it logs. What a section has for each of them is sorted when
its settings are finished, so a phase without messages costs a request nothing. Messages are written at level info; from
debug on they say which hook and which line of the configuration they come from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, Self

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Origin
from mpmserver.config.settings import Settings, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import Condition, StringExpression, compile_condition, compile_string
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.records import dataclass

ALL: Final = "all"
DEFAULT: Final = "log_transaction"
_BEFORE_WALKS: Final = "map_to_storage"
"""The hook for which no section holds: the walks are to begin anew."""
_HOOKS: Final = {
    "log_transaction": Phase.LOG, "quick_handler": Phase.QUICK_HANDLER, "handler": Phase.HANDLER,
    "pre_translate_name": Phase.PRE_TRANSLATE, "translate_name": Phase.TRANSLATE,
    "map_to_storage": Phase.MAP_TO_STORAGE, "fixups": Phase.FIXUP, "type_checker": Phase.TYPE,
    "check_access": Phase.ACCESS, "check_access_ex": Phase.ACCESS_CHECKER_EX, "check_authn": Phase.AUTHN,
    "check_authz": Phase.AUTHZ, "insert_filter": Phase.INSERT_FILTERS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One LogMessage."""

    message: StringExpression
    hook: str
    condition: Condition | None
    origin: Origin


@dataclass(slots=True)
class LogDebugDir(Settings):
    """The messages of a section, the outer sections' first."""

    entries: tuple[Entry, ...] = setting((), merge="append")
    by_hook: dict[str, tuple[Entry, ...]] = setting({})

    def finished(self) -> Self:
        whole = super().finished()
        chosen = {hook: tuple(entry for entry in whole.entries if entry.hook in (hook, ALL)) for hook in _HOOKS}
        whole.by_hook = {hook: entries for hook, entries in chosen.items() if entries}
        return whole


def _log_message(build: Build, message: str, *rest: str) -> None:
    """LogMessage message [hook=name] [expr=condition]."""
    try:
        text = compile_string(build, message)
    except ConfigError as error:
        build.fail(f"Could not parse message expression '{message}': {error.message}")
    hook, condition = DEFAULT, None
    for word in rest:
        name, mark, value = word.partition("=")
        if mark and name.lower() == "hook":
            hook = _hook(build, value)
        elif mark and name.lower() == "expr":
            condition = _condition(build, value)
        else:
            build.fail(f"Invalid argument {word}")
    build.dir(LogDebugDir).append("entries", Entry(text, hook, condition, build.origin))


def _hook(build: Build, name: str) -> str:
    if name.lower() not in (*_HOOKS, ALL):
        build.fail(f"Invalid hook name: {name}")
    return name.lower()


def _condition(build: Build, text: str) -> Condition:
    try:
        return compile_condition(build, text, vary=False)
    except ConfigError as error:
        build.fail(f"Could not parse expression '{text}': {error.message}")


async def _log_waiting(hook: str, x: Exchange) -> None:
    """A hook of a phase that may wait."""
    for entry in _wanted(hook, x):
        if entry.condition is None or _holds(x, await entry.condition.evaluate_async(x)):
            _write(hook, x, entry, await entry.message.evaluate_async(x))


def _log_at_once(hook: str, x: Exchange) -> None:
    """The hook of LOG, which may not wait any more."""
    for entry in _wanted(hook, x):
        if entry.condition is None or _holds(x, entry.condition.evaluate(x)):
            _write(hook, x, entry, entry.message.evaluate(x))


def _wanted(hook: str, x: Exchange) -> Iterable[Entry]:
    settings = x.server.defaults if hook == _BEFORE_WALKS else x.settings
    entries = settings[LogDebugDir].by_hook.get(hook, ())
    return entries if entries and x.server.logs(Level.INFO, "log_debug", x) else ()


def _holds(x: Exchange, outcome: tuple[bool, str | None]) -> bool:
    value, failure = outcome
    if failure is not None:
        x.server.log(Level.ERROR, "log_debug", f"AH00640: Can't evaluate condition: {failure}", x)
    return value


def _write(hook: str, x: Exchange, entry: Entry, outcome: tuple[str, str | None]) -> None:
    text, failure = outcome
    if failure is not None:
        x.server.log(Level.ERROR, "log_debug", f"AH00641: Can't evaluate message expression: {failure}", x)
        text = "(null)"
    if x.server.logs(Level.DEBUG, "log_debug", x):
        text = f"{text} ({hook} hook, {entry.origin.file}:{entry.origin.line})"
    x.server.log(Level.INFO, "log_debug", text, x)


def _has(hook: str, settings: Any) -> bool:
    return hook in settings[LogDebugDir].by_hook


def _function(hook: str) -> Callable[[Exchange], Awaitable[None] | None]:
    """The hook's function; the plan must see which of them are async."""
    if _HOOKS[hook] is Phase.LOG:
        return partial(_log_at_once, hook)

    async def log(x: Exchange) -> None:
        await _log_waiting(hook, x)

    return log


MODULE = Module(
    "log_debug",
    directives=(
        Directive("LogMessage", Shape.TAKE123, ACCESS_CONF | RSRC_CONF, _log_message,
            "Log a debug message to the error log if this config block is used for  a request"),
    ),
    hooks=tuple(
        Hook(phase, _function(hook), Order.FIRST, applies=partial(_has, hook)) for hook, phase in _HOOKS.items()
    ),
    dir_settings=LogDebugDir,
    checks_by_uri=True,
)  # fmt: skip
