"""mod_authn_core: AuthType and AuthName, which the authentication modules share, and aliases of providers.

An <AuthnProviderAlias> is a provider under a name of its own: it asks its base provider, with the directives in the
section over those that hold for the request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mpmserver.config.directive import ACCESS_CONF, OR_AUTHCFG, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.sections import Section, SectionKind
from mpmserver.config.syntax import take_word
from mpmserver.core.auth import AuthnDir, AuthnProvider, answer_of, auth_type, has_fixed_auth_type
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


def _auth_type(build: Build, name: str) -> None:
    build.dir(AuthnDir).auth_type = None if name.lower() == "none" else _text(build, name)


def _auth_name(build: Build, name: str) -> None:
    build.dir(AuthnDir).auth_name = _text(build, name)


def _text(build: Build, text: str) -> str | StringExpression:
    try:
        expression = compile_string(build, text)
    except ConfigError as error:
        build.fail(f"Cannot parse expression '{text}' in {build.name}: {error.message}")
    return expression if expression.constant is None else expression.constant


async def _nobody_came(x: Exchange) -> Handled:
    """The last to be asked: an AuthType that no module answers to is a mistake of the configuration."""
    kind = await auth_type(x)
    if kind is not None:
        x.server.log(Level.ERROR, "authn_core", f"AH01796: AuthType {kind} configured without corresponding module", x)
        raise HTTPError(500)
    return HANDLED


def _alias(build: Build, arguments: str) -> None:
    """<AuthnProviderAlias PROVIDER ALIAS>."""
    build.forbid_within("<VirtualHost")
    base_name, rest = take_word(arguments)
    alias, _rest = take_word(rest)
    if not base_name or not alias:
        build.fail(f"{build.name}> directive requires additional arguments")
    if base_name.lower() == alias.lower():
        build.fail("The alias provider name must be different from the base provider name.")
    section = Section(SectionKind.SERVER, "", build.origin)
    inside = build.enter(section, build.name, override=OR_AUTHCFG | ACCESS_CONF)
    inside.walk(build.node.children or ())
    if build.configuration.provider("authn", alias) is not None:
        build.fail(
            f"The alias provider {alias} has already be registered previously as either a base provider or an alias "
            "provider."
        )
    base = build.configuration.provider("authn", base_name)
    if base is None:
        build.fail(f"Unknown Authn provider: {base_name}")
    build.configuration.providers["authn", alias] = _aliased(base, section)


def _aliased(base: AuthnProvider, section: Section) -> AuthnProvider:
    asked = base.realm_hash
    return AuthnProvider(_Within(section, base.check), None if asked is None else _Within(section, asked))


@dataclass(frozen=True, slots=True)
class _Within:
    """A provider's function, called with the settings of an alias over the request's own."""

    section: Section
    function: Callable[[Exchange, str, str], Any]

    async def __call__(self, x: Exchange, user: str, secret: str) -> Any:
        own = x.settings
        x.settings = x.server.merge((*own.sections, self.section))
        try:
            return await answer_of(self.function(x, user, secret))
        finally:
            x.settings = own


MODULE = Module(
    "authn_core",
    directives=(
        Directive("AuthType", Shape.TAKE1, OR_AUTHCFG, _auth_type, 'an HTTP authorization type (e.g., "Basic")'),
        Directive("AuthName", Shape.TAKE1, OR_AUTHCFG, _auth_name, 'the authentication realm (e.g. "Members Only")'),
        Directive("<AuthnProviderAlias", Shape.RAW_ARGS, RSRC_CONF, _alias,
            "container for grouping an authentication provider's directives under a provider alias"),
    ),
    hooks=(Hook(Phase.AUTHN, _nobody_came, Order.LAST, pure=has_fixed_auth_type),),
    dir_settings=AuthnDir,
)  # fmt: skip
