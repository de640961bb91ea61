"""mod_authz_user: Require user NAME ... and Require valid-user."""

from __future__ import annotations

from mpmserver.core.auth import Authz, AuthzProvider, RequiredWords, no_words, required_words
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.settings import Level


async def _check_user(x: Exchange, names: RequiredWords) -> Authz:
    if x.user is None:
        return Authz.DENIED_NO_USER
    allowed = await names.of(x)
    if allowed is None:
        return Authz.DENIED
    if x.user in allowed:
        return Authz.GRANTED
    reason = f"user '{x.user}' does not meet 'require'ments for user to be allowed access"
    x.server.log(Level.DEBUG, "authz_user", f"AH01663: access to {x.uri} failed, reason: {reason}", x)
    return Authz.DENIED


def _check_valid(x: Exchange, parsed: None) -> Authz:
    return Authz.GRANTED if x.user is not None else Authz.DENIED_NO_USER


MODULE = Module(
    "authz_user",
    providers={
        ("authz", "user"): AuthzProvider(
            required_words("authz_user", "AH02594: authz_user authorize: require user"), _check_user
        ),
        ("authz", "valid-user"): AuthzProvider(no_words, _check_valid),
    },
)
