"""A place's rules as a whole: what the plan asks of them once, when settings are merged, and which a path may match.

Each rule knows about itself; whether its maps have to be waited for, only the server knows.

Of many rules a path matches few, and most say so by the text that they begin with. `candidates` finds them by one look
into a table: it has, for each text of a certain length that rules begin with, these rules; those of which nothing is
known come in between. The length is the one that leaves the fewest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mpmserver.modules.rewrite.rule import Rule

FEWEST: Final = 4
"""Rules that are asked in turn rather than looked up."""
LONGEST_KEY: Final = 64

Table = dict[str, list[int]]


class RuleSet:
    """Rules in their order, and the facts about them; it grows while the configuration is read, and not afterwards."""

    __slots__ = (
        "_has_chains", "_is_pure", "_length", "_maps", "_others", "_table", "_waits", "forces", "in_turn", "rules",
    )  # fmt: skip

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules: list[Rule] = []
        self.forces = False
        """Whether a rule may force a type or a handler."""
        self.in_turn = True
        """Whether each rule is to be asked, as they are few, or some are chained."""
        self._has_chains = False
        self._waits = False
        self._is_pure = True
        self._maps: frozenset[str] = frozenset()
        self._table: Table | None = None
        self._length = 0
        self._others: Sequence[int] = ()
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Add a rule at the end."""
        self.rules.append(rule)
        self._has_chains = self._has_chains or rule.chained
        self.in_turn = self._has_chains or len(self.rules) < FEWEST
        self.forces = self.forces or rule.mime_type is not None or rule.handler is not None
        self._waits = self._waits or rule.waits
        self._is_pure = self._is_pure and rule.is_pure
        if rule.maps:
            self._maps |= rule.maps

    def waits(self, maps: Mapping[str, Any]) -> bool:
        """Whether a rule has to wait for something: a subrequest, a name from DNS, a program."""
        return self._waits or any(name in maps and maps[name].is_async for name in self._maps)

    def is_pure(self, maps: Mapping[str, Any]) -> bool:
        """Whether the outcome depends on nothing but the request's head and the files it leads to."""
        return self._is_pure and all(getattr(maps[name], "is_pure", False) for name in self._maps if name in maps)

    def candidates(self, path: str) -> Sequence[int]:
        """The numbers of the rules whose patterns may say yes to a path, in order; not for rules asked in turn."""
        table = self._table
        if table is None:
            table = self._look_up_rules()
        others = self._others
        found = table.get(path[: self._length])
        if found is None:
            return others
        return sorted((*found, *others)) if others else found

    def _look_up_rules(self) -> Table:
        """Make the table, when the first request wants it."""
        prefixes = [rule.prefix[:LONGEST_KEY] for rule in self.rules]
        length = _best_length(prefixes)
        others: Sequence[int] = range(len(prefixes))
        table: Table = {}
        if length:
            others = [number for number, prefix in enumerate(prefixes) if len(prefix) < length]
            table = _table(prefixes, length)
        self._length, self._others = length, others
        self._table = table  # last, as another thread may ask meanwhile
        return table


def _best_length(prefixes: list[str]) -> int:
    """How much of a path is to be looked up so that the fewest rules are left at worst; 0 where that helps little."""
    best, fewest = 0, len(prefixes) * 3 // 4
    for length in sorted(set(map(len, prefixes)) - {0}):
        keys = Counter([prefix[:length] for prefix in prefixes if len(prefix) >= length])
        left = len(prefixes) - keys.total() + max(keys.values())
        if left < fewest:
            best, fewest = length, left
    return best


def _table(prefixes: list[str], length: int) -> Table:
    found: Table = {}
    for number, prefix in enumerate(prefixes):
        if len(prefix) >= length:
            found.setdefault(prefix[:length], []).append(number)
    return found


NO_RULES: Final = RuleSet()
