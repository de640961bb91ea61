"""A request's environment and notes as Apache's tables: the case of names doesn't matter, the first spelling stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def _key(env: Mapping[str, object], name: str) -> str | None:
    """The spelling under which `name` is in `env`, None where it is not."""
    if name in env:
        return name
    if env:
        lower = name.lower()
        for key in env:
            if len(key) == len(lower) and key.lower() == lower:
                return key
    return None


def get_variable(env: Mapping[str, T], name: str) -> T | None:
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
