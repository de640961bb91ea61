"""The entries of workers and processes, for those who write them."""

from __future__ import annotations

import struct
import sys
import time
from typing import Final

from mpmserver.core.scoreboard.fields import (
    KEEPALIVE,
    PROCESS_FIELDS,
    RECALL_FIELDS,
    STARTING,
    TEXT_FIELDS,
    WORD,
    WORKER_FIELDS,
    WRITING,
)

_WORKER: Final = struct.Struct(f"{len(WORKER_FIELDS)}Q" + "".join(f"{size}s" for _name, size in TEXT_FIELDS))
WORKER_BYTES: Final = _WORKER.size
_STATUS_BYTE: Final = 0 if sys.byteorder == "little" else WORD - 1
"""Where in the first word the one byte is that states differ in."""
_RECALL: Final = struct.Struct(f"{len(RECALL_FIELDS)}Q")
_CONNECTIONS: Final = PROCESS_FIELDS.index("connections")
_RECALL_AT: Final = PROCESS_FIELDS.index(RECALL_FIELDS[0])


class WorkerSlot:
    """A worker's own entry; called by its thread only, on every request.

    Counts are kept here and copied to the board in one piece: with each change but those of `remembered`, which are
    seen from the next `show` on (a loop calls it once per wake-up, a thread that blocks behind each answer).
    """

    __slots__ = (
        "_bytes", "_child_bytes", "_child_count", "_client", "_count", "_duration", "_entry", "_here_bytes",
        "_here_count", "_last", "_remembered", "_request", "_start", "_status", "_stop", "_vhost",
    )  # fmt: skip

    def __init__(self, entry: memoryview) -> None:
        """The entry's bytes on the board, with the counts that are there."""
        self._entry = entry
        (
            self._status, accesses, sent, self._duration, child_count, child_bytes, self._here_count, self._here_bytes,
            self._start, self._stop, self._last, self._client, self._vhost, self._request,
        ) = _WORKER.unpack(entry)  # fmt: skip
        # Three totals (ever, of this child, of this connection) grow together: each is kept without the next one's.
        self._count, self._bytes = accesses - child_count, sent - child_bytes
        self._child_count, self._child_bytes = child_count - self._here_count, child_bytes - self._here_bytes
        self._remembered = False

    def busy(self, status: int) -> None:
        """Show another status (READING, WRITING, ...)."""
        self._status = status
        self._entry[_STATUS_BYTE] = status

    def connected(self) -> None:
        """A new connection: its counters start again, unless nothing has been counted since the last one came."""
        if self._here_count:
            self._child_count += self._here_count
            self._child_bytes += self._here_bytes
            self._here_count = self._here_bytes = 0
            self._write()

    def request(self, client: bytes, vhost: bytes, request_line: bytes) -> None:
        """A request has been read: it starts now and shows as being written. Texts are cut to their field."""
        self._status = WRITING
        self._start = time.time_ns() // 1000
        self._client = client
        self._vhost = vhost
        self._request = request_line
        self._write()

    def done(self, sent: int, duration: int) -> None:
        """A request is over: `sent` bytes, `duration` microseconds."""
        self._here_count += 1
        self._here_bytes += sent
        self._duration += duration
        self._last = duration
        self._stop = time.time_ns() // 1000
        self._write()

    def remembered(self, client: bytes, vhost: bytes, request_line: bytes, sent: int) -> None:
        """A request was answered from memory, with `sent` bytes: it is seen after the next `show`."""
        self._here_count += 1
        self._here_bytes += sent
        self._client = client
        self._vhost = vhost
        self._request = request_line
        self._status = KEEPALIVE
        self._remembered = True

    def show(self) -> None:
        """Let others see what `remembered` has counted; nothing to do where that is nothing."""
        if self._remembered:
            self._remembered = False
            self._start = self._stop = time.time_ns() // 1000
            self._last = 0
            self._write()

    def start(self) -> None:
        """A new child took the process slot over: its own counters start again, the totals stay."""
        self._count += self._child_count + self._here_count
        self._bytes += self._child_bytes + self._here_bytes
        self._child_count = self._child_bytes = self._here_count = self._here_bytes = 0
        self._start = self._last = 0
        self._client = self._vhost = self._request = b""
        self._status = STARTING
        self._write()

    def _write(self) -> None:
        """Copy all to the board, at once: packing into it would clear it first, and a reader might see that."""
        count = self._child_count + self._here_count
        sent = self._child_bytes + self._here_bytes
        self._entry[:] = _WORKER.pack(
            self._status, self._count + count, self._bytes + sent, self._duration, count, sent, self._here_count,
            self._here_bytes, self._start, self._stop, self._last, self._client, self._vhost, self._request,
        )  # fmt: skip


class ProcessSlot:
    """A process's own entry: `slot["connections"] = 12`."""

    __slots__ = ("_recalled", "_words")

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._recalled = words[_RECALL_AT : _RECALL_AT + len(RECALL_FIELDS)].cast("B")

    def __setitem__(self, name: str, value: int) -> None:
        self._words[PROCESS_FIELDS.index(name)] = value

    def __getitem__(self, name: str) -> int:
        value: int = self._words[PROCESS_FIELDS.index(name)]
        return value

    def connections(self, all_of_them: int, write_completion: int, keep_alive: int, lingering: int) -> None:
        """What a process of an MPM that parks connections holds; called once per wake-up."""
        words = self._words
        words[_CONNECTIONS] = all_of_them
        words[_CONNECTIONS + 1] = write_completion
        words[_CONNECTIONS + 2] = keep_alive
        words[_CONNECTIONS + 3] = lingering

    def recalled(self, hits: int, resource_hits: int, misses: int, size: int) -> None:
        """What a process has answered from memory, and the bytes it keeps for that; once per wake-up or request."""
        self._recalled[:] = _RECALL.pack(hits, resource_hits, misses, size)
