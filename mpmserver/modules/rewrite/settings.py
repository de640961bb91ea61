"""What mod_rewrite's directives leave behind: for servers and for sections, and how sections inherit rules.

A section has the rules of the innermost place that says anything about rewriting, and of no other, unless
RewriteOptions says that rules are inherited; a virtual host has the main server's only then. The rules of a place are
shared, not copied.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Self

from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.modules.rewrite.ruleset import NO_RULES, RuleSet
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.modules.rewrite.conditions import RewriteCondition
    from mpmserver.modules.rewrite.rule import Rule


class RewriteOption:
    """The words of RewriteOptions, as bits."""

    INHERIT: Final = 1 << 0
    INHERIT_BEFORE: Final = 1 << 1
    INHERIT_DOWN: Final = 1 << 2
    INHERIT_DOWN_BEFORE: Final = 1 << 3
    IGNORE_INHERIT: Final = 1 << 4
    ALLOW_NO_SLASH: Final = 1 << 5
    ALLOW_ANY_URI: Final = 1 << 6
    MERGE_BASE: Final = 1 << 7
    IGNORE_CONTEXT_INFO: Final = 1 << 8
    LEGACY_PREFIX_DOC_ROOT: Final = 1 << 9


@dataclass(slots=True)
class RewriteServer(Settings):
    """Rewriting in a server or virtual host, before there is a file name."""

    enabled: bool = setting(False)
    options: int = setting(0)
    maps: dict[str, Any] = setting({})
    """RewriteMap by name."""
    rule_set: RuleSet = setting(NO_RULES)
    pending: tuple[RewriteCondition, ...] = setting(())
    """Conditions that wait for their rule, while the configuration is read."""
    owner: Any = setting(None)
    """The `HostConfig` with the innermost directive of ours: a host without any of its own is not rewritten."""

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        merged.pending = inner.pending
        outer_maps, inner_maps = _or_empty(outer.maps, {}), _or_empty(inner.maps, {})
        order = _inherits(merged.options, outer.options)
        merged.maps = inner_maps
        if order:  # of two maps of one name that which comes with the rules applied first
            merged.maps = {**outer_maps, **inner_maps} if order > 0 else {**inner_maps, **outer_maps}
        merged.rule_set = _joined(order, outer, inner)
        return merged


@dataclass(slots=True)
class RewriteDir(Settings):
    """Rewriting in a section, when the file name is known."""

    enabled: bool = setting(False)
    options: int = setting(0)
    base: str | None = setting(None)
    """RewriteBase."""
    directory: str | None = setting(None)
    """The place whose rules these are, with a slash at its end; None for the server's own section."""
    rule_set: RuleSet = setting(NO_RULES)
    pending: tuple[RewriteCondition, ...] = setting(())

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        merged.directory, merged.pending = inner.directory, inner.pending
        if not _or_empty(merged.options, 0) & RewriteOption.MERGE_BASE:
            merged.base = inner.base
        order = _inherits(merged.options, outer.options)
        merged.rule_set = _joined(order, outer, inner)
        return merged


def _or_empty(value: Any, empty: Any) -> Any:
    return value if is_set(value) else empty


def _inherits(options: int, outer: int) -> int:
    """How the outer place's rules join: 0 not at all, 1 behind the inner ones, -1 before them."""
    options, outer = _or_empty(options, 0), _or_empty(outer, 0)
    ignored = bool(options & RewriteOption.IGNORE_INHERIT)
    if options & RewriteOption.INHERIT or (outer & RewriteOption.INHERIT_DOWN and not ignored):
        return 1
    if options & RewriteOption.INHERIT_BEFORE or (outer & RewriteOption.INHERIT_DOWN_BEFORE and not ignored):
        return -1
    return 0


def _joined(order: int, outer: RewriteServer | RewriteDir, inner: RewriteServer | RewriteDir) -> RuleSet:
    above: RuleSet = _or_empty(outer.rule_set, NO_RULES)
    own: RuleSet = _or_empty(inner.rule_set, NO_RULES)
    if not order or not above.rules:
        return own
    if not own.rules:
        return above
    return RuleSet(chain(own.rules, above.rules) if order > 0 else chain(above.rules, own.rules))


def add_rule(place: RewriteServer | RewriteDir, rule: Rule) -> None:
    """Add a rule to those of a place, while the configuration is read."""
    if not is_set(place.rule_set):
        place.rule_set = RuleSet()
    place.rule_set.add(rule)
