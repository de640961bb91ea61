"""mod_authn_core: AuthType and AuthName, which the authentication modules share."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.core.auth import AuthnDir, auth_type
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError


def _auth_type(build: Build, name: str) -> None:
    build.dir(AuthnDir).auth_type = None if name.lower() == "none" else name


def _auth_name(build: Build, name: str) -> None:
    build.dir(AuthnDir).auth_name = name


def _nobody_came(x: Exchange) -> None:
    """The last to be asked: an AuthType that no module answers to is a mistake of the configuration."""
    kind = auth_type(x)
    if kind is not None:
        x.server.log(Level.ERROR, "authn_core", f"AH01796: AuthType {kind} configured without corresponding module", x)
        raise HTTPError(500)


MODULE = Module(
    "authn_core",
    directives=(
        Directive("AuthType", Shape.TAKE1, OR_AUTHCFG, _auth_type, 'an HTTP authorization type (e.g., "Basic")'),
        Directive("AuthName", Shape.TAKE1, OR_AUTHCFG, _auth_name, 'the authentication realm (e.g. "Members Only")'),
    ),
    hooks=(
        Hook(
            Phase.AUTHN, _nobody_came, Order.LAST,
            applies=lambda settings: settings[AuthnDir].auth_type is not None,
        ),
    ),
    dir_settings=AuthnDir,
)  # fmt: skip
