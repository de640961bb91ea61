"""Rules of a server or virtual host: TRANSLATE, when there is a URI-path and no file name yet.

What a rule makes of the path is a URL to redirect to, or a path: taken for a file name where its first directory exists
and the rule itself named it, else put below the DocumentRoot. PT hands it to the modules that come after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mpmserver.core.environment import get_variable, set_variable
from mpmserver.core.module import HANDLED, Handled
from mpmserver.core.names import construct_url, context_document_root, document_root
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.modules.core.files import translate as core_translate
from mpmserver.modules.rewrite.answers import end_if_settled, redirect
from mpmserver.modules.rewrite.application import REDUCED
from mpmserver.modules.rewrite.engine import apply_rules, drive, go_on_waiting, has_ended
from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteOption, RewriteServer
from mpmserver.modules.rewrite.state import NOTHING, Outcome, Run
from mpmserver.modules.rewrite.trace import is_told
from mpmserver.modules.rewrite.uris import PASS_THROUGH, with_home

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged

_NUMBERS = ("AH10410", "AH00669")
_UNSAFE_PREFIX_STAT = 1 << 22
"""What Apache's own flag is worth, in the trace."""


def translator(settings: Merged) -> Callable[[Exchange], Handled | int | None]:
    """The hook for rules that wait for nothing."""
    begin, rule_set = _beginner(settings), settings.server[RewriteServer].rule_set

    def translate(x: Exchange) -> Handled | int | None:
        run = begin(x)
        if run is None:
            return None
        return _finish(run, apply_rules(run, rule_set) or drive(go_on_waiting(run, rule_set)))

    return translate


def waiting_translator(settings: Merged) -> Callable[[Exchange], Coroutine[Any, Any, Handled | int | None]]:
    """The hook for rules that may have to wait."""
    begin, rule_set = _beginner(settings), settings.server[RewriteServer].rule_set

    async def translate(x: Exchange) -> Handled | int | None:
        run = begin(x)
        if run is None:
            return None
        return _finish(run, apply_rules(run, rule_set) or await go_on_waiting(run, rule_set))

    return translate


def _beginner(settings: Merged) -> Callable[[Exchange], Run | None]:
    """What gives the state of a run through the server's rules, None where a request is not rewritten."""
    allows_any = bool(settings[RewriteDir].options & RewriteOption.ALLOW_ANY_URI)
    told = is_told(settings)

    def begin(x: Exchange) -> Run | None:
        run = Run(x, None, told)
        if not allows_any and (x.unparsed_uri == "*" or x.uri[:1] != "/"):
            if told:
                run.trace(
                    8,
                    f"Declining, request-URI '{x.uri}' is not a URL-path. Consult the manual entry for the "
                    "RewriteOptions directive for options and caveats about matching other strings.",
                )
            return None
        if has_ended(x):
            if told:
                run.trace(8, "Declining, no further rewriting due to END flag")
            return None
        _set_script_variables(x)
        if x.filename is None:
            x.filename = x.uri
            if told:
                run.trace(2, f"init rewrite engine with requested uri {x.filename}")
        elif told:
            run.trace(2, f"init rewrite engine with passed filename {x.filename}. Original uri = {x.uri}")
        run.prepare_uri()
        return run

    return begin


def _set_script_variables(x: Exchange) -> None:
    """SCRIPT_URL, the path that the client asked for, and SCRIPT_URI, the whole URL."""
    if x.main is None:
        path = get_variable(x.env, "REDIRECT_SCRIPT_URL")
        path = x.uri if path is None else path
    else:
        path = get_variable(x.main.env, "SCRIPT_URL") or ""
    set_variable(x.env, "SCRIPT_URL", path)
    set_variable(x.env, "SCRIPT_URI", construct_url(x, path))


def _finish(run: Run, outcome: Outcome) -> Handled | int | None:
    x = run.x
    if outcome is NOTHING:
        if run.tracing:
            run.trace(1, f"pass through {x.filename}")
        return None
    target = run.target or end_if_settled(run, outcome, _NUMBERS)
    if target is not None:
        return redirect(run, outcome, target, run.given_query)
    result = x.filename or ""
    if result.startswith(PASS_THROUGH):
        x.uri = result.removeprefix(PASS_THROUGH)
        return None
    if result.startswith("/~") and x.memo is not None:
        x.memo.refuse("the users' homes")
    x.filename = with_home(result)
    if run.tracing:
        run.trace(2, f"local path result: {x.filename}")
    if not x.filename.startswith("/"):
        raise HTTPError(400)
    keeps = bool(x.server[RewriteServer].options & RewriteOption.LEGACY_PREFIX_DOC_ROOT)
    if not _names_a_file(run, x.filename) or (not keeps and REDUCED in x.notes):
        _prefix_document_root(run)
    if run.tracing:
        run.trace(1, f"go-ahead with {x.filename} [OK]")
    return HANDLED


def _names_a_file(run: Run, path: str) -> bool:
    """Whether a path is one of the file system: its first directory is there, and the rule meant it. (prefix_stat)"""
    first = os.path.normpath(f"/{path.lstrip('/').partition('/')[0]}")
    try:
        run.x.files.stat(first)
    except (OSError, ValueError):
        return False
    rule = run.last_substitution
    if rule is None or rule.output is None:
        if run.tracing:
            run.trace_request(3, f"prefix_stat no lastsub subst prefix {path}")
        return True
    is_unsafe = bool(rule.flags & Flag.UNSAFE_PREFIX_STAT)
    if run.tracing:
        value = _UNSAFE_PREFIX_STAT if is_unsafe else 0
        text = f"prefix_stat compare statpath {first} and lastsub output {rule.output.text} STATOK {value} "
        run.trace_request(3, text)
    if is_unsafe:
        return True
    roots = dict.fromkeys((document_root(run.x), context_document_root(run.x)))
    return _starts_with(run, rule.output.text, first) or any(_starts_with(run, path, root) for root in roots)


def _starts_with(run: Run, text: str, prefix: str) -> bool:
    found = text.startswith(prefix)
    if run.tracing:
        run.trace_request(5, f"prefix_stat startsWith({text}, {prefix}) {int(found)}")
    return found


def _prefix_document_root(run: Run) -> None:
    x = run.x
    uri, x.uri = x.uri, x.filename or ""
    try:
        core_translate(x)
    except HTTPError as error:
        x.server.log(Level.ERROR, "core", error.log, x)
        if run.tracing:
            run.trace(1, f"prefixing with document_root of {x.filename} FAILED")
        raise HTTPError(error.status) from None
    finally:
        x.uri = uri
    if run.tracing:
        run.trace(2, f"prefixed with document_root to {x.filename}")


def applies(settings: Any) -> bool:
    """Whether a server's rules are applied at all."""
    server = settings.server
    here = server[RewriteServer]
    return bool(here.enabled and settings[RewriteDir].enabled and here.owner is server.config)
