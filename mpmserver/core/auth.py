"""What authentication and authorization modules share: verdicts, the shape of providers, and the challenge.

Providers are found by (group, name) in a module's `providers`: ("authn", "file") is an `AuthnProvider`,
("authz", "ip") an `AuthzProvider`. Either may be async where it must wait (a password hash, DNS).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mpmserver.config.settings import Settings, setting

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange


class Authn(enum.Enum):
    """What a password check says."""

    DENIED = enum.auto()
    GRANTED = enum.auto()
    USER_NOT_FOUND = enum.auto()
    GENERAL_ERROR = enum.auto()


class Authz(enum.Enum):
    """What an authorization check says; the value is Apache's word for the log."""

    DENIED = "denied"
    GRANTED = "granted"
    NEUTRAL = "neutral"
    GENERAL_ERROR = "general error"
    DENIED_NO_USER = "denied (no authenticated user yet)"


@dataclass(frozen=True, slots=True)
class AuthnProvider:
    """`check(x, user, password)` returns an Authn, or an awaitable of one."""

    check: Callable[[Exchange, str, str], Any]


@dataclass(frozen=True, slots=True)
class AuthzProvider:
    """`parse(build, arguments)` compiles what stands behind the name or refuses it, `check(x, parsed)` decides."""

    parse: Callable[[Build, str], Any]
    check: Callable[[Exchange, Any], Any]


@dataclass(slots=True)
class AuthnDir(Settings):
    """AuthType and AuthName."""

    auth_type: str | None = setting(None)
    auth_name: str | None = setting(None)


def auth_type(x: Exchange) -> str | None:
    """The section's AuthType; None where there is none, or "None" was set."""
    return x.settings[AuthnDir].auth_type


def note_failure(x: Exchange) -> None:
    """Set the challenge that goes with a 401 (ap_note_auth_failure): Basic's here; Digest sets its own."""
    section = x.settings[AuthnDir]
    kind = (section.auth_type or "").lower()
    challenge = x.server.site.providers.get(("challenge", kind))
    if challenge is not None:
        x.err_headers_out.set("WWW-Authenticate", challenge(x))
