"""mod_authn_anon: users like "anonymous", whose password is an e-mail address that is logged and believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import Authn, AuthnProvider
from mpmserver.core.module import Module
from mpmserver.core.settings import Level
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


@dataclass(slots=True)
class AnonDir(Settings):
    """A section's anonymous users (in lower case) and what is asked of them; outer sections are forgotten."""

    users: tuple[str, ...] = setting(())
    anybody: bool = setting(False)
    """Anonymous *."""
    no_user_id: bool = setting(False)
    must_give_email: bool = setting(True)
    log_email: bool = setting(True)
    verify_email: bool = setting(False)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        return inner


def _anonymous(build: Build, user: str) -> None:
    anon = build.dir(AnonDir)
    if user == "*":
        anon.anybody = True
    else:
        anon.append("users", user.lower())


def _flag(field: str) -> Callable[[Build, bool], None]:
    def apply(build: Build, on: bool) -> None:
        setattr(build.dir(AnonDir), field, on)

    return apply


def _check(x: Exchange, user: str, password: str) -> Authn:
    """Whether this is an anonymous user, and gave what is asked for as a password."""
    anon = x.settings[AnonDir]
    if not anon.users and not anon.anybody:
        return Authn.USER_NOT_FOUND
    known = (anon.anybody or user.lower() in anon.users) if user else anon.no_user_id
    if not known:
        return Authn.USER_NOT_FOUND
    if anon.must_give_email and not password:
        return Authn.DENIED
    if anon.verify_email and not ("@" in password and "." in password):
        return Authn.DENIED
    if anon.log_email and x.main is None and x.prev is None:
        x.server.log(Level.INFO, "authn_anon", f"AH01672: Anonymous: Passwd <{password}> Accepted", x)
    return Authn.GRANTED


_FLAGS = (
    ("Anonymous_MustGiveEmail", "must_give_email"),
    ("Anonymous_NoUserId", "no_user_id"),
    ("Anonymous_VerifyEmail", "verify_email"),
    ("Anonymous_LogEmail", "log_email"),
)

MODULE = Module(
    "authn_anon",
    directives=(
        Directive("Anonymous", Shape.ITERATE, OR_AUTHCFG, _anonymous, "a space-separated list of user IDs"),
        *(
            Directive(name, Shape.FLAG, OR_AUTHCFG, _flag(field), "Limited to 'on' or 'off'")
            for name, field in _FLAGS
        ),
    ),
    dir_settings=AnonDir,
    providers={("authn", "anon"): AuthnProvider(_check)},
)
