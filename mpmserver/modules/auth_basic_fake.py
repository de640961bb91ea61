"""AuthBasicFake, of mod_auth_basic: credentials made of expressions, for programs that want some.

The request's Authorization field is replaced in FIXUP, when authentication and authorization are done with.
"""

from __future__ import annotations

import base64

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Fake:
    """A user's name and password; no names are `off`."""

    user: StringExpression | None
    password: StringExpression | None


def parse_fake(build: Build, user: str, password: str = "password") -> Fake:
    """AuthBasicFake off | user [password]."""
    if user.lower() == "off":
        return Fake(None, None)
    try:
        name = compile_string(build, user)
    except ConfigError as error:
        build.fail(f"Could not parse fake username expression '{user}': {error.message}")
    try:
        return Fake(name, compile_string(build, password))
    except ConfigError as error:
        build.fail(f"Could not parse fake password expression associated to user '{user}': {error.message}")


async def use_fake(x: Exchange, fake: Fake) -> None:
    """Put the credentials into the request's head, or none where one of them is empty; raises HTTPError 500."""
    if fake.user is None or fake.password is None:
        return
    user = await _said(x, fake.user, "AH02455", "AH02458", "user")
    password = None if user is None else await _said(x, fake.password, "AH02456", "AH02459", "password")
    headers = x.own_headers_in()
    if user is None or password is None:
        headers.unset("Authorization")
        return
    octets = f"{user}:{password}".encode("utf-8", "surrogateescape")
    value = f"Basic {base64.b64encode(octets).decode('ascii')}"
    headers.set("Authorization", value)
    x.server.log(Level.INFO, "auth_basic", f'AH02457: AuthBasicFake: "Authorization: {value}"', x)


async def _said(x: Exchange, expression: StringExpression, failed: str, empty: str, what: str) -> str | None:
    """What one of the expressions says, None where that is nothing; the AH numbers are those of the messages."""
    text, failure = await expression.evaluate_async(x)
    if failure is not None:
        message = f"{failed}: AuthBasicFake: could not evaluate {what} expression for URI '{x.uri}': {failure}"
        x.server.log(Level.ERROR, "auth_basic", message, x)
        raise HTTPError(500)
    if not text:
        name = "username" if what == "user" else what
        message = f"{empty}: AuthBasicFake: empty {name} expression for URI '{x.uri}', ignoring"
        x.server.log(Level.INFO, "auth_basic", message, x)
    return text or None
