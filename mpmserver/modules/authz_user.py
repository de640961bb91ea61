"""mod_authz_user: Require user NAME ... and Require valid-user."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Module
from mpmserver.core.settings import Level


def _parse_users(build: Build, text: str) -> tuple[str, ...]:
    return tuple(words(text))


def _check_user(x: Exchange, names: tuple[str, ...]) -> Authz:
    if x.user is None:
        return Authz.DENIED_NO_USER
    if x.user in names:
        return Authz.GRANTED
    reason = f"user '{x.user}' does not meet 'require'ments for user to be allowed access"
    x.server.log(Level.DEBUG, "authz_user", f"AH01663: access to {x.uri} failed, reason: {reason}", x)
    return Authz.DENIED


def _parse_nothing(build: Build, text: str) -> None:
    return None


def _check_valid(x: Exchange, parsed: None) -> Authz:
    return Authz.GRANTED if x.user is not None else Authz.DENIED_NO_USER


MODULE = Module(
    "authz_user",
    providers={
        ("authz", "user"): AuthzProvider(_parse_users, _check_user),
        ("authz", "valid-user"): AuthzProvider(_parse_nothing, _check_valid),
    },
)
