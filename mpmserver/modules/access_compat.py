"""mod_access_compat: Order, Allow, Deny and Satisfy, as Apache had them before Require.

A section with any of these directives forgets what outer sections said with them. Each holds for the methods of the
<Limit> around it. `check` runs in the ACCESS phase; whether its refusal ends the request is Satisfy's to say, which
the pipeline asks by way of the plan (provider ("satisfy", "any")).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from mpmserver.config.directive import OR_AUTHCFG, OR_LIMIT, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.auth import Methods
from mpmserver.core.environment import get_variable
from mpmserver.core.hostnames import client_name, in_domain
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.core.subnets import BadSubnet, NotAnAddress, Subnet, is_in, parse_subnet
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.config.build import Build
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged


@dataclass(frozen=True, slots=True)
class Who:
    """One word behind "Allow from": exactly one of the fields says who is meant, none of them: everybody."""

    methods: Methods | None = None
    subnet: Subnet | None = None
    domain: str | None = None
    variable: str | None = None
    absent: bool = False
    """env=!NAME: those for whom the variable is not set."""

    async def is_met(self, x: Exchange) -> bool:
        """Whether the request comes from one of those who are meant."""
        if self.subnet is not None:
            return is_in(x.client_ip, (self.subnet,))
        if self.variable is not None:
            return (get_variable(x.env, self.variable) is None) is self.absent
        if self.domain is None:
            return True
        name = await client_name(x, confirmed=True)
        return name is not None and in_domain(self.domain, name)


_EVERYBODY = Who()
Said = tuple[tuple[Methods | None, str], ...]
"""What was said for which methods, in the order of the text: the last counts."""


@dataclass(slots=True)
class AccessDir(Settings):
    """A section's access rules."""

    allow: tuple[Who, ...] = setting(())
    deny: tuple[Who, ...] = setting(())
    order: Said = setting(())
    """deny,allow where nothing is said; allow,deny; mutual-failure."""
    satisfy: Said = setting(())
    """all or any."""

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        return inner


def _order(build: Build, text: str) -> None:
    order = text.lower()
    if order not in ("allow,deny", "deny,allow", "mutual-failure"):
        build.fail("unknown order")
    build.dir(AccessDir).append("order", (Methods.of(build), order))


def _satisfy(build: Build, text: str) -> None:
    if text.lower() not in ("all", "any"):
        build.fail("Satisfy either 'any' or 'all'.")
    build.dir(AccessDir).append("satisfy", (Methods.of(build), text.lower()))


def _allow_or_deny(build: Build, preposition: str, who: str) -> None:
    """One of the words behind "from"."""
    if preposition.lower() != "from":
        build.fail("allow and deny must be followed by 'from'")
    build.dir(AccessDir).append(build.name.lower(), _who(build, who))


def _who(build: Build, text: str) -> Who:
    methods = Methods.of(build)
    if "#" in text:
        build.fail("No comments are allowed here")
    if text[:4].lower() == "env=":
        absent = text.startswith("!", 4)
        return Who(methods, variable=text[5 if absent else 4 :], absent=absent)
    if text.lower() == "all":
        return Who(methods)
    address, slash, mask = text.partition("/")
    try:
        return Who(methods, subnet=parse_subnet(address, mask if slash else None))
    except BadSubnet as error:
        build.fail(str(error))
    except NotAnAddress:
        if slash:
            build.fail("An IP address was expected")
        return Who(methods, domain=text.lower())


def _says(said: Said, method: str) -> str | None:
    """What was said last for a method."""
    return next((what for methods, what in reversed(said) if methods is None or methods.holds_for(method)), None)


async def _any_met(x: Exchange, those: tuple[Who, ...]) -> bool:
    for who in those:
        if (who.methods is None or who.methods.holds_for(x.method)) and await who.is_met(x):
            return True
    return False


async def check(x: Exchange) -> None:
    """Refuse who is not allowed; raises HTTPError 403."""
    if not await _lets_in(x, x.settings[AccessDir]):
        what = x.filename or f"uri {x.uri}"
        message = f"AH01797: client denied by server configuration: {what}"
        x.server.log(Level.ERROR, "access_compat", message, x)
        raise HTTPError(403)


async def _lets_in(x: Exchange, rules: AccessDir) -> bool:
    """What the rules say. Who is asked whatever the others say is as in Apache: a name once looked up is in the log."""
    order = _says(rules.order, x.method)
    if order == "mutual-failure":
        return await _any_met(x, rules.allow) and not await _any_met(x, rules.deny)
    if order == "allow,deny":
        allowed = await _any_met(x, rules.allow)
        return not await _any_met(x, rules.deny) and allowed
    denied = await _any_met(x, rules.deny)
    return await _any_met(x, rules.allow) or not denied


def _has_rules(settings: Merged) -> bool:
    """For `Hook.applies`: whether anybody might be refused."""
    rules = settings[AccessDir]
    return bool(rules.allow or rules.deny or rules.order) and not _lets_everybody_in(rules)


def _lets_everybody_in(rules: AccessDir) -> bool:
    """Whether the rules speak of nobody in particular and say yes: "Order allow,deny" with "Allow from all"."""
    if any(methods is not None for methods, _order in rules.order):
        return False
    if not all(who == _EVERYBODY for who in (*rules.allow, *rules.deny)):
        return False
    order = rules.order[-1][1] if rules.order else "deny,allow"
    return not rules.deny and bool(rules.allow) if order != "deny,allow" else bool(rules.allow) or not rules.deny


def _is_pure(settings: Merged) -> bool:
    """Whether nobody is meant by address or name."""
    rules = settings[AccessDir]
    return all(who.subnet is None and who.domain is None for who in (*rules.allow, *rules.deny))


def satisfied_by_any(settings: Merged) -> Callable[[str], bool] | None:
    """For settings in which Satisfy says "any": a function that tells whether it does so for a method."""
    said = settings[AccessDir].satisfy
    if not any(what == "any" for _methods, what in said):
        return None
    return lambda method: _says(said, method) == "any"


_FROM = "'from' followed by hostnames or IP-address wildcards"

MODULE = Module(
    "access_compat",
    directives=(
        Directive("order", Shape.TAKE1, OR_LIMIT, _order, "'allow,deny', 'deny,allow', or 'mutual-failure'"),
        Directive("allow", Shape.ITERATE2, OR_LIMIT, _allow_or_deny, _FROM),
        Directive("deny", Shape.ITERATE2, OR_LIMIT, _allow_or_deny, _FROM),
        Directive("Satisfy", Shape.TAKE1, OR_AUTHCFG, _satisfy,
            "access policy if both allow and require used ('all' or 'any')"),
    ),
    hooks=(Hook(Phase.ACCESS, check, applies=_has_rules, pure=_is_pure),),
    dir_settings=AccessDir,
    providers={("satisfy", "any"): satisfied_by_any},
)  # fmt: skip
