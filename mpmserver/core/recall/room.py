"""Who has a place in memory, and who has to make way.

Each that is remembered has its turn: who was asked for since the last one stays, who was not has to go. Where that
turns out those who have hardly been given, few others are let in: to remember costs more than to answer.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

RAREST: Final = 64
"""Of so many answers for which there is no room, one is remembered at least."""
_GONE: Final = -1
_UNTIDY: Final = 64
"""So many that have left by themselves are always allowed to be among those whose turn will come."""


AUTO_BYTES: Final = 8 << 20
"""So a process of event with 128 threads stays below 40 MiB, its code included."""
AUTO_TOTAL: Final = 256 << 20
AUTO_LEAST: Final = 1 << 20
RIVALS: Final = 16
"""So many are looked at for one that makes way to another."""


def size_of(configured: int | None, processes: int) -> int:
    """RecallSize in bytes: as configured, or what suits so many processes together."""
    if configured is not None:
        return configured
    return max(AUTO_LEAST, min(AUTO_BYTES, AUTO_TOTAL // max(1, processes)))


class Tenant(Protocol):
    """A record or a brief."""

    hits: int
    """How often it has answered."""
    hits_before: int
    """How often it had at its last turn; the room's own."""

    @property
    def size(self) -> int:
        """How many bytes it takes."""

    @property
    def worth(self) -> int:
        """How often it has to be given to be worth its place."""


class Room:
    """So many bytes. Whoever uses it holds a lock."""

    __slots__ = ("_every", "_gone", "_passed", "_turns", "limit", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        """How many of them are taken."""
        self._turns: deque[Tenant] = deque()
        self._gone = 0
        """How many of these have left."""
        self._every = 1
        """Of so many answers one is remembered while there is no room for all: more, the less others were given."""
        self._passed = 0
        """How many have been passed over since the last one."""

    def __len__(self) -> int:
        return len(self._turns) - self._gone

    @property
    def is_ample(self) -> bool:
        """Whether so much is free that nobody need be brief."""
        return self.size < self.limit // 2

    @property
    def is_full(self) -> bool:
        """Whether so little is free that somebody will have to make way soon."""
        return self.size > self.limit - self.limit // 16

    def passes_over(self) -> bool:
        """Whether an answer gets no place because there are too few; who is asked for often gets one all the same."""
        if self._every == 1:
            return False
        if self.size < self.limit * 3 // 4:
            self._every = 1
            return False
        self._passed = (self._passed + 1) % self._every
        return self._passed != 0

    def take(self, tenant: Tenant) -> None:
        """Give it a place. It may be that somebody has to make way: see `next_to_go`."""
        self._turns.append(tenant)
        self.size += tenant.size

    def leave(self, tenant: Tenant) -> bool:
        """Take a place back; False where it was taken back before."""
        if tenant.hits_before == _GONE:
            return False
        self.size -= tenant.size
        tenant.hits_before = _GONE
        self._gone += 1
        if self._gone > _UNTIDY + len(self._turns) // 2:
            self._turns = deque([each for each in self._turns if each.hits_before != _GONE])
            self._gone = 0
        return True

    def rival(self, tenant: Tenant) -> Tenant | None:
        """One that is worth its place only where it is given more often, and is given not half as often as `tenant`.

        It is looked for among few; who has been here for longer has been given more, so none takes turns with others.
        """
        turns = self._turns
        for _ in range(min(RIVALS, len(turns))):
            other = turns[0]
            turns.rotate(-1)
            if other.hits_before != _GONE and other.worth > tenant.worth and 2 * other.hits < tenant.hits:
                return other
        return None

    def next_to_go(self) -> Tenant | None:
        """Who has to leave now; None where there is room for all."""
        while self.size > self.limit and self._turns:
            tenant = self._turns[0]
            if tenant.hits_before == _GONE:
                self._turns.popleft()
                self._gone -= 1
            elif tenant.hits != tenant.hits_before:
                tenant.hits_before = tenant.hits
                self._turns.rotate(-1)
            else:
                self._every = min(RAREST, self._every * 2) if tenant.hits < tenant.worth else max(1, self._every // 2)
                return tenant
        return None
