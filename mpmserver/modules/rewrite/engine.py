"""The rewriting engine: a list of rules applied to a request, in the server's context or in a directory's.

Rules change the request (`filename`, `args`, `path_info`, `status`, `env`) one by one, as Apache's do; what came of it
all is an `Outcome`, of which `server_context.py` and `directory_context.py` make an answer. `apply_rules` is a plain
function that stops in front of a rule that may have to wait; `go_on_waiting` applies that one and goes on. Where it
turns out that nothing has to be waited for (a map is a file) `drive` runs it to its end in place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.application import (
    NO_MATCH,
    NOTED,
    REFUSED,
    SENT_AWAY,
    SUBSTITUTED,
    Effect,
    apply_plain_rule,
    apply_rule,
)
from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.state import CHANGED, CHANGED_NO_ESCAPE, STATUS, Outcome, Run
from mpmserver.modules.rewrite.uris import PASS_THROUGH

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.rule import Rule
    from mpmserver.modules.rewrite.ruleset import RuleSet

T = TypeVar("T")
_END = "rewrite-end"
_ENDS_MORE = Flag.PASS_THROUGH | Flag.END
_ENDS = _ENDS_MORE | Flag.PROXY | Flag.LAST


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
    head = _head(x) if x.prev is not None else x
    return head.notes.get(_END) is head


def _head(x: Exchange) -> Exchange:
    while x.prev is not None:
        x = x.prev
    return x


def apply_rules(run: Run, rule_set: RuleSet) -> Outcome | None:
    """Apply the rules from `run.index` on, and again where they say so; None in front of one that isn't plain."""
    while True:
        rule = _next_match(run, rule_set)
        if rule is None:
            return run.changed
        run.condition_match = None
        if run.vary or run.vary_now:
            run.vary = run.vary_now = ()
        if not rule.is_plain:
            return None
        outcome = _go_on(run, rule_set.rules, rule, apply_plain_rule(run, rule))
        if outcome is not None:
            return outcome


async def go_on_waiting(run: Run, rule_set: RuleSet) -> Outcome:
    """Apply the rule in front of which `apply_rules` has stopped, and all others behind it."""
    rules = rule_set.rules
    while True:
        rule = rules[run.index]
        outcome = _go_on(run, rules, rule, await apply_rule(run, rule)) or apply_rules(run, rule_set)
        if outcome is not None:
            return outcome


def _next_match(run: Run, rule_set: RuleSet) -> Rule | None:
    """Find the next rule whose pattern says yes: `run.index` and `run.rule_match` are its own then."""
    if rule_set.in_turn or run.tracing:
        return _next_in_turn(run, rule_set.rules)
    rules, uri, index = rule_set.rules, run.uri, run.index
    candidates = rule_set.candidates(uri)
    for number in candidates[bisect_left(candidates, index) :] if index else candidates:
        rule = rules[number]
        if rule.main_only and run.x.main is not None:
            continue
        match = rule.regex.search(uri)
        if (match is None) is rule.negated:
            run.index, run.rule_match = number, match
            return rule
    return None


def _next_in_turn(run: Run, rules: list[Rule]) -> Rule | None:
    """As `_next_match`, with each rule asked: where they are few, or chained, or everything is told."""
    index, count, uri, told = run.index, len(rules), run.uri, run.tracing
    while index < count:
        rule = rules[index]
        if rule.main_only and run.x.main is not None:
            index += 1
            continue
        if told:
            run.tell_uri()
            run.trace(3, f"applying pattern '{rule.pattern}' to uri '{uri}'")
        match = rule.regex.search(uri)
        if (match is None) is rule.negated:
            run.index, run.rule_match = index, match
            return rule
        index = _behind(rules, index) if rule.chained else index + 1
    return None


def _behind(rules: list[Rule], index: int) -> int:
    """Where to go on behind a rule that did not match, and those that are chained to it."""
    while index < len(rules) and rules[index].chained:
        index += 1
    return index + 1


def _go_on(run: Run, rules: list[Rule], rule: Rule, effect: Effect) -> Outcome | None:
    """What comes of what a rule did: the outcome of all, or None where `run.index` says which one is next."""
    if effect is NO_MATCH:
        run.index = _behind(rules, run.index) if rule.chained else run.index + 1
        return None
    x, flags = run.x, rule.flags
    if effect is not NOTED:
        run.last_substitution = rule
        if run.tracing and rule.output is not None:
            run.trace(2, f"setting lastsub to rule with output {rule.output.text}")
    if len(x.filename or "") > 2 * x.server.head_limits.line:
        return _too_long(x, rule)
    if run.vary:
        x.headers_out.merge("Vary", ", ".join(run.vary))
    if effect is SENT_AWAY:
        run.target, run.changed = rule.scheme, CHANGED
        return CHANGED
    if effect is REFUSED or flags & Flag.STATUS:
        return STATUS
    if effect is SUBSTITUTED:
        run.changed = CHANGED_NO_ESCAPE if flags & Flag.NO_ESCAPE else CHANGED
    if flags & _ENDS:
        return _end(run, rule) if flags & _ENDS_MORE else run.changed
    run.index += 1 + max(rule.skip, 0)
    if flags & Flag.NEW_ROUND:
        run.rounds += 1
        if run.rounds >= rule.rounds:
            return _too_many_rounds(x, rule)
        run.index = 0
    run.prepare_uri()
    return None


def _end(run: Run, rule: Rule) -> Outcome:
    """What came of all rules, where this is the last of them by PT or END."""
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
    return run.changed


def _too_long(x: Exchange, rule: Rule) -> Outcome:
    limit = 2 * x.server.head_limits.line
    message = f"RewriteRule '{rule.pattern}' and URI '{x.uri}' exceeded maximum length ({limit})"
    x.server.log(Level.ERROR, "rewrite", message, x)
    x.status = 500
    return STATUS


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
