"""The authorization providers that need no other module: all, env, method; expr says what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from mpmserver.config.syntax import words
from mpmserver.core.auth import Authz, AuthzProvider
from mpmserver.core.settings import CoreServer
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
    return Authz.GRANTED if any(name in x.env for name in names) else Authz.DENIED


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


def _parse_expr(build: Build, text: str) -> NoReturn:
    build.fail("Require expr needs the expression language, which this version does not have")


def _never(x: Exchange, parsed: Any) -> Authz:
    return Authz.GENERAL_ERROR


PROVIDERS: dict[tuple[str, str], Any] = {
    ("authz", "all"): AuthzProvider(_parse_all, _check_all),
    ("authz", "env"): AuthzProvider(_parse_words, _check_env),
    ("authz", "method"): AuthzProvider(_parse_methods, _check_method),
    ("authz", "expr"): AuthzProvider(_parse_expr, _never),
}
