"""The rewriting engine: a list of rules applied to a request, in the server's context or in a directory's.

`apply_rules` changes the request (`filename`, `args`, `path_info`, `status`, `env`) rule by rule, as Apache's does, and
says what came of it; `server_context.py` and `directory_context.py` make an answer of that. It is a coroutine that
suspends only where a rule has to wait for something; where none has, `drive` runs it to its end in place.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.application import NO_MATCH, NOTED, REFUSED, SUBSTITUTED, Effect, apply_rule
from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.uris import PASS_THROUGH

if TYPE_CHECKING:
    from mpmserver.config.regex import RegexMatch
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.rule import Rule
    from mpmserver.modules.rewrite.ruleset import RuleSet

T = TypeVar("T")
_END = "rewrite-end"
_ENDS = Flag.PASS_THROUGH | Flag.END | Flag.PROXY | Flag.LAST


class Outcome(enum.Enum):
    """What a list of rules did to a request."""

    NOTHING = enum.auto()
    CHANGED = enum.auto()
    CHANGED_NO_ESCAPE = enum.auto()
    STATUS = enum.auto()
    """`x.status` is the answer."""


NOTHING, CHANGED, CHANGED_NO_ESCAPE, STATUS = Outcome


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


async def apply_rules(run: Run, rule_set: RuleSet) -> Outcome:
    """Apply the rules from first to last, and again where they say so."""
    rules = rule_set.rules
    changed = NOTHING
    rounds = 1
    index = 0
    uri = run.prepare_uri()
    while True:
        index, match = _next_match(run, rule_set, index, uri)
        if index >= len(rules):
            return changed
        rule = rules[index]
        effect = await apply_rule(run, rule, match)
        if effect is NO_MATCH:
            index = _behind(rules, index)
            continue
        if _note_effect(run, rule, effect):
            return STATUS
        flags = rule.flags
        if effect is SUBSTITUTED:
            changed = CHANGED_NO_ESCAPE if flags & Flag.NO_ESCAPE else CHANGED
        if flags & _ENDS:
            return _end(run, rule, changed)
        index += 1 + max(rule.skip, 0)
        if flags & Flag.NEW_ROUND:
            rounds += 1
            if rounds >= rule.rounds:
                return _too_many_rounds(run.x, rule)
            index = 0
        uri = run.prepare_uri()


def _next_match(run: Run, rule_set: RuleSet, index: int, uri: str) -> tuple[int, RegexMatch | None]:
    """Find the next rule whose pattern says yes to `uri`; the number of rules where none does."""
    rules = rule_set.rules
    is_subrequest = run.x.main is not None
    if rule_set.in_turn or run.tracing:
        return _next_in_turn(run, rules, index, uri, is_subrequest)
    candidates = rule_set.candidates(uri)
    for number in candidates[bisect_left(candidates, index) :] if index else candidates:
        rule = rules[number]
        if is_subrequest and rule.main_only:
            continue
        match = rule.regex.search(uri)
        if (match is None) is rule.negated:
            return number, match
    return len(rules), None


def _next_in_turn(
    run: Run, rules: list[Rule], index: int, uri: str, is_subrequest: bool
) -> tuple[int, RegexMatch | None]:
    """As `_next_match`, with each rule asked: where they are few, or chained, or everything is told."""
    count, told = len(rules), run.tracing
    while index < count:
        rule = rules[index]
        if is_subrequest and rule.main_only:
            index += 1
            continue
        if told:
            run.tell_uri()
            run.trace(3, f"applying pattern '{rule.pattern}' to uri '{uri}'")
        match = rule.regex.search(uri)
        if (match is None) is rule.negated:
            return index, match
        index = _behind(rules, index) if rule.chained else index + 1
    return count, None


def _behind(rules: list[Rule], index: int) -> int:
    """Where to go on behind a rule that did not match, and those that are chained to it."""
    while index < len(rules) and rules[index].chained:
        index += 1
    return index + 1


def _note_effect(run: Run, rule: Rule, effect: Effect) -> bool:
    """Do what every match entails; True where the status is settled."""
    x = run.x
    if effect is not NOTED and rule.output is not None:
        run.last_substitution = rule
        if run.tracing:
            run.trace(2, f"setting lastsub to rule with output {rule.output.text}")
    limit = 2 * x.server.head_limits.line
    if len(x.filename or "") > limit:
        message = f"RewriteRule '{rule.pattern}' and URI '{x.uri}' exceeded maximum length ({limit})"
        x.server.log(Level.ERROR, "rewrite", message, x)
        x.status = 500
        return True
    if run.vary:
        x.headers_out.merge("Vary", ", ".join(run.vary))
    return effect is REFUSED or rule.flags & Flag.STATUS != 0


def _end(run: Run, rule: Rule, changed: Outcome) -> Outcome:
    """What came of all rules, where this is the last of them."""
    x = run.x
    if rule.flags & Flag.PASS_THROUGH:
        if run.tracing:
            run.trace(2, f"forcing '{x.filename}' to get passed through to next API URI-to-filename handler")
        x.filename = f"{PASS_THROUGH}{x.filename}"
        return CHANGED
    if rule.flags & Flag.END:
        if run.tracing:
            run.trace(8, "Rule has END flag, no further rewriting for this request")
        head = _head(x)
        head.notes[_END] = head
    return changed


def _too_many_rounds(x: Exchange, rule: Rule) -> Outcome:
    x.server.log(
        Level.ERROR,
        "rewrite",
        f"AH02596: RewriteRule '{rule.pattern}' and URI '{x.uri}' exceeded maximum number of rounds ({rule.rounds}) "
        "via the [N] flag",
        x,
    )
    x.status = 500
    return STATUS
