"""mod_env: environment variables for scripts, from the configuration and from the server's own environment.

Apache's tables ignore case but keep the spelling that came first, and UnsetEnv is forgotten as soon as its section
has been merged with one further in; both are kept here.
"""

from __future__ import annotations

import os
from typing import Any, Self

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.environment import set_variable, unset_variable
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.records import dataclass


@dataclass(slots=True)
class EnvDir(Settings):
    """What holds in a section: variables with their values, and names that this section takes back (lower case)."""

    values: dict[str, str] = setting({})
    unset: tuple[str, ...] = setting(())

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        values = dict(outer.values) if is_set(outer.values) else {}
        for name in inner.unset if is_set(inner.unset) else ():
            unset_variable(values, name)
        for name, value in (inner.values if is_set(inner.values) else {}).items():
            set_variable(values, name, value)
        return cls(values=values)


def fixup(x: Exchange) -> None:
    """Give the request the variables of its sections."""
    for name, value in x.settings[EnvDir].values.items():
        set_variable(x.env, name, value)


def set_env(build: Build, name: str, value: str = "") -> None:
    before, equals, after = name.partition("=")
    if equals:
        build.warn(
            "AH10032: Spurious usage of '=' in an environment variable name. "
            f"'{build.name} {before} {after}' expected instead?"
        )
    set_variable(build.dir(EnvDir).table("values"), name, value)


def pass_env(build: Build, name: str) -> None:
    value = os.environ.get(name)
    if value is None:
        build.warn(f"AH01506: PassEnv variable {name} was undefined")
        return
    set_variable(build.dir(EnvDir).table("values"), name, value)


def unset_env(build: Build, name: str) -> None:
    env = build.dir(EnvDir)
    env.append("unset", name)
    unset_variable(env.table("values"), name)


def _applies(settings: Any) -> bool:
    return bool(settings[EnvDir].values)


def _pure(settings: Any) -> bool:
    return True


MODULE = Module(
    "env",
    directives=(
        Directive(
            "PassEnv", Shape.ITERATE, OR_FILEINFO, pass_env,
            "a list of environment variables to pass to CGI.",
        ),
        Directive(
            "SetEnv", Shape.TAKE12, OR_FILEINFO, set_env,
            "an environment variable name and optional value to pass to CGI.",
        ),
        Directive(
            "UnsetEnv", Shape.ITERATE, OR_FILEINFO, unset_env,
            "a list of variables to remove from the CGI environment.",
        ),
    ),
    hooks=(Hook(Phase.FIXUP, fixup, applies=_applies, pure=_pure),),
    dir_settings=EnvDir,
)  # fmt: skip
