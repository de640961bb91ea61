"""The hooks: first without a user, so that who needs none is not asked for a password; then with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.auth import Authz, auth_type, may_have_auth_type, note_failure
from mpmserver.core.module import HANDLED, Handled
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.modules.authz_core.requirements import AuthzDir, Requirement, decide

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


async def authorize_userless(x: Exchange) -> Handled | None:
    """Decide what can be decided without a user; declines where one could help."""
    return await _authorize(x, after_authn=False)


async def authorize_user(x: Exchange) -> Handled | None:
    """Decide for the authenticated user."""
    return await _authorize(x, after_authn=True)


async def _authorize(x: Exchange, after_authn: bool) -> Handled | None:
    section = x.settings[AuthzDir]
    explain = _explain if x.server.logs(Level.DEBUG, "authz_core", x) else None
    if section.tree is None:
        if may_have_auth_type(x.settings) and await auth_type(x) is not None:
            _log(x, "AH01627: AuthType configured with no corresponding authorization directives")
            raise HTTPError(500)
        if explain is not None:
            x.server.log(Level.DEBUG, "authz_core", "AH01628: authorization result: granted (no directives)", x)
        return HANDLED
    verdict = await decide(x, section.tree, explain=explain)
    if verdict is Authz.GRANTED:
        return HANDLED
    if verdict is Authz.GENERAL_ERROR:
        raise HTTPError(500)
    if verdict is Authz.DENIED_NO_USER:
        if not after_authn:
            return None
        _log(x, f"AH01629: authorization failure (no authenticated user): {x.uri}")
        await note_failure(x)
        raise HTTPError(401)
    if not after_authn or await auth_type(x) is None:
        what = x.filename or f"uri {x.uri}"
        _log(x, f"AH01630: client denied by server configuration: {what}")
        raise HTTPError(403)
    _log(x, f'AH01631: user {x.user}: authorization failure for "{x.uri}": ')
    if section.forbidden_on_failure:
        raise HTTPError(403)
    await note_failure(x)
    raise HTTPError(401)


def _explain(x: Exchange, requirement: Requirement, verdict: Authz, concerned: bool) -> None:
    """What one requirement said, for LogLevel debug."""
    number, why = ("AH01626", "") if concerned else ("AH01625", " (directive limited to other methods)")
    text = f"{number}: authorization result of {requirement.name}: {verdict.told}{why}"
    x.server.log(Level.DEBUG, "authz_core", text, x)


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "authz_core", message, x)
