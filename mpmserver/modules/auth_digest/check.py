"""The check of a client's answer to a challenge, the challenge, and what a good answer is answered with.

Everything here is called by requests, on any thread. Each request is checked for itself, subrequests and error
documents too, by what the client sent: where nonces are counted a second check of the same one fails, as in Apache.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from mpmserver.core.auth import Authn, answer_of, auth_name, auth_type, providers_to_ask
from mpmserver.core.module import HANDLED, Handled
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import escape_quotes, path_octets
from mpmserver.modules.auth_digest import nonces, uris
from mpmserver.modules.auth_digest.clients import Clients, Full
from mpmserver.modules.auth_digest.credentials import Credentials, credentials_of, hexadecimal
from mpmserver.modules.auth_digest.settings import DigestDir

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

NEXT_NONCE_SECONDS = 30
"""A client is told the next nonce when its present one is good for less than this."""


async def authenticate(x: Exchange) -> Handled | None:
    """Check who sent the request; raises HTTPError 400, 401 or 500."""
    if (await auth_type(x) or "").lower() != "digest":
        return None
    if await auth_name(x) is None:
        _log(x, f"AH01780: need AuthName: {x.uri}")
        raise HTTPError(500)
    realm = await _realm(x)
    given = credentials_of(x)
    given.needed = True
    if not given.complete:
        if given.scheme is not None and given.scheme.lower() != "digest":
            _log(x, f"AH01781: client used wrong authentication scheme `{given.scheme}': {x.uri}")
        elif given.scheme is not None:
            what = "user, realm, nonce, uri, digest, cnonce, or nonce_count"
            _log(x, f"AH01782: missing {what} in authorization header: {x.uri}")
        raise _unauthorized(x, realm)
    x.user = given["username"]
    x.auth_type = "Digest"
    _check_uri(x, given["uri"])
    _check_form(x, given, realm)
    given.ha1 = await _stored_hash(x, given["username"], realm)
    _check_response(x, given, realm)
    _check_nonce(x, given, realm)
    if x.settings[DigestDir].needs_client:
        _check_client(x, given, realm)
    return HANDLED


def _check_uri(x: Exchange, signed: str) -> None:
    """What was signed has to be what was asked for; AuthDigestEnableQueryStringHack: but for the query left out."""
    raw = x.first.unparsed_uri
    if signed == raw:
        return
    parts, asked = uris.parse(signed), uris.asked_for(x)
    if parts is None:
        _log(x, f"AH01783: invalid uri <{signed}> in Authorization header")
        raise HTTPError(400)
    if parts.query is None and asked.query is not None and "AuthDigestEnableQueryStringHack" in x.env:
        x.server.log(
            Level.INFO, "auth_digest", f"AH01784: applying AuthDigestEnableQueryStringHack to uri <{raw}>", x
        )
        parts = uris.Parts(parts.host, parts.port, parts.path, asked.query)
    if not uris.same(x, parts, asked):
        _log(x, f"AH01786: uri mismatch - <{signed}> does not match request-uri <{raw}>")
        raise HTTPError(400)


def _check_form(x: Exchange, given: Credentials, realm: str) -> None:
    """Opaque, realm and algorithm have to be those of a challenge."""
    if given.opaque is not None and given.client == 0:
        _log(x, f"AH01787: received invalid opaque - got `{given.opaque}'")
    elif given["realm"] != realm:
        _log(x, f"AH01788: realm mismatch - got `{given['realm']}' but expected `{realm}'")
    elif given.parameters.get("algorithm", "MD5").lower() != "md5":
        _log(x, f"AH01789: unknown algorithm `{given['algorithm']}' received: {x.uri}")
    else:
        return
    raise _unauthorized(x, realm)


async def _stored_hash(x: Exchange, user: str, realm: str) -> str:
    """The hash of user, realm and password from the first provider that knows the user."""
    found = await _ask(x, user, realm)
    if isinstance(found, str):
        return found
    if found is Authn.USER_NOT_FOUND:
        _log(x, f"AH01790: user `{user}' in realm `{realm}' not found: {x.uri}")
    elif found is Authn.DENIED:
        _log(x, f"AH01791: user `{user}' in realm `{realm}' denied by provider: {x.uri}")
    else:
        raise HTTPError(500)
    raise _unauthorized(x, realm)


async def _ask(x: Exchange, user: str, realm: str) -> str | Authn:
    providers = providers_to_ask(x, x.settings[DigestDir].providers)
    if not providers:
        _log(x, "AH01770: No Authn provider configured")
        return Authn.GENERAL_ERROR
    found: str | Authn = Authn.USER_NOT_FOUND
    for provider in providers:
        assert provider.realm_hash is not None
        found = await answer_of(provider.realm_hash(x, user, realm))
        if found is not Authn.USER_NOT_FOUND:
            break
    return found


def _check_response(x: Exchange, given: Credentials, realm: str) -> None:
    """The response has to prove that the client knows the password. (RFC 7616, 3.4.1)"""
    qop = given.parameters.get("qop")
    if qop is None or qop.lower() != "auth":
        reason = f"invalid or missing qop value '{'(null)' if qop is None else qop}', RFC 2069 is no longer supported"
        _log(x, f"AH10560: {reason}: {x.uri}")
        raise _unauthorized(x, realm)
    if not _equal(given["response"], _response(given, f"{x.first.method}:{given['uri']}")):
        _log(x, f"AH01794: user {x.user}: password mismatch: {x.uri}")
        raise _unauthorized(x, realm)


def _response(given: Credentials, a2: str) -> str:
    parts = (given.ha1, given["nonce"], given["nc"], given["cnonce"], given["qop"], _md5(a2))
    return _md5(":".join(parts))


def _equal(sent: str, expected: str) -> bool:
    """Compare without telling by the time it takes where the difference is."""
    return hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), expected.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _check_nonce(x: Exchange, given: Credentials, realm: str) -> None:
    """The nonce has to be ours, and not too old."""
    nonce, lifetime = given["nonce"], x.settings[DigestDir].lifetime
    signature = nonces.signature(x, realm, nonce[: nonces.TIME_LENGTH], given.opaque or "")
    given.nonce_time = nonces.time_of(nonce)
    age = nonces.now(x) - given.nonce_time
    if not _equal(nonce[nonces.TIME_LENGTH :], signature):
        _log(x, f"AH01776: invalid nonce {nonce} received - hash is not {signature}")
    elif lifetime > 0 and age < 0:
        _log(x, f"AH01777: invalid nonce {nonce} received - user attempted time travel")
    elif 0 < lifetime * nonces.MICROSECONDS < age:
        seconds = f"{age // nonces.MICROSECONDS:.2f} seconds old - max lifetime {lifetime:.2f}"
        message = f"AH01778: user {x.user}: nonce expired ({seconds}) - sending new nonce"
        x.server.log(Level.INFO, "auth_digest", message, x)
    else:
        return
    raise _unauthorized(x, realm, stale=True)


def _check_client(x: Exchange, given: Credentials, realm: str) -> None:
    """The nonce has to be younger than those before, or used more often than before: nobody repeats a request."""
    section = x.settings[DigestDir]
    count, is_number = hexadecimal(given["nc"])
    if section.count and not is_number:
        _log(x, f"AH01773: invalid nc {given['nc']} received - not a number")
        raise _unauthorized(x, realm)
    counted = count if section.count and section.lifetime else None
    try:
        before = _clients(x).use(given.client, given.nonce_time, counted)
    except KeyError:
        message = f"AH10618: client {given.client} is no longer known - sending new nonce"
        x.server.log(Level.INFO, "auth_digest", message, x)
        raise _unauthorized(x, realm, stale=True) from None
    if before is None:
        return
    if section.lifetime == 0:
        message = f"AH01779: user {x.user}: one-time-nonce {given['nonce']} already used - sending new nonce"
        x.server.log(Level.INFO, "auth_digest", message, x)
        raise _unauthorized(x, realm, stale=True)
    reason = f"nonce-count check failed: {count} is not above {before} for nonce {given['nonce']}"
    _log(x, f"AH01774: Warning, possible replay attack: {reason}")
    raise _unauthorized(x, realm)


async def challenge(x: Exchange) -> None:
    """Set the challenge that goes with a 401."""
    _set_challenge(x, await _realm(x), stale=False)


def _unauthorized(x: Exchange, realm: str, stale: bool = False) -> HTTPError:
    _set_challenge(x, realm, stale)
    return HTTPError(401)


def _set_challenge(x: Exchange, realm: str, stale: bool) -> None:
    section = x.settings[DigestDir]
    given = credentials_of(x)
    opaque = given.opaque or ""
    if given.opaque is not None and not _is_known(x, given.client):
        opaque, stale = _new_client(x, renewed=True), True
    elif given.opaque is None and section.needs_client:
        opaque = _new_client(x, renewed=False)
    parts = (
        f'Digest realm="{realm}", nonce="{_new_nonce(x, realm, opaque)}", algorithm=MD5',
        f', opaque="{opaque}"' if opaque else "",
        f', domain="{" ".join(section.domain)}"' if section.domain else "",
        ", stale=true" if stale else "",
        ', qop="auth"',
    )
    x.err_headers_out.merge("WWW-Authenticate", path_octets("".join(parts)))


def _is_known(x: Exchange, client: int) -> bool:
    known = _clients(x).knows(client)
    number, how = ("AH01764", "found") if known else ("AH01765", "not found")
    x.server.log(Level.DEBUG, "auth_digest", f"{number}: client {client} {how}", x)
    return known


def _new_client(x: Exchange, renewed: bool) -> str:
    """The opaque of a new client; raises HTTPError 500 where there is room for none."""
    try:
        made = _clients(x).make(renewed)
    except Full:
        _log(x, "AH01769: unable to allocate a client entry - failing the request, since this configuration needs one")
        raise HTTPError(500) from None
    if made.collected is not None:
        gone = made.collected
        message = (
            f"AH01766: gc'd {gone.entries} client entries. Total new clients: {gone.made}; Total removed clients: "
            f"{gone.removed}; Total renewed clients: {gone.renewed}"
        )
        x.server.log(Level.INFO, "auth_digest", message)
    x.server.log(Level.DEBUG, "auth_digest", f"AH01768: allocated new client {made.number}")
    return f"{made.number:x}"


def _new_nonce(x: Exchange, realm: str, opaque: str) -> str:
    once = x.settings[DigestDir].lifetime == 0
    return nonces.make(x, realm, _clients(x).next_nonce() if once else nonces.now(x), opaque)


async def add_info(x: Exchange) -> None:
    """Authentication-Info: prove to the client that we know its password too, and tell the next nonce in time."""
    if x.prev is not None or x.main is not None:
        return
    given = credentials_of(x)
    if not given.needed or not given.ha1:
        return
    lifetime = x.settings[DigestDir].lifetime
    left = given.nonce_time + lifetime * nonces.MICROSECONDS - nonces.now(x)
    following = ""
    if lifetime == 0 or (lifetime > 0 and left < NEXT_NONCE_SECONDS * nonces.MICROSECONDS):
        following = f', nextnonce="{_new_nonce(x, await _realm(x), given.opaque or "")}"'
    proof = _response(given, f":{given['uri']}")
    cnonce = escape_quotes(given["cnonce"])
    text = f'rspauth="{proof}"{following}, cnonce="{cnonce}", nc={given["nc"]}, qop={given["qop"]}'
    x.headers_out.merge("Authentication-Info", path_octets(text))


async def _realm(x: Exchange) -> str:
    """AuthName as it stands in the challenge, quotes escaped: so it is compared and looked up, too, in Apache."""
    return escape_quotes(await auth_name(x) or "")


def _clients(x: Exchange) -> Clients:
    clients: Clients = x.server.site.providers["digest", "clients"]
    return clients


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "auth_digest", message, x)
