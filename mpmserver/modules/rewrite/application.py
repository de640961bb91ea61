"""One rule applied to a request: its pattern, its conditions, its substitution, and what else its flags ask for.

Called by the engine (`engine.py`) for each rule whose pattern says yes: `apply_plain_rule` for one that waits for
nothing and sets nothing, as most are, `apply_rule` for all others. The order of things is Apache's and can be seen: the
pattern is asked before the conditions, variables and cookies are set before the request takes on its new file name, and
a rule that substitutes nothing still sets them.
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
    SENT_AWAY = enum.auto()
    """Substituted by an absolute URL, behind which nothing else is asked."""
    REFUSED = enum.auto()


NO_MATCH, NOTED, SUBSTITUTED, SENT_AWAY, REFUSED = Effect
"""By names of their own, for looking up an enumeration's member takes longer than most of what is done with it."""


def apply_plain_rule(run: Run, rule: Rule) -> Effect:
    """Do what a rule says that is plain (`Rule.is_plain`); `run.rule_match` is its pattern's match."""
    if rule.conditions and not _hold(run, rule):
        return NO_MATCH
    output = rule.output
    if output is None:
        _note_status(run, rule)
        return NOTED
    text, from_outside = output.expand_watching(run)
    if rule.sends_away and not run.tracing and "?" not in text:
        run.x.filename, run.x.status = text, rule.status
        return SENT_AWAY
    if (from_outside or run.tracing) and _is_unsafe(run, rule, text, from_outside):
        return REFUSED
    _settle(run, rule, text)
    return SUBSTITUTED


async def apply_rule(run: Run, rule: Rule) -> Effect:
    """As `apply_plain_rule`, for any rule."""
    if rule.conditions and not (await _hold_async(run, rule) if rule.is_async else _hold(run, rule)):
        return NO_MATCH
    output = rule.output
    if output is None:
        await _expand_extras(run, rule)
        await _force_type_and_handler(run, rule)
        _note_status(run, rule)
        return NOTED
    text, from_outside = await output.expand_watching_async(run)
    if _is_unsafe(run, rule, text, from_outside):
        return REFUSED
    await _expand_extras(run, rule)
    if _settle(run, rule, text):
        await _force_type_and_handler(run, rule)
    return SUBSTITUTED


def _note_status(run: Run, rule: Rule) -> None:
    """The status of a rule that substitutes nothing, where it has one."""
    if rule.flags & Flag.STATUS:
        if run.tracing:
            run.trace(2, f"forcing responsecode {rule.status} for {run.x.filename}")
        run.x.status = rule.status


def _is_unsafe(run: Run, rule: Rule, text: str, from_outside: bool) -> bool:
    """Whether a substitution must not be used: a question mark came into its path from outside."""
    if run.tracing:
        run.trace(2, f"rewrite '{run.uri}' -> '{text}'")
    if not from_outside or rule.flags & Flag.UNSAFE_ALLOW_3F:
        return False
    message = "AH10508: Unsafe URL with %3f URL rewritten without UnsafeAllow3F"
    run.x.server.log(Level.ERROR, "rewrite", message, run.x)
    run.x.status = 403
    return True


def _hold(run: Run, rule: Rule) -> bool:
    """Whether all conditions hold, those joined by OR as one."""
    conditions = rule.conditions
    if rule.all_conditions:
        for condition in conditions:
            if not condition.holds(run):
                return False
        run.vary, run.vary_now = run.vary_now, run.vary
        return True
    index, count = 0, len(conditions)
    while 0 <= index < count:
        index = _next(run, conditions, index, conditions[index].holds(run))
    return index > 0


async def _hold_async(run: Run, rule: Rule) -> bool:
    """As `_hold`, waiting where that is necessary."""
    conditions = rule.conditions
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
        run.vary_now = ()
        return index + 1 if flags & ConditionFlag.OR_NEXT else -1
    if run.vary_now:
        if not flags & ConditionFlag.NO_VARY:
            run.vary += run.vary_now
        run.vary_now = ()
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
    if flags & Flag.DISCARD_PATH_INFO and run.directory is not None:
        x.path_info = ""
    scheme = rule.scheme or absolute(new_uri)
    if scheme is None and new_uri[:1] != "/":
        new_uri = _below_place(run, rule, new_uri)
        scheme = absolute(new_uri)
    x.filename = new_uri
    if "?" in new_uri or flags & _DROPS_QUERY or (scheme is not None and not scheme.has_query):
        split_query(run, flags, scheme)
    if not flags & _SENDS_AWAY:
        return _keep(run, rule, scheme)
    if scheme is None or flags & Flag.PROXY:
        _qualify(run, rule, scheme)
    if not flags & Flag.PROXY:
        if run.tracing:
            run.trace(2, f"explicitly forcing redirect with {x.filename}")
        x.status = rule.status
    return False


def _below_place(run: Run, rule: Rule, new_uri: str) -> str:
    """A relative substitution below the directory of its rules, or the root of the server's."""
    if run.directory is not None:
        if run.is_proxy:
            return new_uri
        if run.tracing:
            run.trace(3, f"add per-dir prefix: {new_uri} -> {run.directory}{new_uri}")
        return run.directory + new_uri
    if rule.flags & _SENDS_AWAY:
        return new_uri
    if run.tracing:
        run.trace(3, f"add root prefix: {new_uri} -> /{new_uri}")
    return f"/{new_uri}"


def _qualify(run: Run, rule: Rule, scheme: Absolute | None) -> None:
    """Make the file name a whole URL; where it is for the proxy, mark it so."""
    x = run.x
    uri = x.filename or ""
    if scheme is None:
        uri = qualified(x, uri)
    if rule.flags & Flag.PROXY:
        if run.tracing:
            run.trace(2, f"forcing proxy-throughput with {uri}")
        uri = PROXY + uri
    x.filename = uri


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
