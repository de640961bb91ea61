"""The rewriting engine: a list of rules applied to a request, in the server's context or in a directory's.

`apply_rules` changes the request (`filename`, `args`, `path_info`, `status`, `env`) rule by rule, as Apache's does, and
says what came of it; `server_context.py` and `directory_context.py` make an answer of that. It is a coroutine that
suspends only where a rule has to wait for something; where none has, `drive` runs it to its end in place.
"""

from __future__ import annotations

import enum
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from mpmserver.core.settings import CoreServer, Level
from mpmserver.modules.rewrite.application import Effect, apply_rule
from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.uris import PASS_THROUGH

if TYPE_CHECKING:
    from mpmserver.config.regex import RegexMatch
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.rule import Rule

T = TypeVar("T")
_END = "rewrite-end"


class Outcome(enum.Enum):
    """What a list of rules did to a request."""

    NOTHING = enum.auto()
    CHANGED = enum.auto()
    CHANGED_NO_ESCAPE = enum.auto()
    STATUS = enum.auto()
    """`x.status` is the answer."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end; RuntimeError where it does."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a rule had to wait where none was known to")


def has_ended(x: Exchange) -> bool:
    """Whether END was reached in this request or in one that it was redirected from."""
    head = _head(x)
    return head.notes.get(_END) is head


def _head(x: Exchange) -> Exchange:
    while x.prev is not None:
        x = x.prev
    return x


async def apply_rules(run: Run, rules: tuple[Rule, ...]) -> Outcome:
    """Apply the rules from first to last, and again where they say so."""
    x = run.x
    changed = Outcome.NOTHING
    rounds = 1
    index = 0
    while True:
        index, match = _next_match(run, rules, index)
        if index >= len(rules):
            return changed
        rule = rules[index]
        effect = await apply_rule(run, rule, match)
        if effect is Effect.NO_MATCH:
            index = _behind(rules, index)
            continue
        if _note_effect(run, rule, effect):
            return Outcome.STATUS
        if effect is Effect.SUBSTITUTED:
            changed = Outcome.CHANGED_NO_ESCAPE if rule.flags & Flag.NO_ESCAPE else Outcome.CHANGED
        if rule.flags & Flag.PASS_THROUGH:
            _pass_through(run)
            return Outcome.CHANGED
        if _is_last(run, rule):
            return changed
        index += 1 + max(rule.skip, 0)
        if rule.flags & Flag.NEW_ROUND:
            rounds += 1
            if rounds >= rule.rounds:
                return _too_many_rounds(x, rule)
            index = 0


def _next_match(run: Run, rules: tuple[Rule, ...], index: int) -> tuple[int, RegexMatch | None]:
    """Find the next rule whose pattern says yes; the number of rules where none does.

    Nothing changes before a rule matches, so what patterns are matched with is only made anew where it is told.
    """
    is_subrequest = run.x.main is not None
    run.prepare_uri()
    uri, count = run.uri, len(rules)
    told = run.tracing
    while index < count:
        rule = rules[index]
        if is_subrequest and rule.main_only:
            index += 1
            continue
        if told:
            run.tell_uri()
            run.trace(3, f"applying pattern '{rule.pattern}' to uri '{uri}'")
        match = rule.search(uri)
        if (match is None) is rule.negated:
            return index, match
        index = _behind(rules, index) if rule.chained else index + 1
    return count, None


def _behind(rules: tuple[Rule, ...], index: int) -> int:
    """Where to go on behind a rule that did not match, and those that are chained to it."""
    while index < len(rules) and rules[index].chained:
        index += 1
    return index + 1


def _note_effect(run: Run, rule: Rule, effect: Effect) -> bool:
    """Do what every match entails; True where the status is settled."""
    x = run.x
    if effect is not Effect.NOTED and rule.output is not None:
        run.last_substitution = rule
        if run.tracing:
            run.trace(2, f"setting lastsub to rule with output {rule.output.text}")
    limit = 2 * x.server[CoreServer].limit_request_line
    if len(x.filename or "") > limit:
        message = f"RewriteRule '{rule.pattern}' and URI '{x.uri}' exceeded maximum length ({limit})"
        x.server.log(Level.ERROR, "rewrite", message, x)
        x.status = 500
        return True
    if run.vary:
        x.headers_out.merge("Vary", ", ".join(run.vary))
    return effect is Effect.REFUSED or bool(rule.flags & Flag.STATUS)


def _pass_through(run: Run) -> None:
    x = run.x
    if run.tracing:
        run.trace(2, f"forcing '{x.filename}' to get passed through to next API URI-to-filename handler")
    x.filename = f"{PASS_THROUGH}{x.filename}"


def _is_last(run: Run, rule: Rule) -> bool:
    if rule.flags & Flag.END:
        if run.tracing:
            run.trace(8, "Rule has END flag, no further rewriting for this request")
        head = _head(run.x)
        head.notes[_END] = head
        return True
    return bool(rule.flags & (Flag.PROXY | Flag.LAST))


def _too_many_rounds(x: Exchange, rule: Rule) -> Outcome:
    x.server.log(
        Level.ERROR,
        "rewrite",
        f"AH02596: RewriteRule '{rule.pattern}' and URI '{x.uri}' exceeded maximum number of rounds ({rule.rounds}) "
        "via the [N] flag",
        x,
    )
    x.status = 500
    return Outcome.STATUS
