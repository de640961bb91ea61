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

_NUMBERS: Final = struct.Struct(f"{len(WORKER_FIELDS)}Q")
_TEXTS: Final = struct.Struct("".join(f"{size}s" for _name, size in TEXT_FIELDS))
WORKER_BYTES: Final = _NUMBERS.size + _TEXTS.size
_STATUS_BYTE: Final = 0 if sys.byteorder == "little" else WORD - 1
"""Where in the first word the one byte is that states differ in."""
_STOP: Final = WORKER_FIELDS.index("stop_time")
_REMEMBERED: Final = WORKER_FIELDS.index("remembered")
_REMEMBERED_BYTES: Final = WORKER_FIELDS.index("remembered_bytes")
_RECALL: Final = struct.Struct(f"{len(RECALL_FIELDS)}Q")
_CONNECTIONS: Final = PROCESS_FIELDS.index("connections")
_RECALL_AT: Final = PROCESS_FIELDS.index(RECALL_FIELDS[0])


class WorkerSlot:
    """A worker's own entry; called by its thread only, on every request.

    Counts are kept here and copied to the board in one piece: with each change but those of `remembered`, which are
    seen from the next `show` on (a loop calls it once per wake-up, a thread that blocks behind each answer). These have
    words of their own, so that not all are packed anew, until the next other change adds them to the counts.
    """

    __slots__ = (
        "_bytes", "_child_bytes", "_child_count", "_client", "_count", "_duration", "_entry", "_here_bytes",
        "_here_count", "_last", "_new_texts", "_numbers", "_remembered", "_remembered_bytes", "_request", "_second",
        "_start", "_status", "_stop", "_texts", "_unseen", "_vhost", "_words",
    )  # fmt: skip

    def __init__(self, entry: memoryview) -> None:
        """The entry's bytes on the board, with the counts that are there."""
        self._entry = entry
        (
            self._status, accesses, sent, self._duration, child_count, child_bytes, self._here_count, self._here_bytes,
            self._start, self._stop, self._last, self._remembered, self._remembered_bytes,
        ) = _NUMBERS.unpack_from(entry)  # fmt: skip
        self._client, self._vhost, self._request = _TEXTS.unpack_from(entry, _NUMBERS.size)
        self._numbers, self._texts = entry[: _NUMBERS.size], entry[_NUMBERS.size :]
        self._words = self._numbers.cast("Q")
        # Three totals (ever, of this child, of this connection) grow together: each is kept without the next one's.
        self._count, self._bytes = accesses - child_count, sent - child_bytes
        self._child_count, self._child_bytes = child_count - self._here_count, child_bytes - self._here_bytes
        self._count_remembered()
        self._new_texts = self._unseen = False
        self._second = 0

    def busy(self, status: int) -> None:
        """Show another status (READING, WRITING, ...)."""
        self._status = status
        self._entry[_STATUS_BYTE] = status

    def connected(self) -> None:
        """A new connection: its counters start again, unless nothing has been counted since the last one came."""
        self._count_remembered()
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
        self._new_texts = True
        self._write()

    def done(self, sent: int, duration: int) -> None:
        """A request is over: `sent` bytes, `duration` microseconds."""
        self._here_count += 1
        self._here_bytes += sent
        self._duration += duration
        self._last = duration
        self._stop = time.time_ns() // 1000
        self._second = 0
        self._write()

    def remembered(self, client: bytes, vhost: bytes, request_line: bytes, sent: int) -> None:
        """A request was answered from memory, with `sent` bytes: it is counted on the board at the next `show`."""
        self._remembered += 1
        self._remembered_bytes += sent
        self._unseen = True
        if request_line is not self._request or client is not self._client or vhost is not self._vhost:
            self._client = client
            self._vhost = vhost
            self._request = request_line
            self._new_texts = True
        if self._status != KEEPALIVE:
            self.busy(KEEPALIVE)

    def show(self, second: int | None = None) -> None:
        """Let others see what `remembered` has counted, in this second since 1970: few words change, as a rule two.

        None: in the present second.
        """
        if not self._unseen:
            return
        if second is None:
            second = int(time.time())
        self._unseen = False
        words = self._words
        words[_REMEMBERED_BYTES] = self._remembered_bytes
        words[_REMEMBERED] = self._remembered
        if second != self._second:
            self._second = second
            self._stop = words[_STOP] = second * 1_000_000
        if self._new_texts:
            self._show_texts()

    def start(self) -> None:
        """A new child took the process slot over: its own counters start again, the totals stay."""
        self._count_remembered()
        self._count += self._child_count + self._here_count
        self._bytes += self._child_bytes + self._here_bytes
        self._child_count = self._child_bytes = self._here_count = self._here_bytes = 0
        self._start = self._last = 0
        self._client = self._vhost = self._request = b""
        self._new_texts = True
        self._status = STARTING
        self._write()

    def _count_remembered(self) -> None:
        """Count what was answered from memory as other requests are."""
        if self._remembered:
            self._here_count += self._remembered
            self._here_bytes += self._remembered_bytes
            self._remembered = self._remembered_bytes = 0
            self._unseen = False

    def _show_texts(self) -> None:
        self._new_texts = False
        self._texts[:] = _TEXTS.pack(self._client, self._vhost, self._request)

    def _write(self) -> None:
        """Copy all that has changed to the board: packing into it would clear it first, and a reader might see that."""
        self._count_remembered()
        if self._new_texts:
            self._show_texts()
        count = self._child_count + self._here_count
        sent = self._child_bytes + self._here_bytes
        self._numbers[:] = _NUMBERS.pack(
            self._status, self._count + count, self._bytes + sent, self._duration, count, sent, self._here_count,
            self._here_bytes, self._start, self._stop, self._last, 0, 0,
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
