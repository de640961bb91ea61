"""How long a backtracking engine may take with an expression, at worst, in the subject's length.

The translator makes a tree of the expression; ``measure`` walks it from right to left. What each item needs to know
is what must come after it (``Prefix``): a repeat whose next octet can't be one of its own has one extent only that can
succeed, so it is tried once; one that overlaps with what follows may be tried with each of n extents. Repeats of
groups whose inside has more than one way to match the same text are exponential.

``Bound`` counts elementary steps (of some ten nanoseconds each in Python's ``re``); every rule here errs on the side
of more. ``paths`` counts how often what follows is tried.

Expressions are measured with octets in mind. ``octets_only`` is False where reading UTF-8 text character by
character could give another answer than reading its octets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from mpmserver.config.charclass import ALL_OCTETS
from mpmserver.records import dataclass

HIGH = ALL_OCTETS ^ ((1 << 128) - 1)
_ACCEPT_BIT = 1 << 256
_FEW = 64
"""A counted repeat up to here is counted; beyond it is as good as unbounded."""
_MAX_PREFIX = 12
_MAX_PATHS = 1_000_000
_MAX_DEGREE = 8

Prefix = tuple[int, ...]
"""What octets may stand at the next positions on any way to success; nothing is known beyond the tuple's end."""

UNKNOWN: Prefix = ()
END: Prefix = (0,)
"""The end of the subject: no octet fits."""
ACCEPT: Prefix = (_ACCEPT_BIT,)
"""The expression has matched: nothing can fail any more."""


