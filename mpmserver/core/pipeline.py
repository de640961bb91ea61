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
from typing import Any

from mpmserver.core import errors
from mpmserver.core.body import BodyError, ClientGone, Content, Response, Unmeasured
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, InternalRedirect
from mpmserver.core.plan import Step, Steps
from mpmserver.core.redirect import redirected
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import decode_path

Outcome = Response | InternalRedirect | None


async def answer(x: Exchange) -> Exchange:
    """Process a main request; returns the Exchange that holds the response."""
    try:
        outcome = await run_all(x.plan.post_read, x)
    except HTTPError as error:
        return await fail(x, error)
    except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
        return await fail(x, crashed(x))
    return await follow(x, outcome)


async def follow(x: Exchange, outcome: Outcome = None) -> Exchange:
    """Run the phases of `x` (unless POST_READ had an answer) and of whatever it is redirected to."""
    while True:
        try:
            if outcome is None:
                outcome = await phases(x)
            if outcome is None:
                outcome = await handle(x)
            if isinstance(outcome, Response):
                return _answered(x, outcome)
            x = redirected(x, outcome.uri)
            outcome = None
        except HTTPError as error:
            return await fail(x, error)
        except ClientGone:
            raise
        except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
            return await fail(x, crashed(x))


async def phases(x: Exchange) -> Outcome:
    """Everything up to FIXUP: also what a subrequest runs. An internal redirect is read anew, as in Apache."""
    if x.prev is not None and x.main is None:
        outcome = await run_all(x.plan.post_read, x)
        if outcome is not None:
            return outcome
    split_uri(x)
    resolver = x.world.resolver
    resolver.before_translation(x)
    outcome = await run_first(x.plan.translate, x)
    if isinstance(outcome, Response | InternalRedirect):
        return outcome
    outcome = await run_first(x.plan.map_to_storage, x)
    if isinstance(outcome, Response | InternalRedirect):
        return outcome
    if outcome is None:
        resolver.map_to_storage(x)
    else:
        resolver.settle(x, x.settings.sections[: len(x.server.defaults.sections)])
    return await after_walk(x)


async def after_walk(x: Exchange) -> Outcome:
    """The phases that come when the settings are known."""
    if x.main is None:
        outcome = await run_all(x.plan.header_parser, x)
        if outcome is not None:
            return outcome
    outcome = await _authorize(x)
    if outcome is not None:
        return outcome
    outcome = await run_first(x.plan.type, x)
    if isinstance(outcome, Response | InternalRedirect):
        return outcome
    return await run_all(x.plan.fixup, x)


async def handle(x: Exchange) -> Response | InternalRedirect:
    """Insert filters and ask the handlers; raises HTTPError 500 where none answers."""
    await run_all(x.plan.insert_filters, x)
    given = x.handler
    x.handler = given or (x.content_type.partition(";")[0].rstrip() if x.content_type else "default-handler")
    try:
        return await _ask_handlers(x, x.handler)
    finally:
        x.handler = given


async def _ask_handlers(x: Exchange, name: str) -> Response | InternalRedirect:
    for step in x.plan.handlers:
        if step.handler is not None and step.handler != name:
            continue
        outcome = await call(step, x)
        if outcome is HANDLED:
            return Response(x.status)
        if outcome is not None:
            return outcome  # type: ignore[no-any-return]
    x.server.log(Level.WARN, "core", f'AH00523: handler "{name}" not found for: {x.filename}', x)
    raise HTTPError(500)


def split_uri(x: Exchange) -> None:
    """Normalize and unescape `x.uri`; raises HTTPError as Apache does for what is no path."""
    core = x.server[CoreServer]
    raw = x.uri
    if raw == "*" or x.method == "CONNECT":
        return
    x.uri = decode_path(
        raw,
        merge_slashes=core.merge_slashes,
        allow_encoded_slashes=core.allow_encoded_slashes,
        target=x.unparsed_uri,
    )


async def _authorize(x: Exchange) -> Outcome:
    """ACCESS, AUTHN and AUTHZ as Apache's `Satisfy All` has them.

    A request that came from another one by redirect or subrequest, with the same settings, was
    checked already.
    """
    other = x.prev or x.main
    if other is not None and other.settings is x.settings:
        x.user = other.user
        x.auth_type = other.auth_type
        return None
    plan = x.plan
    outcome = await run_all(plan.access, x)
    if outcome is not None:
        return outcome
    verdict = await run_first(plan.access_ex, x)
    if isinstance(verdict, Response | InternalRedirect):
        return verdict
    if verdict is HANDLED or not plan.access_ex:
        return None
    if await run_first(plan.authn, x) is None:
        x.server.log(
            Level.ERROR,
            "core",
            f"AH00027: No authentication done but request not allowed without authentication for {x.uri}. "
            "Authentication not configured?",
            x,
        )
        raise HTTPError(500)
    if await run_first(plan.authz, x) is None:
        raise HTTPError(500)
    return None


async def call(step: Step, x: Exchange) -> Any:
    """Call one hook and tell the tracer, where there is one, what it decided."""
    outcome = step.function(x)
    if step.is_async:
        outcome = await outcome
    if x.trace is not None:
        x.trace(step.hook.phase.value[0], step.module, outcome)
    return outcome


async def run_first(steps: Steps, x: Exchange) -> Any:
    """Ask hooks until one does not decline; returns HANDLED, its outcome, or None."""
    for step in steps:
        outcome = await call(step, x)
        if outcome is not None:
            return outcome
    return None


async def run_all(steps: Steps, x: Exchange) -> Outcome:
    """Ask all hooks; the first that answers or redirects ends the phase."""
    for step in steps:
        outcome = await call(step, x)
        if outcome is not None and outcome is not HANDLED:
            return outcome  # type: ignore[no-any-return]
    return None


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
    failed = await _answer_error(x, error)
    if isinstance(error, BodyError) and error.cause == BodyError.BROKEN:
        without_length(failed)
    return failed


def without_length(x: Exchange) -> None:
    """Have a page sent as Apache sends it behind an answer that it had begun: without a Content-Length."""
    response = x.response
    if response is not None and type(response.body) is Content and not x.header_only:
        response.body = Unmeasured(response.body.data, to_the_end=True)


async def _answer_error(x: Exchange, error: HTTPError) -> Exchange:
    target = errors.prepare(x, error)
    if target is None:
        return x
    new = x
    try:
        new = redirected(x, target, error_document=True)
        outcome = await phases(new)
        while isinstance(outcome, InternalRedirect):
            new = redirected(new, outcome.uri)
            outcome = await phases(new)
        response = outcome or await handle(new)
        if isinstance(response, InternalRedirect):
            return await follow(new, response)
    except HTTPError as second:
        return errors.recursive(x, new, second)
    except ClientGone:
        raise
    except Exception:  # noqa: BLE001 (whatever it was: logged, and a 500)
        return errors.recursive(x, new, crashed(new))
    if response.status == 200:
        response.status = new.status
    return _answered(new, response)
