"""The tree of requirements of a section, and the rules by which it is decided.

A leaf asks a provider; a container combines its children with AND (RequireAll) or OR (RequireAny, RequireNone,
which is negated). A requirement within <Limit> holds for its methods; for others it says what doesn't matter to its
container. Nothing is granted by the mere absence of a rejection: a negated requirement is at best neutral.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.auth import Authz, AuthzProvider, Methods, has_fixed_auth_type, may_have_auth_type
from mpmserver.core.settings import Level
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.config.node import Origin
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.site import Merged


Explain = Callable[["Exchange", "Requirement", Authz, bool], None]
"""Told what a requirement said, and whether it concerns the request's method at all."""


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

    @property
    def pure(self) -> bool:
        """Whether the decision depends on nothing but the request's head."""
        if self.provider is None:
            return all(child.pure for child in self.children)
        pure = self.provider.pure
        return pure if isinstance(pure, bool) else pure(self.parsed)

    @property
    def constant(self) -> bool:
        """Whether the decision is the same for every request."""
        if self.provider is None:
            return all(child.constant for child in self.children)
        return self.provider.constant and self.methods is None

    def concerns(self, method: str) -> bool:
        """Whether this says anything about a method; a container does if any child does."""
        if self.provider is not None:
            return self.methods is None or self.methods.holds_for(method)
        return any(child.concerns(method) for child in self.children)


@dataclass(slots=True)
class AuthzDir(Settings):
    """A section's requirements; `merging` is how they join those of the outer section.

    A section that says anything of either says how it is merged: AuthMerging is not inherited.
    """

    tree: Requirement | None = setting(None)
    present: Requirement | None = setting(None)
    """While a section is read: the container that is being filled."""
    merging: str = setting("off")
    """off, and, or."""
    forbidden_on_failure: bool = setting(False)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        if not is_set(inner.merging) and not is_set(inner.tree):
            return merged
        merged.merging = inner.merging
        if inner.merging not in ("and", "or"):
            merged.tree = inner.tree
        elif is_set(inner.tree) and is_set(outer.tree) and inner.tree and outer.tree:
            name = "AuthMerging All" if inner.merging == "and" else "AuthMerging Any"
            merged.tree = Requirement(name, children=[outer.tree, inner.tree], all_of=inner.merging == "and")
        return merged


def is_pure(settings: Merged) -> bool:
    """For `Hook.pure`: whether what is decided with these settings depends on nothing but the request's head."""
    tree = settings[AuthzDir].tree
    return has_fixed_auth_type(settings) and (tree is None or tree.pure)


def lets_in(settings: Merged) -> bool:
    """For `Hook.lets_in`: whether every request is granted, and nobody wants to hear why."""
    tree = settings[AuthzDir].tree
    if settings.logs(Level.DEBUG, "authz_core"):
        return False
    if tree is None:
        return not may_have_auth_type(settings)
    return tree.constant and _decided(tree) is Authz.GRANTED


def _decided(tree: Requirement) -> Authz:
    """What a constant tree says: of any request, so of none."""
    decision = decide(cast("Exchange", _NoRequest), tree)
    try:
        decision.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    decision.close()
    return Authz.GENERAL_ERROR


class _NoRequest:
    """All that the rules themselves ask of a request."""

    method = "GET"


async def decide(
    x: Exchange, requirement: Requirement, parent_all: bool = True, explain: Explain | None = None
) -> Authz:
    """Decide a tree for a request; `explain` hears what each part of it says."""
    concerned = requirement.concerns(x.method)
    if not concerned:
        verdict = Authz.GRANTED if parent_all else Authz.NEUTRAL
    elif requirement.provider is not None:
        answer = requirement.provider.check(x, requirement.parsed)
        verdict = await answer if inspect.isawaitable(answer) else answer
    else:
        verdict = await _combine(x, requirement, explain)
    if concerned and requirement.negate:
        verdict = _negated(verdict)
    # An error is told where it happened, not by the containers around it.
    if explain is not None and (requirement.provider is not None or verdict is not Authz.GENERAL_ERROR):
        explain(x, requirement, verdict, concerned)
    return verdict


def _negated(verdict: Authz) -> Authz:
    if verdict is Authz.GRANTED:
        return Authz.DENIED
    return Authz.NEUTRAL if verdict in (Authz.DENIED, Authz.DENIED_NO_USER) else verdict


async def _combine(x: Exchange, container: Requirement, explain: Explain | None) -> Authz:
    """AND ends at the first denial, OR at the first grant; "no user yet" survives where a user could still help."""
    verdict = Authz.NEUTRAL
    final = Authz.DENIED if container.all_of else Authz.GRANTED
    for child in container.children:
        answer = await decide(x, child, container.all_of, explain)
        if answer is Authz.GENERAL_ERROR:
            return answer
        if answer is Authz.NEUTRAL:
            continue
        if answer is final:
            return answer
        if verdict is Authz.NEUTRAL or answer is Authz.DENIED_NO_USER:
            verdict = answer
    return verdict
