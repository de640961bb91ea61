"""<AuthzProviderAlias>: a provider with fixed arguments, and settings of its own, under another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpmserver.config.directive import ACCESS_CONF, OR_AUTHCFG
from mpmserver.config.errors import ConfigError
from mpmserver.config.sections import Section, SectionKind
from mpmserver.config.syntax import take_word
from mpmserver.core.auth import Authz, AuthzProvider, answer_of, no_words
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


@dataclass(frozen=True, slots=True)
class _Alias:
    """The check of an alias: its base's, with the alias's settings over those of the request."""

    base: AuthzProvider
    parsed: Any
    section: Section

    async def __call__(self, x: Exchange, ignored: None) -> Authz:
        own = x.settings
        x.settings = x.server.merge((*own.sections, self.section))
        try:
            verdict: Authz = await answer_of(self.base.check(x, self.parsed))
        finally:
            x.settings = own
        return verdict


def add_alias(build: Build, arguments: str) -> None:
    """<AuthzProviderAlias PROVIDER ALIAS [ARGUMENTS]>; an alias may take a name that is taken."""
    build.forbid_within("<VirtualHost")
    base_name, rest = take_word(arguments)
    alias, rest = take_word(rest)
    text, rest = take_word(rest)
    if not base_name or not alias:
        build.fail(f"{build.name}> directive requires additional arguments")
    if rest:
        build.warn(
            f"AH10142: When several arguments ({text} {take_word(rest)[0]}...) are passed to a {build.name} directive, "
            "they must be enclosed in quotation marks.  Otherwise, only the first one is taken into account"
        )
    section = Section(SectionKind.SERVER, "", build.origin)
    inside = build.enter(section, build.name, override=OR_AUTHCFG | ACCESS_CONF)
    inside.walk(build.node.children or ())
    base = build.configuration.provider("authz", base_name)
    if not isinstance(base, AuthzProvider):
        build.fail(f"Unknown Authz provider: {base_name}")
    try:
        parsed = base.parse(build, text)
    except ConfigError as error:
        build.fail(f"Can't parse 'Require {base_name} {text}': {error.message}")
    build.configuration.providers["authz", alias] = AuthzProvider(no_words, _Alias(base, parsed, section))
