"""A request from its head to its response, without a socket.

`answer(x)` runs the phases of Apache's request processing, follows internal redirects, turns errors into error
documents or pages, and returns the Exchange whose `response` is to be sent (the last of the chain; LOG runs for the
first). It raises nothing that a client could cause. Where something has to wait it, and each of its steps, gives a
coroutine instead (`steps.py`), whose waits are for the driver.

The phases, in order: POST_READ (main requests only), the URI is normalized and unescaped, <Location>s are
matched, TRANSLATE, MAP_TO_STORAGE (the walks), HEADER_PARSER, ACCESS, AUTHN and AUTHZ, TYPE, FIXUP,
INSERT_FILTERS, HANDLER.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from types import CoroutineType
from typing import Any

from mpmserver.core import errors
from mpmserver.core.authorize import authorize, is_authorized
from mpmserver.core.body import BodyError, ClientGone, Content, Response, Unmeasured
from mpmserver.core.exchange import Exchange
from mpmserver.core.ifwalk import if_walk, if_walk_escaped
from mpmserver.core.module import HANDLED, InternalRedirect
from mpmserver.core.plan import Steps
from mpmserver.core.redirect import KeptType, redirected
from mpmserver.core.settings import Level
from mpmserver.core.steps import Waiting, run, run_all, run_first, then, waited
from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import decode_path, normalize_path, refused_path

Outcome = Response | InternalRedirect | int | None


def answer(x: Exchange, show: Callable[[Exchange], None] = lambda x: None) -> Exchange | Waiting:
    """Process a main request; returns the Exchange that holds the response.

    `show` is called with it when POST_READ has found out who its client is.
    """
    if x.memo is not None and x.plan.impure is not None:
        x.memo.refuse(x.plan.impure)
    try:
        outcome = run(x.plan.post_read, x, HANDLED) if x.plan.post_read else None
        if type(outcome) is CoroutineType:
            return _answer_waiting(x, show, outcome)
    except Exception as error:  # noqa: BLE001 (whatever it was: logged, and a 500)
        return _fallen(x, error)
    show(x)
    return follow(x, outcome)


async def _answer_waiting(x: Exchange, show: Callable[[Exchange], None], begun: Waiting) -> Exchange:
    """Go on with `answer` when POST_READ has waited."""
    try:
        outcome = await begun
    except Exception as error:  # noqa: BLE001 (whatever it was: logged, and a 500)
        answered = _fallen(x, error)
    else:
        show(x)
        answered = follow(x, outcome)
    return await answered if type(answered) is CoroutineType else answered  # type: ignore[return-value]


def follow(x: Exchange, outcome: Outcome = None) -> Exchange | Waiting:
    """Run the phases of `x` (unless POST_READ had an answer) and of whatever it is redirected to."""
    quick = True
    while True:
        try:
            said: Any = phases(x, quick) if outcome is None else outcome
            if said is None:  # 0, which is no status, is no permission to go on either
                said = handle(x)
            if type(said) is Response:
                return _answered(x, said)
            if isinstance(said, int):
                return fail(x, errors.of_status(said))
            if type(said) is CoroutineType:
                return _follow_waiting(x, said)
            quick = said.quick
            x = redirected(x, said.uri, content_type=said.content_type)
            outcome = None
        except HTTPError as error:
            return fail(x, error)
        except Exception as error:  # noqa: BLE001 (whatever it was: logged, and a 500)
            return _fallen(x, error)


async def _follow_waiting(x: Exchange, begun: Waiting) -> Exchange:
    """Go on with `follow` when what its phases or its handler have begun is there."""
    try:
        outcome: Any = await begun
        if outcome is None:
            outcome = handle(x)
        if type(outcome) is CoroutineType:
            outcome = await outcome
    except Exception as error:  # noqa: BLE001 (whatever it was: logged, and a 500)
        answered = _fallen(x, error)
    else:
        answered = follow(x, outcome)
    return await answered if type(answered) is CoroutineType else answered  # type: ignore[return-value]


def _fallen(x: Exchange, error: Exception) -> Exchange | Waiting:
    """Answer what a phase has raised: an error for the client, or a bug."""
    if isinstance(error, ClientGone):
        raise error
    return fail(x, error if isinstance(error, HTTPError) else crashed(x))


def phases(x: Exchange, quick: bool = False) -> Outcome | Waiting:
    """Everything up to FIXUP: also what a subrequest runs. An internal redirect is read anew, as in Apache.

    `quick`: a quick handler may answer; where a handler has redirected, or nothing will be sent, it may not.
    """
    if x.route is not None:
        x.route.lead(x)
        return None
    if not x.plan.begins_plainly or (x.prev is not None and x.plan.post_read):
        return _phases_waiting(x, quick)
    path = x.uri
    if "%" in path or "//" in path or "/." in path or path[:1] != "/" or not path.isascii():
        split_uri(x)
    return _from_translation(x)


async def _phases_waiting(x: Exchange, quick: bool) -> Outcome:
    """As `phases`, where somebody may have to wait before the path is translated."""
    if x.plan.quick or x.prev is not None:
        outcome = await _before_all(x, quick)
        if outcome is not None:
            return outcome
    server = x.server
    is_plain = _is_plain(x.uri)
    if server.has_early_ifs or server.has_pre_translate or (server.locations and not is_plain):
        outcome = await _walk_escaped(x)
        if outcome is not None:
            return outcome
    if not is_plain:
        split_uri(x)
    if server.locations or x.settings is not server.defaults:
        x.world.resolver.before_translation(x)
    if x.settings.ifs:
        await if_walk(x)
    said = _from_translation(x)
    return await said if type(said) is CoroutineType else said  # type: ignore[return-value]


def _from_translation(x: Exchange) -> Outcome | Waiting:
    """TRANSLATE, the walks, and the phases behind them."""
    outcome = run(x.plan.translate, x)
    if outcome is None or outcome is HANDLED:
        return _from_storage(x, None)
    return then(outcome, partial(_from_storage, x)) if type(outcome) is CoroutineType else outcome


def _from_storage(x: Exchange, translated: Any) -> Outcome | Waiting:
    """MAP_TO_STORAGE, unless TRANSLATE has answered; then what comes behind."""
    if translated is not None and translated is not HANDLED:
        return translated  # type: ignore[no-any-return]
    outcome = run(x.server.defaults.plan.map_to_storage, x)
    if outcome is not None:
        return then(outcome, partial(_mapped, x)) if type(outcome) is CoroutineType else _mapped(x, outcome)
    x.world.resolver.map_to_storage(x)
    return after_walk(x, located=True)


def _mapped(x: Exchange, outcome: Any) -> Outcome | Waiting:
    """What comes behind MAP_TO_STORAGE where a hook had something to say, or has waited."""
    if outcome is None:
        x.world.resolver.map_to_storage(x)
    elif outcome is HANDLED:
        x.world.resolver.settle(x, x.server.defaults)
    else:
        return outcome  # type: ignore[no-any-return]
    return after_walk(x, located=True)


async def _before_all(x: Exchange, quick: bool) -> Outcome:
    """What comes before anything is made of the URI: POST_READ of a request that was redirected, quick handlers."""
    if x.prev is not None and x.main is None and x.plan.post_read:
        outcome = await run_all(x.plan.post_read, x)
        if outcome is not None:
            return outcome  # type: ignore[no-any-return]
    verdict = await run_first(x.plan.quick, x) if quick and x.plan.quick else None
    return None if verdict is HANDLED else verdict


def after_walk(x: Exchange, located: bool = False) -> Outcome | Waiting:
    """The phases that come behind the walks, of which that over <If>s is left; `located`: <Location>s were walked."""
    if x.plan.asks_nobody and x.trace is None:
        return _from_type(x)
    return _after_walk_waiting(x, located)


async def _after_walk_waiting(x: Exchange, located: bool) -> Outcome:
    """As `after_walk`, where somebody has to be asked first who may have to wait."""
    if x.settings.ifs:
        await if_walk(x)
    plan = x.plan
    if plan.header_parser and x.main is None:
        outcome = await run_all(plan.header_parser, x)
        if outcome is not None:
            return outcome  # type: ignore[no-any-return]
    if not (plan.lets_all_in and x.trace is None) and not is_authorized(x, located):
        outcome = await authorize(x)
        if outcome is not None:
            return outcome
    said = _from_type(x)
    return await said if type(said) is CoroutineType else said  # type: ignore[return-value]


def _from_type(x: Exchange) -> Outcome | Waiting:
    """TYPE, and FIXUP behind it."""
    outcome = run(x.plan.type, x)
    if outcome is None or outcome is HANDLED:
        return run(x.plan.fixup, x, HANDLED)  # type: ignore[no-any-return]
    return then(outcome, partial(_fix_up, x)) if type(outcome) is CoroutineType else outcome


def _fix_up(x: Exchange, outcome: Any) -> Outcome | Waiting:
    """FIXUP, unless TYPE has answered."""
    if outcome is None or outcome is HANDLED:
        return run(x.plan.fixup, x, HANDLED)  # type: ignore[no-any-return]
    return outcome  # type: ignore[no-any-return]


def handle(x: Exchange) -> Response | InternalRedirect | int | Waiting:
    """Insert filters and ask the handlers; raises HTTPError 500 where none answers."""
    if x.plan.insert_filters:
        outcome = run(x.plan.insert_filters, x, HANDLED)
        if outcome is not None:
            waits = type(outcome) is CoroutineType
            return then(outcome, partial(_inserted, x)) if waits else outcome
    return _ask_handlers(x)


def _inserted(x: Exchange, outcome: Any) -> Response | InternalRedirect | int | Waiting:
    """Ask the handlers, unless INSERT_FILTERS has answered."""
    return _ask_handlers(x) if outcome is None else outcome


def _ask_handlers(x: Exchange, left: Steps | None = None) -> Response | InternalRedirect | int | Waiting:
    """Ask the handlers that the request's handler, or else its media type, names; `left`: those that weren't yet."""
    given = x.handler
    name = x.handler = given or _handler_of_type(x.content_type)
    if left is None:
        left = x.plan.handlers[name]
    try:
        for step in left:
            if step.handler is not None and x.memo is not None and not step.hook.pure(x.settings):
                x.memo.end_at(x, step.module)  # an error, or no answer, is not remembered either
            outcome = step.function(x)
            if type(outcome) is CoroutineType:
                return _handle_waiting(x, name, left[left.index(step) :], outcome)
            if x.trace is not None:
                x.trace("handler", step.module, outcome)
            if outcome is not None:
                return outcome if outcome is not HANDLED else Response(x.status)
    finally:
        x.handler = given
    raise _without_handler(x, name)


async def _handle_waiting(
    x: Exchange, name: str, steps: Steps, begun: Waiting
) -> Response | InternalRedirect | int:
    """Wait for what the first of these handlers has begun; where it declines, the others are asked."""
    given, x.handler = x.handler, name
    try:
        outcome = await begun
    finally:
        x.handler = given
    if x.trace is not None:
        x.trace("handler", steps[0].module, outcome)
    if outcome is None:
        outcome = _ask_handlers(x, steps[1:])
        return await outcome if type(outcome) is CoroutineType else outcome  # type: ignore[return-value]
    return outcome if outcome is not HANDLED else Response(x.status)


def _without_handler(x: Exchange, name: str) -> HTTPError:
    x.server.log(Level.WARN, "core", f'AH00523: handler "{name}" not found for: {x.filename}', x)
    return HTTPError(500)


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


async def _walk_escaped(x: Exchange) -> Outcome:
    """PRE_TRANSLATE, and the <Location>s and <If>s once before the path is unescaped, as in Apache.

    Where nobody would see what it finds, it is left out. Returns what a hook has answered, None where none has.
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
    outcome = await run_first(x.plan.pre_translate, x)
    x.uri = raw
    return None if outcome is HANDLED else outcome


