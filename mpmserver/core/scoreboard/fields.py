"""The fields of a scoreboard, and what stands in them."""

from __future__ import annotations

from typing import Any, Final

MAGIC: Final = b"MPMSCORE"
WORD: Final = 8

STATUS_LETTERS: Final = ".S_RWKLDCGI"
"""Open slot, starting, ready, reading, writing, keep-alive, logging, DNS, closing, graceful, idle cleanup."""

(
    DEAD, STARTING, READY, READING, WRITING, KEEPALIVE, LOGGING, DNS, CLOSING, GRACEFUL, IDLE_KILL,
) = map(ord, STATUS_LETTERS)  # fmt: skip

NOT_BUSY: Final = frozenset({DEAD, STARTING, READY, IDLE_KILL, GRACEFUL})

# A process's state.
ABSENT, STARTED, RUNNING, STOPPING = range(4)

GLOBAL_FIELDS: Final = (
    "restart_time", "folded", "base_accesses", "base_bytes", "base_duration", "config_generation",
)  # fmt: skip
RECALL_FIELDS: Final = ("recall_hits", "recall_resource_hits", "recall_misses", "recall_size")
PROCESS_FIELDS: Final = (
    "pid", "generation", "state", "quiescing", "not_accepting", "started", "connections", "write_completion",
    "keep_alive", "lingering", "suspended", "cpu_user", "cpu_system", *RECALL_FIELDS,
)  # fmt: skip
WORKER_FIELDS: Final = (
    "status", "access_count", "bytes_served", "duration", "my_access_count", "my_bytes_served", "conn_count",
    "conn_bytes", "start_time", "stop_time", "last_duration", "remembered", "remembered_bytes",
)  # fmt: skip
"""`remembered` and `remembered_bytes` belong to all three counts before them: a view adds them there."""
TEXT_FIELDS: Final = (("client", 64), ("vhost", 64), ("request", 256))


class Sizes:
    """Offsets and sizes in bytes that follow from a layout."""

    __slots__ = ("header", "process", "process_table", "total", "worker", "worker_table")

    def __init__(self, layout: dict[str, Any]) -> None:
        self.header = 4096
        self.process: int = len(layout["process"]) * WORD
        self.worker: int = len(layout["worker"]) * WORD + sum(size for _name, size in layout["text"])
        self.process_table: int = self.header + len(layout["global"]) * WORD
        self.worker_table: int = self.process_table + layout["processes"] * self.process
        self.total: int = self.worker_table + layout["processes"] * layout["threads"] * self.worker
