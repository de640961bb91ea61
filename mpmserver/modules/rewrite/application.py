"""One rule applied to a request: its pattern, its conditions, its substitution, and what else its flags ask for.

Called by the engine (`engine.py`) for each rule in turn. The order of things is Apache's and can be seen: the pattern
is asked before the conditions, variables and cookies are set before the request takes on its new file name, and a rule
that substitutes nothing still sets them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from mpmserver.core.environment import set_variable, unset_variable
from mpmserver.core.settings import Level
from mpmserver.modules.rewrite.cookies import set_cookie
from mpmserver.modules.rewrite.flags import ConditionFlag, Flag
from mpmserver.modules.rewrite.state import PROXY
from mpmserver.modules.rewrite.uris import Absolute, absolute, qualified, reduced, split_query

if TYPE_CHECKING:
    from mpmserver.config.regex import RegexMatch
    from mpmserver.modules.rewrite.conditions import RewriteCondition
    from mpmserver.modules.rewrite.rule import Rule
    from mpmserver.modules.rewrite.state import Run

    Conditions = tuple[RewriteCondition, ...]

FORCED_TYPE = "rewrite-forced-mimetype"
FORCED_HANDLER = "rewrite-forced-handler"
REDUCED = "mod_rewrite_uri_reduced"
_SENDS_AWAY = Flag.FORCE_REDIRECT | Flag.PROXY
_DROPS_QUERY = Flag.QS_NONE | Flag.QS_DISCARD


class Effect(enum.Enum):
    """What one rule did."""

    NO_MATCH = enum.auto()
    NOTED = enum.auto()
    """It matched and substitutes nothing."""
    SUBSTITUTED = enum.auto()
    REFUSED = enum.auto()


NO_MATCH, NOTED, SUBSTITUTED, REFUSED = Effect
"""By names of their own, for looking up an enumeration's member takes longer than most of what is done with it."""


async def apply_rule(run: Run, rule: Rule, match: RegexMatch | None) -> Effect:
    """Do what a rule says whose pattern has been asked: `match` is None for one that was not to match."""
    run.condition_match = None
    run.rule_match = match
    if run.vary or run.vary_now:
        run.vary, run.vary_now = [], []
    if rule.conditions:
        conditions = rule.conditions
        if rule.all_conditions:
            for condition in conditions:
                if not condition.holds(run):
                    return NO_MATCH
            run.vary, run.vary_now = run.vary_now, run.vary
        elif not (await _hold_async(run, conditions) if rule.is_async else _hold(run, conditions)):
            return NO_MATCH
    output = rule.output
    if output is None:
        await _note(run, rule)
        return NOTED
    text, from_outside = await output.expand_watching_async(run) if output.is_async else output.expand_watching(run)
    if run.tracing:
        run.trace(2, f"rewrite '{run.uri}' -> '{text}'")
    if from_outside and not rule.flags & Flag.UNSAFE_ALLOW_3F:
        message = "AH10508: Unsafe URL with %3f URL rewritten without UnsafeAllow3F"
        run.x.server.log(Level.ERROR, "rewrite", message, run.x)
        run.x.status = 403
        return REFUSED
    if rule.does_more:
        await _expand_extras(run, rule)
    if _settle(run, rule, text) and rule.does_more:
        await _force_type_and_handler(run, rule)
    return SUBSTITUTED


async def _note(run: Run, rule: Rule) -> None:
    """What a rule does that substitutes nothing."""
    if rule.does_more:
        await _expand_extras(run, rule)
        await _force_type_and_handler(run, rule)
    if rule.flags & Flag.STATUS:
        if run.tracing:
            run.trace(2, f"forcing responsecode {rule.status} for {run.x.filename}")
        run.x.status = rule.status


def _hold(run: Run, conditions: Conditions) -> bool:
    """Whether all conditions hold, those joined by OR as one."""
    index, count = 0, len(conditions)
    while 0 <= index < count:
        index = _next(run, conditions, index, conditions[index].holds(run))
    return index > 0


async def _hold_async(run: Run, conditions: Conditions) -> bool:
    """As `_hold`, waiting where that is necessary."""
    index, count = 0, len(conditions)
    while 0 <= index < count:
        condition = conditions[index]
        held = await condition.holds_async(run) if condition.is_async else condition.holds(run)
        index = _next(run, conditions, index, held)
    return index > 0


