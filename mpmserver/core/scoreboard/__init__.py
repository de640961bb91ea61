"""The scoreboard: what every process and worker is doing, in one memory file per generation.

Layout: a header that describes the fields as JSON (so that a newer program can read an older one's board after
an exec), a few words of the parent's, a table of processes and a table of workers (`threads` slots for each
process; the event listener has one of its own). Fields are 64-bit words or fixed-size texts (`fields.py`). Writers
have a slot (`slots.py`), readers get views (`views.py`), the parent has the board itself (`board.py`).

Invariants: a slot has one writer (a worker's thread; for a process, its child once it runs, the parent before
and after), there are no locks, and a reader may see a slot between two of its words. A word is written whole.
Totals live in the slots and stay there when another child takes a slot over; when the last process of an older
generation is gone the parent folds its totals into the current board and marks the old one as folded.
"""

from __future__ import annotations

from mpmserver.core.scoreboard.board import Scoreboard
from mpmserver.core.scoreboard.fields import (
    ABSENT,
    CLOSING,
    DEAD,
    DNS,
    GRACEFUL,
    IDLE_KILL,
    KEEPALIVE,
    LOGGING,
    MAGIC,
    NOT_BUSY,
    PROCESS_FIELDS,
    READING,
    READY,
    RECALL_FIELDS,
    RUNNING,
    STARTED,
    STARTING,
    STATUS_LETTERS,
    STOPPING,
    WRITING,
)
from mpmserver.core.scoreboard.slots import ProcessSlot, WorkerSlot
from mpmserver.core.scoreboard.views import ProcessView, Totals, WorkerView, worker_states

__all__ = [
    "ABSENT",
    "CLOSING",
    "DEAD",
    "DNS",
    "GRACEFUL",
    "IDLE_KILL",
    "KEEPALIVE",
    "LOGGING",
    "MAGIC",
    "NOT_BUSY",
    "PROCESS_FIELDS",
    "READING",
    "READY",
    "RECALL_FIELDS",
    "RUNNING",
    "STARTED",
    "STARTING",
    "STATUS_LETTERS",
    "STOPPING",
    "WRITING",
    "ProcessSlot",
    "ProcessView",
    "Scoreboard",
    "Totals",
    "WorkerSlot",
    "WorkerView",
    "worker_states",
]
