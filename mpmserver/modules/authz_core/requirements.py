"""The tree of requirements of a section, and the rules by which it is decided.

A leaf asks a provider; a container combines its children with AND (RequireAll) or OR (RequireAny, RequireNone,
which is negated). A requirement within <Limit> holds for its methods; for others it says what doesn't matter to its
container. Nothing is granted by the mere absence of a rejection: a negated requirement is at best neutral.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.auth import Authz, AuthzProvider

if TYPE_CHECKING:
    from mpmserver.config.node import Origin
    from mpmserver.core.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods that a requirement is limited to: those named, or with `inverted` all others."""

    names: frozenset[str]
    inverted: bool = False

    def holds_for(self, method: str) -> bool:
        return (("GET" if method == "HEAD" else method) in self.names) != self.inverted


@dataclass(slots=True)
class Requirement:
    """A leaf (`provider`) or a container (`children`)."""

    name: str
    """As the log shows it: "Require ip 10.0.0.1", "<RequireAll>"."""
    provider: AuthzProvider | None = None
    parsed: Any = None
    children: list[Requirement] = field(default_factory=list)
    all_of: bool = False
    negate: bool = False
    methods: Methods | None = None
    origin: Origin | None = None

    def concerns(self, method: str) -> bool:
        """Whether this says anything about a method; a container does if any child does."""
        if self.provider is None:
            return any(child.concerns(method) for child in self.children)
        return self.methods is None or self.methods.holds_for(method)


@dataclass(slots=True)
class AuthzDir(Settings):
    """A section's requirements; `merging` is how they join those of the outer section."""

    tree: Requirement | None = setting(None)
    merging: str = setting("off")
    """off, and, or."""
    forbidden_on_failure: bool = setting(False)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super(AuthzDir, cls).merge(outer, inner)
        merging = inner.merging if is_set(inner.merging) else "off"
        if merging != "off" and is_set(inner.tree) and is_set(outer.tree) and inner.tree and outer.tree:
            name = "<RequireAll>" if merging == "and" else "<RequireAny>"
            merged.tree = Requirement(name, children=[outer.tree, inner.tree], all_of=merging == "and")
        return merged


async def decide(x: Exchange, requirement: Requirement, parent_all: bool = True) -> Authz:
    """Decide a tree for a request."""
    if not requirement.concerns(x.method):
        return Authz.GRANTED if parent_all else Authz.NEUTRAL
    if requirement.provider is not None:
        answer = requirement.provider.check(x, requirement.parsed)
        verdict: Authz = await answer if inspect.isawaitable(answer) else answer
    else:
        verdict = await _combine(x, requirement)
    if requirement.negate:
        return _negated(verdict)
    return verdict


def _negated(verdict: Authz) -> Authz:
    if verdict is Authz.GRANTED:
        return Authz.DENIED
    return Authz.NEUTRAL if verdict in (Authz.DENIED, Authz.DENIED_NO_USER) else verdict


async def _combine(x: Exchange, container: Requirement) -> Authz:
    """AND ends at the first denial, OR at the first grant; "no user yet" survives where a user could still help."""
    verdict = Authz.NEUTRAL
    final = Authz.DENIED if container.all_of else Authz.GRANTED
    for child in container.children:
        answer = await decide(x, child, container.all_of)
        if answer is Authz.GENERAL_ERROR:
            return answer
        if answer is Authz.NEUTRAL:
            continue
        if answer is final:
            return answer
        if verdict is Authz.NEUTRAL or answer is Authz.DENIED_NO_USER:
            verdict = answer
    return verdict
