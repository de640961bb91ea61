"""The settings of mod_auth_digest, and the directives that fill them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from mpmserver.config.directive import OR_AUTHCFG, RSRC_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import AuthnProvider, named_provider
from mpmserver.modules.auth_digest.clients import LEAST
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)(.?)", re.ASCII | re.DOTALL)
_UNITS: Final = {"": 1, "K": 1024, "M": 1024 * 1024}


@dataclass(slots=True)
class DigestDir(Settings):
    """A section's digest authentication; with any directive of these outer sections are forgotten."""

    providers: tuple[AuthnProvider, ...] = setting(())
    """In the order they are asked; none named means "file"."""
    lifetime: int = setting(300)
    """Seconds that a nonce is good for; 0: once, below: for ever."""
    count: bool = setting(False)
    """AuthDigestNcCheck."""
    domain: tuple[str, ...] = setting(())

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        return inner

    @property
    def needs_client(self) -> bool:
        """Whether clients have to be told from each other."""
        return self.count or self.lifetime == 0


@dataclass(slots=True)
class DigestServer(Settings):
    """What holds for the whole process."""

    shared_memory: int = setting(1000)
    """Bytes."""


def _provider(build: Build, name: str) -> None:
    found = named_provider(build, name)
    if found.realm_hash is None:
        build.fail(f"The '{name}' Authn provider doesn't support Digest Authentication")
    build.dir(DigestDir).append("providers", found)


def _qop(build: Build, name: str) -> None:
    if name.lower() != "auth":
        build.fail("AuthDigestQop is deprecated: only 'auth' is supported")


def _lifetime(build: Build, text: str) -> None:
    match = _NUMBER.match(text)
    if match is None or match[2].strip():
        build.fail(f"Invalid time in AuthDigestNonceLifetime: {text}")
    build.dir(DigestDir).lifetime = int(match[1])


def _count(build: Build, on: bool) -> None:
    build.dir(DigestDir).count = on


def _algorithm(build: Build, name: str) -> None:
    if name.lower() != "md5":
        build.fail(f"Unsupported algorithm in AuthDigestAlgorithm: {name}")
    build.dir(DigestDir)


def _domain(build: Build, uri: str) -> None:
    build.dir(DigestDir).append("domain", uri)


def _shared_memory(build: Build, text: str) -> None:
    match = _NUMBER.match(text)
    unit = _UNITS.get(match[2].strip().upper()) if match is not None else None
    if match is None or unit is None:
        build.fail(f"Invalid size in AuthDigestShmemSize: {text}")
    size = int(match[1]) * unit
    if size < LEAST:
        build.fail(f"size in AuthDigestShmemSize too small: {size} < {LEAST}")
    build.main(DigestServer).shared_memory = size


DIRECTIVES = (
    Directive("AuthDigestProvider", Shape.ITERATE, OR_AUTHCFG, _provider,
        "specify the auth providers for a directory or location"),
    Directive("AuthDigestQop", Shape.ITERATE, OR_AUTHCFG, _qop, "A list of quality-of-protection options"),
    Directive("AuthDigestNonceLifetime", Shape.TAKE1, OR_AUTHCFG, _lifetime,
        "Maximum lifetime of the server nonce (seconds)"),
    Directive("AuthDigestNcCheck", Shape.FLAG, OR_AUTHCFG, _count,
        "Whether or not to check the nonce-count sent by the client"),
    Directive("AuthDigestAlgorithm", Shape.TAKE1, OR_AUTHCFG, _algorithm,
        "The algorithm used for the hash calculation"),
    Directive("AuthDigestDomain", Shape.ITERATE, OR_AUTHCFG, _domain,
        "A list of URI's which belong to the same protection space as the current URI"),
    Directive("AuthDigestShmemSize", Shape.TAKE1, RSRC_CONF, _shared_memory,
        "The amount of shared memory to allocate for keeping track of clients"),
)  # fmt: skip
