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
from mpmserver.modules.rewrite.uris import absolute, qualified, reduced, split_query

if TYPE_CHECKING:
    from mpmserver.config.regex import RegexMatch
    from mpmserver.modules.rewrite.rule import Rule
    from mpmserver.modules.rewrite.state import Run

FORCED_TYPE = "rewrite-forced-mimetype"
FORCED_HANDLER = "rewrite-forced-handler"
REDUCED = "mod_rewrite_uri_reduced"
_SENDS_AWAY = Flag.FORCE_REDIRECT | Flag.PROXY


class Effect(enum.Enum):
    """What one rule did."""

    NO_MATCH = enum.auto()
    NOTED = enum.auto()
    """It matched and substitutes nothing."""
    SUBSTITUTED = enum.auto()
    REFUSED = enum.auto()


async def apply_rule(run: Run, rule: Rule, match: RegexMatch | None) -> Effect:
    """Do what a rule says whose pattern has been asked: `match` is None for one that was not to match."""
    run.condition_match = None
    run.rule_match = match
    run.vary.clear()
    run.vary_now.clear()
    if rule.conditions and not await _hold(run, rule):
        return Effect.NO_MATCH
    allowed = True
    new_uri = ""
    if rule.output is not None:
        new_uri, allowed = await _substitute(run, rule)
    if not allowed:
        return Effect.REFUSED
    await _expand_extras(run, rule)
    if rule.output is None:
        await _force_type_and_handler(run, rule)
        if rule.flags & Flag.STATUS:
            if run.tracing:
                run.trace(2, f"forcing responsecode {rule.status} for {run.x.filename}")
            run.x.status = rule.status
        return Effect.NOTED
    _adopt(run, rule, new_uri)
    await _settle(run, rule)
    return Effect.SUBSTITUTED


async def _hold(run: Run, rule: Rule) -> bool:
    """Whether all conditions hold, those joined by OR as one."""
    conditions = rule.conditions
    index = 0
    while index < len(conditions):
        condition = conditions[index]
        held = await condition.holds_async(run) if condition.is_async else condition.holds(run)
        if condition.flags & ConditionFlag.NO_VARY:
            run.vary_now.clear()
        if condition.flags & ConditionFlag.OR_NEXT:
            if not held:
                run.vary_now.clear()
                index += 1
                continue
            while index < len(conditions) and conditions[index].flags & ConditionFlag.OR_NEXT:
                index += 1
        elif not held:
            return False
        index += 1
        run.vary += run.vary_now
        run.vary_now.clear()
    return True


async def _substitute(run: Run, rule: Rule) -> tuple[str, bool]:
    """Expand the substitution; False where a question mark was put in (%3f, a map, a header) and is not wanted."""
    output = rule.output
    assert output is not None
    x = run.x
    from_outside = False
    if not rule.flags & Flag.UNSAFE_ALLOW_3F:
        text, from_outside = await output.expand_watching(run)
    else:
        text = await output.expand_async(run) if output.is_async else output.expand(run)
    if run.tracing:
        run.trace(2, f"rewrite '{run.uri}' -> '{text}'")
    if from_outside:
        message = "AH10508: Unsafe URL with %3f URL rewritten without UnsafeAllow3F"
        x.server.log(Level.ERROR, "rewrite", message, x)
        x.status = 403
    return text, not from_outside


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


def _adopt(run: Run, rule: Rule, new_uri: str) -> None:
    """Make the substitution the request's file name and query."""
    x = run.x
    if run.directory is not None:
        if rule.flags & Flag.DISCARD_PATH_INFO:
            x.path_info = ""
        if not run.is_proxy and not new_uri.startswith("/") and absolute(new_uri) is None:
            if run.tracing:
                run.trace(3, f"add per-dir prefix: {new_uri} -> {run.directory}{new_uri}")
            new_uri = run.directory + new_uri
    elif not rule.flags & _SENDS_AWAY and not new_uri.startswith("/") and absolute(new_uri) is None:
        if run.tracing:
            run.trace(3, f"add root prefix: {new_uri} -> /{new_uri}")
        new_uri = f"/{new_uri}"
    x.filename = new_uri
    split_query(run, rule.flags)


async def _settle(run: Run, rule: Rule) -> None:
    """Whether the result is one for the proxy, for the client, or for this server."""
    x = run.x
    if rule.flags & Flag.PROXY:
        uri = qualified(x, x.filename or "")
        if run.tracing:
            run.trace(2, f"forcing proxy-throughput with {uri}")
        x.filename = PROXY + uri
        return
    if rule.flags & Flag.FORCE_REDIRECT:
        x.filename = qualified(x, x.filename or "")
        if run.tracing:
            run.trace(2, f"explicitly forcing redirect with {x.filename}")
        x.status = rule.status
        return
    path = reduced(run, x.filename or "")
    if path is not None:
        x.filename = path
        x.notes[REDUCED] = "true"
    elif absolute(x.filename or "") is not None:
        if run.tracing:
            run.trace(2, f"implicitly forcing redirect (rc={rule.status} with {x.filename}")
        x.status = rule.status
        return
    if (x.filename or "").startswith("//") and not rule.keeps_slashes:
        x.filename = "/" + (x.filename or "").lstrip("/")
    await _force_type_and_handler(run, rule)
