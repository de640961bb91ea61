"""mod_auth_basic: the Basic scheme (RFC 7617) over providers that know passwords."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_AUTHCFG, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import (
    Authn,
    AuthnProvider,
    answer_of,
    auth_name,
    auth_type,
    may_have_auth_type,
    named_provider,
    providers_to_ask,
)
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import HANDLED, Handled, Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import decode_base64, escape_quotes, path_octets
from mpmserver.modules.auth_basic_fake import Fake, parse_fake, use_fake
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.site import Merged



@dataclass(slots=True)
class BasicDir(Settings):
    """Providers in the order they are asked; none named means "file"."""

    providers: tuple[AuthnProvider, ...] = setting(())
    authoritative: bool = setting(True)
    fake: Fake | None = setting(None)
    digest_passwords: bool = setting(False)
    """AuthBasicUseDigestAlgorithm MD5: passwords are kept as the hashes that the Digest scheme needs."""


def _provider(build: Build, name: str) -> None:
    build.dir(BasicDir).append("providers", named_provider(build, name))


def _authoritative(build: Build, on: bool) -> None:
    build.dir(BasicDir).authoritative = on


def _fake(build: Build, *words: str) -> None:
    build.dir(BasicDir).fake = parse_fake(build, *words)


async def _use_fake(x: Exchange) -> None:
    """AuthBasicFake: programs are shown other credentials."""
    fake = x.settings[BasicDir].fake
    if fake is not None:
        await use_fake(x, fake)


def _use_digest(build: Build, algorithm: str) -> None:
    if algorithm.lower() not in ("md5", "off"):
        build.fail(f"Invalid algorithm in AuthBasicUseDigestAlgorithm: {algorithm}")
    build.dir(BasicDir).digest_passwords = algorithm.lower() == "md5"


async def _authenticate(x: Exchange) -> Handled | None:
    """Check the request's credentials; raises HTTPError 401 or 500."""
    if (await auth_type(x) or "").lower() != "basic":
        return None
    if await auth_name(x) is None:
        _log(x, f"AH01615: need AuthName: {x.uri}")
        raise HTTPError(500)
    x.auth_type = "Basic"
    user, password = await _credentials(x)
    x.user = user
    verdict = await _ask(x, user, password)
    if verdict is Authn.GRANTED:
        return HANDLED
    if verdict is not Authn.DENIED and not x.settings[BasicDir].authoritative:
        return None
    if verdict is Authn.GENERAL_ERROR:
        raise HTTPError(500)
    if verdict is Authn.DENIED:
        _log(x, f'AH01617: user {user}: authentication failure for "{x.uri}": Password Mismatch')
    else:
        _log(x, f"AH01618: user {user} not found: {x.uri}")
    raise await _unauthorized(x)


async def _ask(x: Exchange, user: str, password: str) -> Authn:
    """Ask the providers until one knows the user."""
    providers = providers_to_ask(x, x.settings[BasicDir].providers)
    if not providers:
        _log(x, "AH01616: No Authn provider configured")
        return Authn.GENERAL_ERROR
    verdict = Authn.USER_NOT_FOUND
    check = _check_digest if x.settings[BasicDir].digest_passwords else _check
    for provider in providers:
        verdict = await check(x, provider, user, password)
        if verdict is not Authn.USER_NOT_FOUND:
            break
    return verdict


async def _check(x: Exchange, provider: AuthnProvider, user: str, password: str) -> Authn:
    verdict: Authn = await answer_of(provider.check(x, user, password))
    return verdict


async def _check_digest(x: Exchange, provider: AuthnProvider, user: str, password: str) -> Authn:
    """Compare with the stored MD5 of user:realm:password."""
    if provider.realm_hash is None:
        _log(x, "AH02493: Authn provider does not support AuthBasicUseDigestAlgorithm")
        return Authn.GENERAL_ERROR
    realm = await auth_name(x) or ""
    stored: str | Authn = await answer_of(provider.realm_hash(x, user, realm))
    if isinstance(stored, Authn):
        return stored
    secret = f"{user}:{realm}:{password}".encode("utf-8", "surrogateescape")
    digest = hashlib.md5(secret, usedforsecurity=False).hexdigest()
    same = hmac.compare_digest(digest.encode(), stored.encode("utf-8", "surrogateescape"))
    return Authn.GRANTED if same else Authn.DENIED


async def _credentials(x: Exchange) -> tuple[str, str]:
    """User and password of the Authorization header; raises HTTPError 401 where there is none of this scheme."""
    header = x.headers_in.get("Authorization")
    if header is None:
        raise await _unauthorized(x)
    scheme, _space, token = header.partition(" ")
    if scheme.lower() != "basic":
        _log(x, f"AH01614: client used wrong authentication scheme: {x.uri}")
        raise await _unauthorized(x)
    user, _colon, password = decode_base64(token.lstrip(" \t")).partition(":")
    return user, password


async def _challenge(x: Exchange) -> None:
    realm = escape_quotes(await auth_name(x) or "")
    x.err_headers_out.set("WWW-Authenticate", f'Basic realm="{path_octets(realm)}"')


async def _unauthorized(x: Exchange) -> HTTPError:
    await _challenge(x)
    return HTTPError(401)


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "auth_basic", message, x)


def _wanted(settings: Merged) -> bool:
    return may_have_auth_type(settings, "basic")


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
    hooks=(
        Hook(Phase.AUTHN, _authenticate, applies=_wanted),
        Hook(Phase.FIXUP, _use_fake, Order.LAST, applies=lambda settings: settings[BasicDir].fake is not None),
    ),
    dir_settings=BasicDir,
    providers={("challenge", "basic"): _challenge},
)  # fmt: skip
