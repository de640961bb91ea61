"""What an answer was made for: the request fields that somebody asked for, and what they said."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, NamedTuple

from mpmserver.http.headers import EVERYTHING

if TYPE_CHECKING:
    from mpmserver.http.gist import Fields


class Asked(NamedTuple):
    """A request that says the same in all of these is meant, too, whatever else it says."""

    there: tuple[tuple[str, str], ...]
    """Names, in lower case, with the values that were found."""
    absent: frozenset[str]
    """The names under which nothing was."""

    def suits(self, fields: Fields) -> bool:
        """Whether a request with these fields says the same."""
        there, absent = self
        if not absent.isdisjoint(fields):
            return False
        for name, value in there:  # noqa: SIM110 - a generator would cost more than the comparisons
            if fields.get(name) != value:
                return False
        return True

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.absent.union([name for name, _ in self.there])


def asked_of(names: Set[str], fields: Fields) -> Asked:
    """What was found by who asked a request with these fields for those of these names."""
    there = tuple([(name, fields[name]) for name in sorted(names) if name in fields])
    return Asked(there, frozenset([name for name in names if name not in fields and name != EVERYTHING]))
