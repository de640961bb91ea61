"""mod_auth_basic: the Basic scheme (RFC 7617) over providers that know passwords."""

from __future__ import annotations

import base64
import inspect
import re
from dataclasses import dataclass

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.auth import Authn, AuthnDir, AuthnProvider, auth_type
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets

_BASE64 = re.compile(r"[A-Za-z0-9+/]*", re.ASCII)


@dataclass(slots=True)
class BasicDir(Settings):
    """Providers in the order they are asked; none named means "file"."""

    providers: tuple[tuple[str, AuthnProvider], ...] = setting(())
    authoritative: bool = setting(True)


def _provider(build: Build, name: str) -> None:
    tables = [module.providers for module in build.configuration.modules]
    found = next((providers[("authn", name)] for providers in tables if ("authn", name) in providers), None)
    if found is None:
        build.fail(f"Unknown Authn provider: {name}")
    build.dir(BasicDir).append("providers", (name, found))


def _authoritative(build: Build, on: bool) -> None:
    build.dir(BasicDir).authoritative = on


def _fake(build: Build, user: str, password: str | None = None) -> None:
    if user.lower() != "off":
        build.fail("AuthBasicFake needs the expression language, which this version does not have")


def _use_digest(build: Build, algorithm: str) -> None:
    if algorithm.lower() not in ("md5", "off"):
        build.fail(f"Invalid algorithm in AuthBasicUseDigestAlgorithm: {algorithm}")
    if algorithm.lower() == "md5":
        build.fail("AuthBasicUseDigestAlgorithm MD5 is not supported: this version knows no digest password files")


async def _authenticate(x: Exchange) -> Handled | None:
    """Check the request's credentials; raises HTTPError 401 or 500."""
    if (auth_type(x) or "").lower() != "basic":
        return None
    realm = x.settings[AuthnDir].auth_name
    if not realm:
        _log(x, f"AH01615: need AuthName: {x.uri}")
        raise HTTPError(500)
    x.auth_type = "Basic"
    user, password = _credentials(x)
    x.user = user
    verdict = await _ask(x, user, password)
    if verdict is Authn.GRANTED:
        return HANDLED
    if verdict is not Authn.DENIED and verdict is not Authn.GENERAL_ERROR and not x.settings[BasicDir].authoritative:
        return None
    if verdict is Authn.GENERAL_ERROR:
        raise HTTPError(500)
    if verdict is Authn.DENIED:
        _log(x, f'AH01617: user {user}: authentication failure for "{x.uri}": Password Mismatch')
    else:
        _log(x, f"AH01618: user {user} not found: {x.uri}")
    raise _unauthorized(x)


async def _ask(x: Exchange, user: str, password: str) -> Authn:
    """Ask the providers until one knows the user."""
    providers = x.settings[BasicDir].providers
    if not providers:
        default = x.server.site.providers.get(("authn", "file"))
        if default is None:
            _log(x, "AH01616: No Authn provider configured")
            return Authn.GENERAL_ERROR
        providers = (("file", default),)
    verdict = Authn.USER_NOT_FOUND
    for _name, provider in providers:
        answer = provider.check(x, user, password)
        verdict = await answer if inspect.isawaitable(answer) else answer
        if verdict is not Authn.USER_NOT_FOUND:
            break
    return verdict


def _credentials(x: Exchange) -> tuple[str, str]:
    """User and password of the Authorization header; raises HTTPError 401 where there is none of this scheme."""
    header = x.headers_in.get("Authorization")
    if header is None:
        raise _unauthorized(x)
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "basic":
        _log(x, f"AH01614: client used wrong authentication scheme: {x.uri}")
        raise _unauthorized(x)
    user, _colon, password = decode_credentials(token).partition(":")
    return user, password


def decode_credentials(token: str) -> str:
    """The text behind a base64 token: as far as it is base64, up to a NUL, whatever follows. (ap_pbase64decode)"""
    match = _BASE64.match(token.lstrip(" \t"))
    digits = match[0] if match is not None else ""
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    octets = base64.b64decode(digits + "=" * (-len(digits) % 4))
    return octets.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _challenge(x: Exchange) -> str:
    realm = (x.settings[AuthnDir].auth_name or "").replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{path_octets(realm)}"'


def _unauthorized(x: Exchange) -> HTTPError:
    x.err_headers_out.set("WWW-Authenticate", _challenge(x))
    return HTTPError(401)


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "auth_basic", message, x)


def _wanted(settings: object) -> bool:
    kind: str | None = settings[AuthnDir].auth_type  # type: ignore[index]
    return is_set(kind) and (kind or "").lower() == "basic"


MODULE = Module(
    "auth_basic",
    directives=(
        Directive("AuthBasicProvider", Shape.ITERATE, OR_AUTHCFG, _provider,
            "specify the auth providers for a directory or location"),
        Directive("AuthBasicAuthoritative", Shape.FLAG, OR_AUTHCFG, _authoritative,
            "Set to 'Off' to allow access control to be passed along to lower modules "
            "if the UserID is not known to this module"),
        Directive("AuthBasicFake", Shape.TAKE12, OR_AUTHCFG, _fake,
            "Fake basic authentication using the given expressions for username and password, 'off' to disable. "
            "Password defaults to 'password' if missing."),
        Directive("AuthBasicUseDigestAlgorithm", Shape.TAKE1, OR_AUTHCFG, _use_digest,
            "Set to 'MD5' to use the auth provider's authentication check for digest auth, "
            "using a hash of 'user:realm:pass'"),
    ),
    hooks=(Hook(Phase.AUTHN, _authenticate, applies=_wanted),),
    dir_settings=BasicDir,
    providers={("challenge", "basic"): _challenge},
)  # fmt: skip
