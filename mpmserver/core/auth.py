"""What authentication and authorization modules share: verdicts, the shape of providers, and the challenge.

Providers are found by (group, name) in a module's `providers`: ("authn", "file") is an `AuthnProvider`,
("authz", "ip") an `AuthzProvider`. Either may be async where it must wait (a password hash, DNS).
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from mpmserver.config.errors import ConfigError
from mpmserver.config.settings import Settings, setting
from mpmserver.config.syntax import words as split_words
from mpmserver.core.expr import StringExpression, compile_string
from mpmserver.core.settings import Level
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged


class Authn(enum.Enum):
    """What a password check says."""

    DENIED = enum.auto()
    GRANTED = enum.auto()
    USER_NOT_FOUND = enum.auto()
    GENERAL_ERROR = enum.auto()


class Authz(enum.Enum):
    """What an authorization check says."""

    DENIED = "denied"
    GRANTED = "granted"
    NEUTRAL = "neutral"
    GENERAL_ERROR = "general error"
    DENIED_NO_USER = "denied (no authenticated user yet)"

    @property
    def told(self) -> str:
        """Apache's word for the log: it has none for errors."""
        return "neutral" if self is Authz.GENERAL_ERROR else self.value


@dataclass(frozen=True, slots=True)
class AuthnProvider:
    """`check(x, user, password)` returns an Authn, or an awaitable of one.

    `realm_hash(x, user, realm)`, None where a provider has no such thing, returns what is stored for the user in the
    realm (the MD5 of user:realm:password in hexadecimal, as htdigest writes it), or an Authn: USER_NOT_FOUND, DENIED or
    GENERAL_ERROR; or an awaitable of these.
    """

    check: Callable[[Exchange, str, str], Any]
    realm_hash: Callable[[Exchange, str, str], Any] | None = None


async def answer_of(answer: Any) -> Any:
    """What a provider's function has returned, waited for where it must be."""
    return await answer if inspect.isawaitable(answer) else answer


def named_provider(build: Build, name: str) -> AuthnProvider:
    """The provider that a directive names; fails where there is none."""
    found = build.configuration.provider("authn", name)
    if not isinstance(found, AuthnProvider):
        build.fail(f"Unknown Authn provider: {name}")
    return found


def providers_to_ask(x: Exchange, named: tuple[AuthnProvider, ...]) -> tuple[AuthnProvider, ...]:
    """Those that a section names; where it names none that of mod_authn_file, if it is loaded."""
    default = None if named else x.server.site.providers.get(("authn", "file"))
    return named if default is None else (default,)


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods that a <Limit> around a directive names, or with `inverted` (<LimitExcept>) all others."""

    names: frozenset[str]
    inverted: bool = False

    @classmethod
    def of(cls, build: Build) -> Self | None:
        """The methods for which a directive holds in its place; None for all."""
        return None if build.limited is None else cls(build.limited, build.limit_except)

    def holds_for(self, method: str) -> bool:
        return (("GET" if method == "HEAD" else method) in self.names) != self.inverted


@dataclass(frozen=True, slots=True)
class AuthzProvider:
    """`parse(build, arguments)` compiles what stands behind the name or refuses it, `check(x, parsed)` decides.

    `pure`: the decision depends on nothing but the request's head; a function is asked about `parsed`.
    """

    parse: Callable[[Build, str], Any]
    check: Callable[[Exchange, Any], Any]
    pure: bool | Callable[[Any], bool] = False
    constant: bool = False
    """Whether the decision is always the same: what `check` returns depends on `parsed` alone."""


def no_words(build: Build, text: str) -> None:
    """The `parse` of an AuthzProvider that takes no arguments: what stands behind its name is passed over."""


@dataclass(frozen=True, slots=True)
class RequiredWords:
    """The words behind `Require user`, `group`, `host` and the like, in which there may be variables."""

    text: str
    words: tuple[str, ...]
    expression: StringExpression | None
    """None where the text is always the same."""
    module: str
    what: str

    async def text_of(self, x: Exchange) -> str | None:
        """The text for a request; None, and a message, where it can't be evaluated."""
        if self.expression is None:
            return self.text
        text, failure = await self.expression.evaluate_async(x)
        if failure is None:
            return text
        message = f"{self.what}: Can't evaluate require expression: {failure}"
        x.server.log(Level.ERROR, self.module, message, x)
        return None

    async def of(self, x: Exchange) -> tuple[str, ...] | None:
        """As `text_of`, in words."""
        if self.expression is None:
            return self.words
        text = await self.text_of(x)
        return None if text is None else tuple(split_words(text))


def required_words(module: str, what: str) -> Callable[[Build, str], RequiredWords]:
    """The `parse` of an AuthzProvider of `module` that takes words, or none.

    `what` is told where they can't be evaluated: "AH02594: authz_user authorize: require user".
    """

    def parse(build: Build, text: str) -> RequiredWords:
        if not text:
            return RequiredWords("", (), None, module, what)
        try:
            expression = compile_string(build, text, module=module)
        except ConfigError as error:
            build.fail(f"Cannot parse expression in require line: {error.message}")
        if expression.constant is None:
            return RequiredWords(text, (), expression, module, what)
        return RequiredWords(expression.constant, tuple(split_words(expression.constant)), None, module, what)

    return parse


@dataclass(slots=True)
class AuthnDir(Settings):
    """AuthType and AuthName: texts, or expressions where there are variables in them."""

    auth_type: str | StringExpression | None = setting(None)
    auth_name: str | StringExpression | None = setting(None)


async def auth_type(x: Exchange) -> str | None:
    """The section's AuthType; None where there is none, or it is "None"."""
    kind = await _text(x, "auth_type", "AH02834: AuthType")
    return None if kind is None or kind.lower() == "none" else kind


async def auth_name(x: Exchange) -> str | None:
    """The section's AuthName; None where there is none."""
    return await _text(x, "auth_name", "AH02835: AuthName")


async def _text(x: Exchange, field: str, what: str) -> str | None:
    section = x.settings.tables.get(AuthnDir)
    value: str | StringExpression | None = getattr(section, field, None)
    if not isinstance(value, StringExpression):
        return value
    text, failure = await value.evaluate_async(x)
    if failure is None:
        return text
    x.server.log(Level.ERROR, "authn_core", f"{what} expression could not be evaluated: {failure}", x)
    return None


def may_have_auth_type(settings: Merged, *names: str) -> bool:
    """For `Hook.applies`: whether AuthType is, or could turn out to be, one of these (in lower case; none: any)."""
    section = settings.tables.get(AuthnDir)
    kind = getattr(section, "auth_type", None)
    return kind is not None and (not names or not isinstance(kind, str) or kind.lower() in names)


def has_fixed_auth_type(settings: Merged) -> bool:
    """For `Hook.pure`: whether AuthType is the same for every request, or there is none."""
    return not isinstance(getattr(settings.tables.get(AuthnDir), "auth_type", None), StringExpression)


async def note_failure(x: Exchange) -> None:
    """Set the challenge that goes with a 401 (ap_note_auth_failure): the module's that answers to the AuthType."""
    kind = await auth_type(x)
    challenge = x.server.site.providers.get(("challenge", (kind or "").lower()))
    if challenge is not None:
        await challenge(x)
