"""The authorization providers that need no other module: all, env, method, expr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpmserver.config.errors import ConfigError
from mpmserver.config.syntax import WHITE_SPACE, words
from mpmserver.core.auth import Authz, AuthzProvider
from mpmserver.core.environment import get_variable
from mpmserver.core.expr import Condition, compile_condition
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.limits import REGISTERED_METHODS

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


def _parse_all(build: Build, text: str) -> Authz:
    verdict = {"granted": Authz.GRANTED, "denied": Authz.DENIED}.get(text.lower())
    if verdict is None:
        build.fail("Argument for 'Require all' must be 'granted' or 'denied'")
    return verdict


def _check_all(x: Exchange, verdict: Authz) -> Authz:
    return verdict


def _parse_words(build: Build, text: str) -> tuple[str, ...]:
    return tuple(words(text))


def _check_env(x: Exchange, names: tuple[str, ...]) -> Authz:
    return Authz.GRANTED if any(get_variable(x.env, name) is not None for name in names) else Authz.DENIED


def _parse_methods(build: Build, text: str) -> frozenset[str]:
    """Methods that are known or registered; HEAD goes with GET."""
    known = {"HEAD", *REGISTERED_METHODS, *(build.main(CoreServer).http_methods or ())}
    given = words(text)
    for name in given:
        if name not in known:
            build.fail(f"Invalid Method '{name}'")
    return frozenset("GET" if name == "HEAD" else name for name in given)


def _check_method(x: Exchange, methods: frozenset[str]) -> Authz:
    method = "GET" if x.method == "HEAD" else x.method
    return Authz.GRANTED if method in methods else Authz.DENIED


def _parse_expr(build: Build, text: str) -> Condition:
    """An expression; quotes around all of it do not belong to it."""
    if text.startswith('"'):
        text = text[1:].rstrip(WHITE_SPACE).removesuffix('"')
    try:
        return compile_condition(build, text)
    except ConfigError as error:
        build.fail(f"Cannot parse expression in require line: {error.message}")


async def _check_expr(x: Exchange, condition: Condition) -> Authz:
    """Where it doesn't hold but asks for the user, authentication may help."""
    holds, failure = await condition.evaluate_async(x)
    if failure is not None:
        x.server.log(Level.ERROR, "authz_core", f"AH02320: Error evaluating expression in 'Require expr': {failure}", x)
        return Authz.GENERAL_ERROR
    if holds:
        return Authz.GRANTED
    return Authz.DENIED_NO_USER if condition.asks_user else Authz.DENIED


PROVIDERS: dict[tuple[str, str], Any] = {
    ("authz", "all"): AuthzProvider(_parse_all, _check_all, pure=True, constant=True),
    ("authz", "env"): AuthzProvider(_parse_words, _check_env, pure=True),
    ("authz", "method"): AuthzProvider(_parse_methods, _check_method, pure=True),
    ("authz", "expr"): AuthzProvider(_parse_expr, _check_expr, pure=lambda condition: condition.is_pure),
}