def crashed(x: Exchange) -> HTTPError:
    """A bug in a module costs its request, with the traceback in the error log and nowhere else."""
    x.server.log(Level.ERROR, "core", f"{x.method} {x.unparsed_uri}: {traceback.format_exc().rstrip()}", x)
    return HTTPError(500)


def _answered(x: Exchange, response: Response) -> Exchange:
    x.status = response.status
    x.response = response
    return x


def fail(x: Exchange, error: HTTPError) -> Exchange | Waiting:
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
            return _answer_by_document(x, target, error)
    if isinstance(error, BodyError) and error.cause == BodyError.BROKEN:
        without_length(failed)
    return failed


def without_length(x: Exchange) -> None:
    """Have a page sent as Apache sends it behind an answer that it had begun: without a Content-Length."""
    response = x.response
    if response is not None and type(response.body) is Content and not x.header_only:
        response.body = Unmeasured(response.body.data, to_the_end=True)


async def _answer_by_document(x: Exchange, target: str, error: HTTPError) -> Exchange:
    """Answer an error by an internal redirect to its ErrorDocument; where that fails, too, by a page that says so."""
    failed = await _document_or_page(x, target)
    if isinstance(error, BodyError) and error.cause == BodyError.BROKEN:
        without_length(failed)
    return failed


async def _document_or_page(x: Exchange, target: str) -> Exchange:
    new = x
    try:
        new = redirected(x, target, error_document=True)
        outcome = await waited(phases(new, quick=True))
        while isinstance(outcome, InternalRedirect):
            new = redirected(new, outcome.uri, content_type=outcome.content_type)
            outcome = await waited(phases(new, quick=True))
        response = await waited(handle(new)) if outcome is None else outcome
        if isinstance(response, InternalRedirect):
            return await waited(follow(new, response))  # type: ignore[no-any-return]
        if isinstance(response, int):
            return errors.recursive(x, new, errors.of_status(response))
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