def _next(run: Run, conditions: Conditions, index: int, held: bool) -> int:
    """Which condition is to be asked behind one that held or didn't: -1 for none, as they don't all hold."""
    flags = conditions[index].flags
    if not held:
        run.vary_now.clear()
        return index + 1 if flags & ConditionFlag.OR_NEXT else -1
    if run.vary_now:
        if not flags & ConditionFlag.NO_VARY:
            run.vary += run.vary_now
        run.vary_now.clear()
    while index < len(conditions) and conditions[index].flags & ConditionFlag.OR_NEXT:
        index += 1
    return index + 1


async def _expand_extras(run: Run, rule: Rule) -> None:
    """E and CO."""
    for template in rule.variables:
        text = await template.expand_async(run)
        if text.startswith("!"):
            unset_variable(run.x.env, text[1:])
            if run.tracing:
                run.trace_request(5, f"unsetting env variable '{text[1:]}'")
        else:
            name, _colon, value = text.partition(":")
            set_variable(run.x.env, name, value)
            if run.tracing:
                run.trace_request(5, f"setting env variable '{name}' to '{value}'")
    for template in rule.cookies:
        set_cookie(run, await template.expand_async(run))


async def _force_type_and_handler(run: Run, rule: Rule) -> None:
    """T and H: remembered for the last of the fixups."""
    for template, note, what in (
        (rule.mime_type, FORCED_TYPE, "MIME-type"), (rule.handler, FORCED_HANDLER, "Content-handler"),
    ):  # fmt: skip
        if template is None:
            continue
        text = (await template.expand_async(run)).lower()
        if text:
            if run.tracing:
                run.trace(2, f"remember {run.x.filename} to have {what} '{text}'")
            run.x.notes[note] = text


def _settle(run: Run, rule: Rule, new_uri: str) -> bool:
    """Make the substitution the request's file name and query; True where that is one of this server.

    Otherwise it is for the proxy, or for the client.
    """
    x, flags = run.x, rule.flags
    scheme = rule.scheme or absolute(new_uri)
    if run.directory is not None:
        if flags & Flag.DISCARD_PATH_INFO:
            x.path_info = ""
        if scheme is None and not run.is_proxy and new_uri[:1] != "/":
            if run.tracing:
                run.trace(3, f"add per-dir prefix: {new_uri} -> {run.directory}{new_uri}")
            new_uri = run.directory + new_uri
            scheme = absolute(new_uri)
    elif scheme is None and not flags & _SENDS_AWAY and new_uri[:1] != "/":
        if run.tracing:
            run.trace(3, f"add root prefix: {new_uri} -> /{new_uri}")
        new_uri = f"/{new_uri}"
    x.filename = new_uri
    if "?" in new_uri or flags & _DROPS_QUERY or (scheme is not None and not scheme.has_query):
        split_query(run, flags, scheme)
    if flags & _SENDS_AWAY:
        _send_away(run, rule, scheme)
        return False
    return _keep(run, rule, scheme)


def _send_away(run: Run, rule: Rule, scheme: Absolute | None) -> None:
    """Make it a URL for the proxy or for the client."""
    x = run.x
    uri = x.filename or ""
    if scheme is None:
        uri = qualified(x, uri)
    if rule.flags & Flag.PROXY:
        if run.tracing:
            run.trace(2, f"forcing proxy-throughput with {uri}")
        x.filename = PROXY + uri
        return
    x.filename = uri
    if run.tracing:
        run.trace(2, f"explicitly forcing redirect with {uri}")
    x.status = rule.status


def _keep(run: Run, rule: Rule, scheme: Absolute | None) -> bool:
    """Take what may be this server's for it; False for a URL of another one, which the client is sent to."""
    x = run.x
    if scheme is not None:
        path = reduced(run, x.filename or "")
        if path is None:
            if run.tracing:
                run.trace(2, f"implicitly forcing redirect (rc={rule.status} with {x.filename}")
            x.status = rule.status
            return False
        x.filename = path
        x.notes[REDUCED] = "true"
    filename = x.filename or ""
    if filename[:2] == "//" and not rule.keeps_slashes:
        x.filename = "/" + filename.lstrip("/")
    return True
