"""A request from its head to its response, without a socket.

`answer(x)` runs the phases of Apache's request processing, follows internal redirects, turns errors into error
documents or pages, and returns the Exchange whose `response` is to be sent (the last of the chain; LOG runs for the
first). It raises nothing that a client could cause; waits pass through it to the driver.

The phases, in order: POST_READ (main requests only), the URI is normalized and unescaped, <Location>s are
matched, TRANSLATE, MAP_TO_STORAGE (the walks), HEADER_PARSER, ACCESS, AUTHN and AUTHZ, TYPE, FIXUP,
INSERT_FILTERS, HANDLER.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from mpmserver.core import errors
from mpmserver.core.body import BodyError, ClientGone, Content, Response, Unmeasured
from mpmserver.core.exchange import Exchange
from mpmserver.core.ifwalk import if_walk, if_walk_escaped
from mpmserver.core.module import HANDLED, Handled, InternalRedirect
from mpmserver.core.plan import Steps
from mpmserver.core.redirect import KeptType, redirected
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import decode_path, normalize_path, refused_path

Outcome = Response | InternalRedirect | None


async def answer(x: Exchange, show: Callable[[Exchange], None] = lambda x: None) -> Exchange:
    """Process a main request; returns the Exchange that holds the response.

    `show` is called with it when POST_READ has found out who its client is.
    """
    if x.memo is not None and x.plan.impure is not None:
        x.memo.refuse(x.plan.impure)
    try:
        outcome = await run_all(x.plan.post_read, x) if x.plan.post_read else None
    except HTTPError as error:
        return await fail(x, error)
    except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
        return await fail(x, crashed(x))
    show(x)
    return await follow(x, outcome)


async def follow(x: Exchange, outcome: Outcome = None) -> Exchange:
    """Run the phases of `x` (unless POST_READ had an answer) and of whatever it is redirected to."""
    quick = True
    while True:
        try:
            if outcome is None:
                outcome = await phases(x, quick) or await handle(x)
            if isinstance(outcome, Response):
                return _answered(x, outcome)
            quick = outcome.quick
            x = redirected(x, outcome.uri, content_type=outcome.content_type)
            outcome = None
        except HTTPError as error:
            return await fail(x, error)
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
            return await fail(x, crashed(x))


async def phases(x: Exchange, quick: bool = False) -> Outcome:
    """Everything up to FIXUP: also what a subrequest runs. An internal redirect is read anew, as in Apache.

    `quick`: a quick handler may answer; where a handler has redirected, or nothing will be sent, it may not.
    """
    server = x.server
    if x.plan.quick or x.prev is not None:
        outcome = await _before_all(x, quick)
        if outcome is not None:
            return outcome
    is_plain = _is_plain(x.uri)
    if server.has_early_ifs or server.has_pre_translate or (server.locations and not is_plain):
        await _walk_escaped(x)
    if not is_plain:
        split_uri(x)
    resolver = x.world.resolver
    if server.locations or x.settings is not server.defaults:
        resolver.before_translation(x)
    if x.settings.ifs:
        await if_walk(x)
    outcome = run(x.plan.translate, x)
    if type(outcome) is CoroutineType:
        outcome = await outcome
    if outcome is not None and outcome is not HANDLED:
        return outcome  # type: ignore[no-any-return]
    outcome = run(server.defaults.plan.map_to_storage, x)
    if type(outcome) is CoroutineType:
        outcome = await outcome
    if outcome is None:
        resolver.map_to_storage(x)
    elif outcome is HANDLED:
        resolver.settle(x, server.defaults)
    else:
        return outcome  # type: ignore[no-any-return]
    return await after_walk(x, located=True)


async def _before_all(x: Exchange, quick: bool) -> Outcome:
    """What comes before anything is made of the URI: POST_READ of a request that was redirected, quick handlers."""
    if x.prev is not None and x.main is None and x.plan.post_read:
        outcome = await run_all(x.plan.post_read, x)
        if outcome is not None:
            return outcome
    verdict = await run_first(x.plan.quick, x) if quick and x.plan.quick else None
    return None if verdict is HANDLED else verdict


async def after_walk(x: Exchange, located: bool = False) -> Outcome:
    """The phases that come behind the walks, of which that over <If>s is left; `located`: <Location>s were walked."""
    if x.settings.ifs:
        await if_walk(x)
    plan = x.plan
    if plan.header_parser and x.main is None:
        outcome = await run_all(plan.header_parser, x)
        if outcome is not None:
            return outcome
    if not (plan.lets_all_in and x.trace is None) and not _is_authorized(x, located):
        outcome = await _authorize(x)
        if outcome is not None:
            return outcome
    outcome = run(plan.type, x)
    if type(outcome) is CoroutineType:
        outcome = await outcome
    if outcome is None or outcome is HANDLED:
        outcome = run(plan.fixup, x, HANDLED)
        if type(outcome) is CoroutineType:
            outcome = await outcome
    return outcome  # type: ignore[no-any-return]


async def handle(x: Exchange) -> Response | InternalRedirect:
    """Insert filters and ask the handlers; raises HTTPError 500 where none answers."""
    plan = x.plan
    if plan.insert_filters:
        await run_all(plan.insert_filters, x)
    given = x.handler
    name = x.handler = given or _handler_of_type(x.content_type)
    try:
        for step in plan.handlers_for(name):
            if step.handler is not None and x.memo is not None and not step.hook.pure(x.settings):
                x.memo.refuse(f"mod_{step.module}")  # whatever it says, an error or no answer
            outcome = step.function(x)
            if type(outcome) is CoroutineType:
                outcome = await outcome
            if x.trace is not None:
                x.trace("handler", step.module, outcome)
            if outcome is not None:
                return Response(x.status) if outcome is HANDLED else outcome
    finally:
        x.handler = given
    x.server.log(Level.WARN, "core", f'AH00523: handler "{name}" not found for: {x.filename}', x)
    raise HTTPError(500)


def _handler_of_type(kind: str | None) -> str:
    """The name by which a media type finds its handler, where the request has none."""
    if not kind or type(kind) is KeptType:
        return ""
    return kind.partition(";")[0].rstrip() if ";" in kind else kind.rstrip()


def _is_plain(path: str) -> bool:
    """Whether a path needs neither normalizing nor unescaping, as nearly all do."""
    return "%" not in path and "//" not in path and "/." not in path and path[:1] == "/" and path.isascii()


def split_uri(x: Exchange) -> None:
    """Normalize and unescape `x.uri`; raises HTTPError as Apache does for what is no path."""
    raw = x.uri
    if raw == "*" or x.method == "CONNECT":
        return
    core = x.server.core
    try:
        x.uri = decode_path(
            raw,
            merge_slashes=core.merge_slashes,
            allow_encoded_slashes=core.allow_encoded_slashes,
            target=x.unparsed_uri,
        )
    except HTTPError:
        x.uri = refused_path(raw, core.merge_slashes)
        raise


async def _walk_escaped(x: Exchange) -> None:
    """PRE_TRANSLATE, and the <Location>s and <If>s once before the path is unescaped, as in Apache.

    Where nobody would see what it finds, it is left out.
    """
    raw = x.uri
    if raw != "*" and x.method != "CONNECT":
        merge_slashes = x.server.core.merge_slashes
        try:
            x.uri = normalize_path(raw, merge_slashes, x.unparsed_uri)
        except HTTPError:
            x.uri = refused_path(raw, merge_slashes)
            raise
        x.world.resolver.before_translation(x)
        if x.settings.ifs:
            await if_walk_escaped(x)
    await run_first(x.plan.pre_translate, x)
    x.uri = raw


def _is_authorized(x: Exchange, located: bool) -> bool:
    """Whether the request that this one came from, by redirect or subrequest, has been checked for both.

    As in Apache that is so with the same settings; where a module is loaded that checks by URI (mod_allowmethods), only
    for what exists in the same folder, and where the settings don't come from folders alone, for the same path.
    """
    other = x.prev or x.main
    if other is None or other.settings is not x.settings:
        return False
    if x.server.site.checks_by_uri and not _is_same_place(x, other, located):
        return False
    x.user = other.user
    x.auth_type = other.auth_type
    return True


def _is_same_place(x: Exchange, other: Exchange, located: bool) -> bool:
    if x.finfo is None or x.path_info:
        return False
    if located and x.uri != other.uri and not x.settings.is_of_folders:
        return False
    return (other.filename or "").rpartition("/")[0] == (x.filename or "").rpartition("/")[0]


async def _authorize(x: Exchange) -> Outcome:
    """ACCESS, AUTHN and AUTHZ: all of them must agree, or with `Satisfy Any` either ACCESS or the rest."""
    plan = x.plan
    any_suffices = plan.satisfied_by_any is not None and plan.satisfied_by_any(x.method)
    if any_suffices and await _lets_in(x):
        _trace(x, f"request authorized without authentication by access_checker hook and 'Satisfy any': {x.uri}")
        return None
    doing = "check access (with Satisfy All)"
    try:
        outcome = None if any_suffices else await run_all(plan.access, x)
        if outcome is not None:
            return outcome
        doing = "check access"
        verdict = await run_first(plan.access_ex, x)
        if verdict is HANDLED:
            _trace(x, f"request authorized without authentication by access_checker_ex hook: {x.uri}")
            return None
        if verdict is not None:
            return verdict  # type: ignore[no-any-return]
        doing = "check user"
        if await run_first(plan.authn, x) is None:
            raise _undecided(x, doing)
        if x.user is None:
            raise _unknown_user(x, any_suffices)
        doing = "check authorization"
        if await run_first(plan.authz, x) is None:
            raise _undecided(x, doing)
    except HTTPError as error:
        _trace(x, f"auth phase '{doing}' gave status {error.status}: {x.uri}")
        raise
    return None


async def _lets_in(x: Exchange) -> bool:
    """Whether ACCESS alone would do, where `Satisfy Any` lets it."""
    try:
        return await run_all(x.plan.access, x) is None
    except HTTPError:
        return False


def _unknown_user(x: Exchange, any_suffices: bool) -> HTTPError:
    """A user is wanted, and nothing says how to find one."""
    number = "AH00028" if any_suffices else "AH00027"
    reason = f"No authentication done but request not allowed without authentication for {x.uri}."
    x.server.log(Level.ERROR, "core", f"{number}: {reason} Authentication not configured?", x)
    return HTTPError(500)


def _undecided(x: Exchange, what: str) -> HTTPError:
    """No module knew how to answer a question that must be answered."""
    x.server.log(Level.CRIT, "core", f"AH00025: configuration error:  couldn't {what}: {x.uri}", x)
    return HTTPError(500)


def _trace(x: Exchange, message: str) -> None:
    if x.server.logs(Level.TRACE3, "core", x):
        x.server.log(Level.TRACE3, "core", message, x)


def run(steps: Steps, x: Exchange, passing: Handled | None = None) -> Any:
    """Ask hooks until one does not decline; returns HANDLED, its outcome, or None; where one waits a coroutine of that.

    `passing`: an outcome behind which the others are asked all the same, HANDLED in phases that run all hooks.
    """
    for step in steps:
        outcome = step.function(x)
        if outcome is None and x.trace is None:
            continue
        if type(outcome) is CoroutineType:
            return _run_waiting(steps[steps.index(step) :], x, passing, outcome)
        if x.trace is not None:
            x.trace(step.hook.phase.value[0], step.module, outcome)
        if outcome is not None and outcome is not passing:
            return outcome
    return None


async def _run_waiting(steps: Steps, x: Exchange, passing: Handled | None, begun: Any) -> Any:
    """Go on with `run`, from the first of these steps on: it has `begun` already."""
    for step in steps:
        outcome = step.function(x) if begun is None else begun
        begun = None
        if type(outcome) is CoroutineType:
            outcome = await outcome
        if x.trace is not None:
            x.trace(step.hook.phase.value[0], step.module, outcome)
        if outcome is not None and outcome is not passing:
            return outcome
    return None


async def run_first(steps: Steps, x: Exchange) -> Any:
    """As `run`, waited for."""
    outcome = run(steps, x)
    return await outcome if type(outcome) is CoroutineType else outcome


async def run_all(steps: Steps, x: Exchange) -> Outcome:
    """Ask all hooks; the first that answers or redirects ends the phase."""
    outcome = run(steps, x, HANDLED)
    return await outcome if type(outcome) is CoroutineType else outcome  # type: ignore[no-any-return]


def crashed(x: Exchange) -> HTTPError:
    """A bug in a module costs its request, with the traceback in the error log and nowhere else."""
    x.server.log(Level.ERROR, "core", f"{x.method} {x.unparsed_uri}: {traceback.format_exc().rstrip()}", x)
    return HTTPError(500)


def _answered(x: Exchange, response: Response) -> Exchange:
    x.status = response.status
    x.response = response
    return x


async def fail(x: Exchange, error: HTTPError) -> Exchange:
    """Answer an error: by an ErrorDocument's internal redirect, or by the page.

    Where the request's body was at fault Apache has given up the answer once before it makes this one, and
    has no length for it.
    """
    failed = x
    first = x if x.prev is None else errors.first_failure(x)
    if first is not x:
        failed = errors.recursive(first, x, error)
    else:
        target = errors.prepare(x, error)
        if target is not None:
            failed = await _answer_by_document(x, target)
    if isinstance(error, BodyError) and error.cause == BodyError.BROKEN:
        without_length(failed)
    return failed


def without_length(x: Exchange) -> None:
    """Have a page sent as Apache sends it behind an answer that it had begun: without a Content-Length."""
    response = x.response
    if response is not None and type(response.body) is Content and not x.header_only:
        response.body = Unmeasured(response.body.data, to_the_end=True)


async def _answer_by_document(x: Exchange, target: str) -> Exchange:
    """Answer an error by an internal redirect to its ErrorDocument; where that fails, too, by a page that says so."""
    new = x
    try:
        new = redirected(x, target, error_document=True)
        outcome = await phases(new, quick=True)
        while isinstance(outcome, InternalRedirect):
            new = redirected(new, outcome.uri, content_type=outcome.content_type)
            outcome = await phases(new, quick=True)
        response = outcome or await handle(new)
        if isinstance(response, InternalRedirect):
            return await follow(new, response)
    except HTTPError as second:
        failed = errors.recursive(x, new, second)
        if isinstance(second, BodyError) and second.cause == BodyError.BROKEN:
            without_length(failed)
        return failed
    except ClientGone:
        raise
    except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
        return errors.recursive(x, new, crashed(new))
    if response.status == 200:
        response.status = new.status
    return _answered(new, response)
