"""mod_env: environment variables for scripts, from the configuration and from the server's own environment.

Apache's tables ignore case but keep the spelling that came first, and UnsetEnv is forgotten as soon as its section
has been merged with one further in; both are kept here. `set_variable`, `get_variable` and `unset_variable` treat a
request's environment as such a table, for mod_setenvif too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_FILEINFO, Directive, Shape
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase


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


def _key(env: dict[str, str], name: str) -> str | None:
    """The spelling under which `name` is in `env`, None where it is not."""
    if name in env:
        return name
    lower = name.lower()
    return next((key for key in env if len(key) == len(lower) and key.lower() == lower), None)


def get_variable(env: dict[str, str], name: str) -> str | None:
    """Return a variable's value whatever the case of its name, None where there is none."""
    key = _key(env, name)
    return None if key is None else env[key]


def set_variable(env: dict[str, str], name: str, value: str) -> None:
    """Set a variable; one that differs in case only keeps its spelling."""
    env[_key(env, name) or name] = value


def unset_variable(env: dict[str, str], name: str) -> None:
    """Remove a variable whatever the case of its name."""
    key = _key(env, name)
    if key is not None:
        del env[key]


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