class Bound(NamedTuple):
    """A polynomial in the subject's length, lowest degree first; `exponential` where there is no such bound."""

    factors: tuple[int, ...]

    @property
    def exponential(self) -> bool:
        return len(self.factors) > _MAX_DEGREE + 1

    @property
    def degree(self) -> int:
        return len(self.factors) - 1

    def plus(self, other: Bound) -> Bound:
        mine, its = self.factors, other.factors
        if len(mine) == len(its) == 1:
            return Bound((mine[0] + its[0],))
        if len(mine) < len(its):
            mine, its = its, mine
        return Bound((*map(sum, zip(mine, its, strict=False)), *mine[len(its) :]))

    def times(self, other: Bound) -> Bound:
        if self.degree + other.degree > _MAX_DEGREE:
            return EXPONENTIAL
        product = [0] * (self.degree + other.degree + 1)
        for degree, factor in enumerate(self.factors):
            for its_degree, its_factor in enumerate(other.factors):
                product[degree + its_degree] += factor * its_factor
        return Bound(tuple(product))

    def power(self, count: int) -> Bound:
        if self == ONCE:
            return self
        if self.degree * count > _MAX_DEGREE or sum(self.factors) ** count > _MAX_PATHS:
            return EXPONENTIAL
        result = ONCE
        for _ in range(count):
            result = result.times(self)
        return result

    def most(self, other: Bound) -> Bound:
        """A bound for whichever is larger."""
        pairs = zip_longest(self.factors, other.factors, fillvalue=0)
        return Bound(tuple(max(mine, its) for mine, its in pairs))

    def flat(self) -> Bound:
        """A bound, linear at most, for what is done at each octet once."""
        return Bound((0, sum(self.factors)))

    def steps(self, length: int) -> int:
        """The steps for a subject of ``length`` octets."""
        return sum(factor * length**degree for degree, factor in enumerate(self.factors))

    def longest(self, budget: int) -> int:
        """The length of the longest subject that takes no more than ``budget`` steps; -1 where none does."""
        if self.exponential or self.steps(0) > budget:
            return -1
        if len(self.factors) <= 2:
            slope = self.factors[1] if len(self.factors) > 1 else 0
            return min(budget, (budget - self.factors[0]) // slope) if slope else budget
        low, high = 0, budget
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.steps(middle) <= budget else (low, middle - 1)
        return low


NOTHING = Bound((0,))
ONCE = Bound((1,))
LINEAR = Bound((0, 1))
EXPONENTIAL = Bound((1,) * (_MAX_DEGREE + 2))


def constant(count: int) -> Bound:
    """As many steps, however long the subject."""
    return Bound((count,))


class Measure(NamedTuple):
    """What was found about an item together with what follows it; see the module's docstring."""

    work: Bound
    paths: Bound
    prefix: Prefix
    octets_only: bool = True
    looks: bool = False
    """Whether something looks ahead or behind, and so may read the same text again and again."""
    taken: int = 0
    """All octets that it may take."""
    looped: int = 0
    """The octets that its unbounded repeats may take."""


def disjoint(one: Prefix, other: Prefix) -> bool:
    """Whether no text can go on in both ways."""
    return any(not mine & its for mine, its in zip(one, other, strict=False))


def either(one: Prefix, other: Prefix) -> Prefix:
    """What may come where either may."""
    return tuple(mine | its for mine, its in zip(one, other, strict=False))


def _certain(prefix: Prefix) -> Prefix:
    """The part of a prefix up to where the inside of an assertion or atomic group may have ended."""
    for position, mask in enumerate(prefix):
        if mask & _ACCEPT_BIT:
            return prefix[:position]
    return prefix


class Tree:
    """One item of an expression."""

    __slots__ = ()

    def measure(self, follow: Prefix) -> Measure:
        raise NotImplementedError

    def anchored(self) -> bool:
        """Whether it can match at the subject's start only."""
        return False

    def takes_anything(self) -> bool:
        """Whether it begins with an unbounded repeat of any octet: what fails at the start fails everywhere."""
        return False


class Octet(Tree):
    """One octet out of a set."""

    __slots__ = ("mask",)

    def __init__(self, mask: int) -> None:
        self.mask = mask

    def measure(self, follow: Prefix) -> Measure:
        prefix = (self.mask, *follow[: _MAX_PREFIX - 1])
        return Measure(ONCE, ONCE, prefix, not self.mask & HIGH, taken=self.mask)


class Text(Tree):
    """Octets that stand as they are."""

    __slots__ = ("masks",)

    def __init__(self, masks: Prefix) -> None:
        self.masks = masks

    def measure(self, follow: Prefix) -> Measure:
        prefix = (self.masks + follow)[:_MAX_PREFIX]
        return Measure(constant(len(self.masks)), ONCE, prefix, taken=_union(self.masks))


class Assertion(Tree):
    """A place: a word boundary, a line's start. `allowed` are the octets that may come next, None for all."""

    __slots__ = ("allowed", "octets_only", "start")

    def __init__(self, allowed: int | None = None, *, start: bool = False, octets_only: bool = True) -> None:
        self.allowed = allowed
        self.start = start
        self.octets_only = octets_only

    def measure(self, follow: Prefix) -> Measure:
        prefix = _certain(follow) if self.allowed is None else (self.allowed,)
        return Measure(ONCE, ONCE, prefix, self.octets_only)

    def anchored(self) -> bool:
        return self.start


class Reference(Tree):
    """What a group matched, again."""

    __slots__ = ()

    def measure(self, follow: Prefix) -> Measure:
        return Measure(LINEAR, ONCE, UNKNOWN, False, taken=ALL_OCTETS, looped=ALL_OCTETS)


class Chain(Tree):
    """One item after the other."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Tree]) -> None:
        self.items = items

    def measure(self, follow: Prefix) -> Measure:
        work, paths, prefix, found = NOTHING, ONCE, follow, []
        for item in reversed(self.items):
            one = item.measure(prefix)
            work = one.work.plus(work if one.paths == ONCE else one.paths.times(work))
            paths = paths if one.paths == ONCE else one.paths.times(paths)
            prefix = one.prefix
            found.append(one)
        return _together(found, work, paths, prefix)

    def anchored(self) -> bool:
        return bool(self.items) and self.items[0].anchored()

    def takes_anything(self) -> bool:
        return bool(self.items) and self.items[0].takes_anything()


class Choice(Tree):
    """Alternatives, tried in order."""

    __slots__ = ("branches",)

    def __init__(self, branches: Sequence[Tree]) -> None:
        self.branches = branches

    def measure(self, follow: Prefix) -> Measure:
        found = [branch.measure(follow) for branch in self.branches]
        work, paths, prefix = found[0].work, found[0].paths, found[0].prefix
        for one in found[1:]:
            work = work.plus(one.work).plus(ONCE)
            paths = paths.most(one.paths) if disjoint(prefix, one.prefix) else paths.plus(one.paths)
            prefix = either(prefix, one.prefix)
        return _together(found, work, paths, prefix)

    def anchored(self) -> bool:
        return all(branch.anchored() for branch in self.branches)

    def takes_anything(self) -> bool:
        return all(branch.takes_anything() for branch in self.branches)


@dataclass(slots=True)
class Group(Tree):
    """Something that is matched once and never entered again: an atomic group, or (`looks`) an assertion."""

    inside: Tree
    looks: bool
    behind: bool = False

    def measure(self, follow: Prefix) -> Measure:
        found = self.inside.measure(ACCEPT)
        if not self.looks:
            return found._replace(paths=ONCE, prefix=_certain(found.prefix))
        octets_only = found.octets_only and not self.behind
        return found._replace(paths=ONCE, prefix=UNKNOWN, octets_only=octets_only, looks=True)

    def anchored(self) -> bool:
        return not self.looks and self.inside.anchored()


@dataclass(slots=True)
class Repeat(Tree):
    """An item from `least` to `most` times (None: as often as it goes)."""

    inside: Tree
    least: int
    most: int | None

    def measure(self, follow: Prefix) -> Measure:
        if self.most is None or self.most > _FEW:
            return self._octets(follow) if isinstance(self.inside, Octet) else self._unbounded(follow)
        if self.most == 0:
            return Measure(NOTHING, ONCE, follow)
        return self._counted(follow, self.most)

    def _octets(self, follow: Prefix) -> Measure:
        assert isinstance(self.inside, Octet)
        mask = self.inside.mask
        overlaps = not follow or bool(mask & follow[0])
        # Characters of several octets count as one only where their number can't matter.
        whole = self.most is None and self.least <= 1 and mask & HIGH == HIGH
        alike = not mask & HIGH or (whole and bool(follow) and not follow[0] & HIGH)
        prefix = _repeated(mask, self.least, follow)
        # .* takes all that is left and nothing behind it can fail.
        work = ONCE if mask == ALL_OCTETS and follow in (END, ACCEPT) else Bound((1, 2))
        return Measure(work, LINEAR if overlaps else ONCE, prefix, alike, taken=mask, looped=mask)

    def _unbounded(self, follow: Prefix) -> Measure:
        found = self._iteration(follow)
        if found.paths != ONCE:
            work = paths = EXPONENTIAL
        else:
            # A deterministic inside takes what it reads: all iterations together read the text once, and each
            # end of one is tried again on the way back. Not so where something only looks.
            each = found.work.plus(constant(4))
            work = each.times(LINEAR) if found.looks or each.degree > 1 else each.flat()
            paths = ONCE if disjoint(found.prefix[:1], follow) else LINEAR
        prefix = found.prefix if self.least else either(found.prefix, follow)
        return found._replace(work=work, paths=paths, prefix=prefix, looped=found.taken)

    def _counted(self, follow: Prefix, most: int) -> Measure:
        found = self.inside.measure(follow) if most == 1 else self._iteration(follow)
        tried = found.paths.power(most - 1)
        paths = tried.times(found.paths)
        if self.least < most and not disjoint(found.prefix, follow):
            paths = paths.plus(ONCE) if most == 1 else paths.times(constant(most - self.least + 1))
        work = found.work.times(constant(most)).times(tried).plus(ONCE)
        prefix = found.prefix if self.least else either(found.prefix, follow)
        return found._replace(work=work, paths=paths, prefix=prefix)

    def _iteration(self, follow: Prefix) -> Measure:
        """The inside, where what it begins with may also follow it."""
        begin = self.inside.measure(UNKNOWN).prefix
        return self.inside.measure(either(begin, follow))

    def anchored(self) -> bool:
        return self.least > 0 and self.inside.anchored()

    def takes_anything(self) -> bool:
        anything = isinstance(self.inside, Octet) and self.inside.mask == ALL_OCTETS
        return anything and self.most is None and self.least <= 1


def _together(found: Sequence[Measure], work: Bound, paths: Bound, prefix: Prefix) -> Measure:
    """What several items are together."""
    octets_only = all(one.octets_only for one in found)
    looks = any(one.looks for one in found)
    taken, looped = _union(one.taken for one in found), _union(one.looped for one in found)
    return Measure(work, paths, prefix, octets_only, looks, taken, looped)


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def _repeated(mask: int, least: int, follow: Prefix) -> Prefix:
    """What may stand at the positions of a repeat of one octet and behind it."""
    prefix = [mask] * min(least, _MAX_PREFIX)
    seen = mask
    for octet in follow[: _MAX_PREFIX - len(prefix)]:
        seen |= octet
        prefix.append(seen)
    return tuple(prefix)


def search_cost(tree: Tree) -> tuple[Bound, bool]:
    """The cost of a search for ``tree`` anywhere in a subject, and whether octets and characters are the same to it."""
    found = tree.measure(ACCEPT)
    work = found.work.plus(ONCE)
    if tree.anchored():
        return work, found.octets_only
    # Where a match begins with an octet that no repeat takes, two starts hardly ever read the same text.
    begin = found.prefix[0] if found.prefix else _ACCEPT_BIT
    apart = not begin & (found.looped | _ACCEPT_BIT) and found.paths.degree == 0 and not found.looks
    return (work.flat() if apart and work.degree == 1 else work.times(LINEAR)), found.octets_only
