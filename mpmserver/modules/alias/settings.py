"""Settings of mod_alias: the rules of a server, and those of a section. What stands further in is asked first."""

from __future__ import annotations

from typing import Self

from mpmserver.config.settings import Settings, join_values, setting
from mpmserver.modules.alias.rules import LocationAlias, LocationRedirect, Rule
from mpmserver.records import dataclass


@dataclass(slots=True)
class AliasServer(Settings):
    """Rules outside of sections; a <VirtualHost>'s own come before the main server's."""

    aliases: tuple[Rule, ...] = setting(())
    redirects: tuple[Rule, ...] = setting(())

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        return cls(
            aliases=join_values("append", inner.aliases, outer.aliases),
            redirects=join_values("append", inner.redirects, outer.redirects),
        )


@dataclass(slots=True)
class AliasDir(Settings):
    """Rules inside of sections and .htaccess."""

    redirects: tuple[Rule, ...] = setting(())
    alias: LocationAlias | None = setting(None)
    redirect: LocationRedirect | None = setting(None)
    redirect_relative: bool = setting(False)
    alias_preserve_path: bool = setting(False)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        merged.redirects = join_values("append", inner.redirects, outer.redirects)
        return merged
