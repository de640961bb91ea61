"""ACCESS, AUTHN and AUTHZ: whether a request may have what it asks for, and whether that has been found out before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpmserver.core.module import HANDLED, InternalRedirect
from mpmserver.core.settings import Level
from mpmserver.core.steps import run_all, run_first
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.body import Response
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.plan import Steps


def is_authorized(x: Exchange, located: bool) -> bool:
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


async def authorize(x: Exchange) -> Response | InternalRedirect | int | None:
    """ACCESS, AUTHN and AUTHZ: all of them must agree, or with `Satisfy Any` either ACCESS or the rest.

    Returns what a hook answers in the request's place, None where nobody does.
    """
    plan = x.plan
    any_suffices = plan.satisfied_by_any is not None and plan.satisfied_by_any(x.method)
    if any_suffices and await _lets_in(x):
        _trace(x, f"request authorized without authentication by access_checker hook and 'Satisfy any': {x.uri}")
        return None
    doing = "check access (with Satisfy All)"
    try:
        outcome = None if any_suffices else await run_all(plan.access, x)
        if outcome is None:
            doing = "check access"
            outcome = await run_first(plan.access_ex, x)
            if outcome is HANDLED:
                _trace(x, f"request authorized without authentication by access_checker_ex hook: {x.uri}")
                return None
        if outcome is None:
            doing = "check user"
            outcome = await _agreed(x, plan.authn, doing)
            if outcome is None and x.user is None:
                raise _unknown_user(x, any_suffices)
        if outcome is None:
            doing = "check authorization"
            outcome = await _agreed(x, plan.authz, doing)
    except HTTPError as error:
        _trace(x, f"auth phase '{doing}' gave status {error.status}: {x.uri}")
        raise
    if isinstance(outcome, int):
        _trace(x, f"auth phase '{doing}' gave status {outcome}: {x.uri}")
    return outcome  # type: ignore[no-any-return]


async def _agreed(x: Exchange, steps: Steps, doing: str) -> Any:
    """None where a hook says yes to a question that must be answered, else what it answers in the request's place."""
    outcome = await run_first(steps, x)
    if outcome is None:
        raise _undecided(x, doing)
    return None if outcome is HANDLED else outcome


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
