"""A place's rules as a whole: what the plan asks of them once, when settings are merged.

Each rule knows about itself; whether its maps have to be waited for, only the server knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpmserver.modules.rewrite.rule import Rule


class RuleSet:
    """The facts of a tuple of rules."""

    __slots__ = ("_is_pure", "_maps", "_waits", "forces")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._waits = any(rule.waits for rule in rules)
        self._is_pure = all(rule.is_pure for rule in rules)
        self.forces = any(rule.mime_type is not None or rule.handler is not None for rule in rules)
        """Whether a rule may force a type or a handler."""
        self._maps: frozenset[str] = frozenset().union(*{rule.maps for rule in rules})

    def waits(self, maps: Mapping[str, Any]) -> bool:
        """Whether a rule has to wait for something: a subrequest, a name from DNS, a program."""
        return self._waits or any(name in maps and maps[name].is_async for name in self._maps)

    def is_pure(self, maps: Mapping[str, Any]) -> bool:
        """Whether the outcome depends on nothing but the request's head and the files it leads to."""
        return self._is_pure and all(getattr(maps[name], "is_pure", False) for name in self._maps if name in maps)


NO_RULES = RuleSet(())
