"""What one line of Header or RequestHeader does: a condition, an action on one of the tables, and a value for it.

A rule is compiled once and shared by all requests. `run` applies the rules of a section to a table in their order;
`run_async` does the same where one of them has to wait (an expression with a subrequest or DNS in it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from mpmserver.config.pregsub import Substitution
from mpmserver.core.environment import get_variable
from mpmserver.core.settings import Level
from mpmserver.modules.headers.values import Value
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.expr import Condition
    from mpmserver.http.headers import Headers

Action = Callable[["Exchange", "Headers", str], None]
"""Changes a table for a request; the text is the rule's value."""


class Guard(Protocol):
    """When a rule is to be applied."""

    @property
    def is_async(self) -> bool: ...

    @property
    def is_pure(self) -> bool: ...

    def test(self, x: Exchange) -> bool: ...

    async def test_async(self, x: Exchange) -> bool: ...


@dataclass(frozen=True, slots=True)
class EnvironmentGuard:
    """env=name, or env=!name: whether a variable is there."""

    name: str
    wanted: bool

    is_async = False
    is_pure = True

    def test(self, x: Exchange) -> bool:
        """Ask for one request."""
        return (get_variable(x.env, self.name) is not None) is self.wanted

    async def test_async(self, x: Exchange) -> bool:
        """As `test`: nothing here waits."""
        return self.test(x)


class ExpressionGuard:
    """expr=condition; one that can't be evaluated does not hold."""

    __slots__ = ("_condition", "is_async", "is_pure")

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self.is_async = condition.is_async
        self.is_pure = condition.is_pure

    def test(self, x: Exchange) -> bool:
        """Ask for one request, a condition that waits for nothing."""
        return _held(x, self._condition.evaluate(x))

    async def test_async(self, x: Exchange) -> bool:
        """Ask for one request."""
        return _held(x, await self._condition.evaluate_async(x))


def _held(x: Exchange, outcome: tuple[bool, str | None]) -> bool:
    holds, failure = outcome
    if failure is not None:
        x.server.log(Level.ERROR, "headers", f"AH01501: Failed to evaluate expression ({failure}) - ignoring", x)
    return holds


@dataclass(frozen=True, slots=True)
class Rule:
    """One line; `value` is None for actions that have none."""

    action: Action
    value: Value | None
    guard: Guard | None
    constant: str | None = field(init=False, default="")
    """The value where it is always the same."""

    def __post_init__(self) -> None:
        if self.value is not None:
            object.__setattr__(self, "constant", self.value.constant)

    @property
    def is_async(self) -> bool:
        return any(part is not None and part.is_async for part in (self.guard, self.value))

    @property
    def is_pure(self) -> bool:
        return all(part is None or part.is_pure for part in (self.guard, self.value))


Rules = tuple[Rule, ...]


def run(x: Exchange, table: Headers, rules: Rules) -> None:
    """Apply rules, none of which waits."""
    for rule in rules:
        if rule.guard is None or rule.guard.test(x):
            text = rule.constant
            if text is None and rule.value is not None:
                text = rule.value.expand(x)
            rule.action(x, table, text or "")


async def run_async(x: Exchange, table: Headers, rules: Rules) -> None:
    """Apply rules, some of which may wait."""
    for rule in rules:
        if rule.guard is None or await rule.guard.test_async(x):
            rule.action(x, table, "" if rule.value is None else await rule.value.expand_async(x))


# Actions: each maker is called with the field's name and whether it is an answer's.


def _add(name: str, of_response: bool) -> Action:
    return lambda x, table, text: table.add(name, text)


def _append(name: str, of_response: bool) -> Action:
    return lambda x, table, text: table.merge(name, text)


def _merge(name: str, of_response: bool) -> Action:
    def merge(x: Exchange, table: Headers, text: str) -> None:
        present = table.first(name)
        if present is None or text not in elements(present):
            table.merge(name, text)

    return merge


def elements(value: str) -> list[str]:
    """The elements of a list as `merge` compares them: quotes and what follows an element belong to it."""
    found = []
    position, end = 0, len(value)
    while position < end:
        while position < end and value[position] in " \t\n\v\f\r":
            position += 1
        begin = position
        while position < end and value[position] != ",":
            if value[position] == '"':
                closing = value.find('"', position + 1)
                position = end - 1 if closing < 0 else closing
            position += 1
        found.append(value[begin:position])
        position += 1
    return found


def _set(name: str, of_response: bool) -> Action:
    if not (of_response and name.lower() == "content-type"):
        return lambda x, table, text: table.set(name, text)

    def set_content_type(x: Exchange, table: Headers, text: str) -> None:
        x.content_type, x.charset = text, None
        table.set(name, text)

    return set_content_type


def _set_if_empty(name: str, of_response: bool) -> Action:
    change = _set(name, of_response)

    def set_if_empty(x: Exchange, table: Headers, text: str) -> None:
        if name not in table:
            change(x, table, text)

    return set_if_empty


def _unset(name: str, of_response: bool) -> Action:
    if not (of_response and name.lower() == "content-type"):
        return lambda x, table, text: table.unset(name)

    def unset_content_type(x: Exchange, table: Headers, text: str) -> None:
        x.content_type = x.charset = None
        table.unset(name)

    return unset_content_type


def _note(name: str, of_response: bool) -> Action:
    def note(x: Exchange, table: Headers, text: str) -> None:
        value = table.first(name)
        if value is None:
            x.notes.pop(text, None)
        else:
            x.notes[text] = value

    return note


ACTIONS: Final[Mapping[str, Callable[[str, bool], Action]]] = {
    "add": _add,
    "append": _append,
    "merge": _merge,
    "note": _note,
    "set": _set,
    "setifempty": _set_if_empty,
    "unset": _unset,
}
"""All but echo, edit and edit*, which need an expression."""


def echo(pattern: Any) -> Action:
    """Copy the request's fields whose name matches."""

    def copy(x: Exchange, table: Headers, text: str) -> None:
        for name, value in x.headers_in.merged_items():
            if pattern.search(name) is not None:
                table.add(name, value)

    return copy


def edit(name: str, of_response: bool, pattern: Any, everywhere: bool, replacement: Value) -> Action:
    """Search in each of the fields and replace what is found: once, or again in what follows."""
    constant = None if replacement.constant is None else Substitution(replacement.constant)
    with_type = of_response and name.lower() == "content-type"

    def change(x: Exchange, table: Headers, text: str) -> None:
        key = name.lower()
        fields = [field for field in table.items() if field[0].lower() == key]
        if not fields and not with_type:
            return
        substitution = constant or Substitution(text)
        if with_type and x.content_type is not None:
            x.content_type = _replaced(x.content_type, pattern, substitution, everywhere)
        table.unset(name)
        table.extend((spelled, _replaced(value, pattern, substitution, everywhere)) for spelled, value in fields)

    return change


def _replaced(value: str, pattern: Any, substitution: Substitution, everywhere: bool) -> str:
    """The value with what matches replaced; a match of nothing is the last one, where Apache would never end."""
    pieces: list[str] = []
    while (match := pattern.search(value)) is not None:
        begin, end = match.span()
        pieces += (value[:begin], substitution.expand(match))
        value = value[end:]
        if not everywhere or begin == end:
            break
    return "".join((*pieces, value))
