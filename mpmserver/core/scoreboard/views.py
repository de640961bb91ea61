"""What a reader of the scoreboard is given: copies, by name."""

from __future__ import annotations

from typing import Final

from mpmserver.core.scoreboard.fields import DEAD, NOT_BUSY, READY
from mpmserver.records import dataclass

COUNTS: Final = (
    ("access_count", "bytes_served"), ("my_access_count", "my_bytes_served"), ("conn_count", "conn_bytes"),
)  # fmt: skip
"""A worker's requests and bytes: ever, of this child, and of this connection."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """A process as a reader sees it: the PROCESS_FIELDS by name (`view["pid"]`), times in microseconds."""

    slot: int
    values: dict[str, int]

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as a reader sees it: WORKER_FIELDS as `values`, TEXT_FIELDS as `texts`; times in microseconds."""

    process: int
    thread: int
    values: dict[str, int]
    texts: dict[str, str]

    @property
    def letter(self) -> str:
        """The status as mod_status shows it."""
        return chr(self.values.get("status", 0) or DEAD)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)


def add_remembered(values: dict[str, int]) -> None:
    """Count what was answered from memory in all of a worker's counts; such an answer takes no time that is shown."""
    hits, sent = values.get("remembered", 0), values.get("remembered_bytes", 0)
    if hits:
        for count, size in COUNTS:
            values[count] = values.get(count, 0) + hits
            values[size] = values.get(size, 0) + sent
        values.update(start_time=values.get("stop_time", 0), last_duration=0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all generations: requests, bytes, and microseconds spent on them."""

    accesses: int
    bytes_served: int
    duration: int


def worker_states(states: bytes, threads: int) -> bytes:
    """The states of a process's workers; a listener that answers by itself stands in for one that is idle.

    So the scoreboard has as many letters as there may be workers, and every request under way is seen.
    """
    own = bytearray(states[:threads])
    for state in states[threads:]:
        if state not in NOT_BUSY and READY in own:
            own[own.index(READY)] = state
    return bytes(own)
