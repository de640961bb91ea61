"""The scoreboard: what every process and worker is doing, in one memory file per generation.

Layout: a header that describes the fields as JSON (so that a newer program can read an older one's board after
an exec), a few words of the parent's, a table of processes and a table of workers (`threads` slots for each
process; the event listener has one of its own). Fields are 64-bit words or fixed-size texts.

Invariants: a slot has one writer (a worker's thread; for a process, its child once it runs, the parent before
and after), there are no locks, and a reader may see a slot between two of its words. A word is written whole.
Totals live in the slots and stay there when another child takes a slot over; when the last process of an older
generation is gone the parent folds its totals into the current board and marks the old one as folded.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
    "conn_bytes", "start_time", "stop_time", "last_duration",
)  # fmt: skip
TEXT_FIELDS: Final = (("client", 64), ("vhost", 64), ("request", 256))

_WORKER = struct.Struct(f"{len(WORKER_FIELDS)}Q" + "".join(f"{size}s" for _name, size in TEXT_FIELDS))
_STATUS_BYTE: Final = 0 if sys.byteorder == "little" else WORD - 1
"""Where in the first word the one byte is that states differ in."""
_RECALL = struct.Struct(f"{len(RECALL_FIELDS)}Q")


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
        """A new connection: its counters start again."""
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


_CONNECTIONS = PROCESS_FIELDS.index("connections")
_RECALL_AT = PROCESS_FIELDS.index(RECALL_FIELDS[0])


class Scoreboard:
    """One generation's board. `create` makes one, `attach` opens one that a parent before an exec made."""

    __slots__ = ("_buffer", "_layout", "_worker_words", "fd", "generation", "older", "processes", "threads")

    def __init__(self, fd: int, buffer: mmap.mmap, layout: dict[str, Any]) -> None:
        self.fd = fd
        self.processes: int = layout["processes"]
        self.threads: int = layout["threads"]
        """Worker slots for each process."""
        self.generation: int = layout["generation"]
        self.older: tuple[Scoreboard, ...] = ()
        """Boards of generations that still have processes, oldest first; set by the parent before a fork."""
        self._buffer = buffer
        self._layout = layout
        self._worker_words = len(layout["worker"]) * WORD

    @classmethod
    def create(cls, processes: int, threads: int, generation: int) -> Scoreboard:
        """Make the board of a new generation; raises OSError where memory is short."""
        layout: dict[str, Any] = {
            "processes": processes, "threads": threads, "generation": generation, "global": GLOBAL_FIELDS,
            "process": PROCESS_FIELDS, "worker": WORKER_FIELDS, "text": TEXT_FIELDS,
        }  # fmt: skip
        header = json.dumps(layout).encode()
        header = struct.pack("8sQ", MAGIC, len(header)) + header
        board = _Sizes(layout)
        fd = os.memfd_create(f"scoreboard-{generation}", os.MFD_CLOEXEC)
        os.ftruncate(fd, board.total)
        os.pwrite(fd, header, 0)
        self = cls(fd, mmap.mmap(fd, board.total), layout)
        self.set_global("restart_time", time.time_ns() // 1000)
        return self

    @classmethod
    def attach(cls, fd: int) -> Scoreboard:
        """Open a board by its descriptor; raises ValueError where it is none."""
        magic, size = struct.unpack("8sQ", os.pread(fd, 16, 0))
        if magic != MAGIC:
            raise ValueError("not a scoreboard")
        layout = json.loads(os.pread(fd, size, 16))
        return cls(fd, mmap.mmap(fd, _Sizes(layout).total), layout)

    def close(self) -> None:
        """Give the descriptors back; the mapping itself stays as long as a slot of it is in use."""
        os.close(self.fd)
        with contextlib.suppress(BufferError):
            self._buffer.close()

    # Writing

    def worker(self, process: int, thread: int) -> WorkerSlot:
        """The entry of one worker, to write."""
        at = self._worker_at(process, thread)
        return WorkerSlot(memoryview(self._buffer)[at : at + _WORKER.size])

    def process(self, process: int) -> ProcessSlot:
        """The entry of one process, to write."""
        at = self._process_at(process)
        return ProcessSlot(memoryview(self._buffer)[at : at + len(PROCESS_FIELDS) * WORD].cast("Q"))

    def set_global(self, name: str, value: int) -> None:
        """Write a word of the parent's."""
        struct.pack_into("Q", self._buffer, self._global_at(name), value)

    def claim(self, process: int, pid: int) -> None:
        """The parent has started `pid` in a slot."""
        slot = self.process(process)
        for name in PROCESS_FIELDS[3:]:
            slot[name] = 0
        slot["started"] = time.time_ns() // 1000
        slot["generation"] = self.generation
        slot["state"] = STARTED
        slot["pid"] = pid

    def release(self, process: int) -> None:
        """The process of a slot has ended: the slot is open, its totals stay. Also for a board of another image."""
        for name, value in (("state", ABSENT), ("pid", 0)):
            at = self._process_at(process) + self._layout["process"].index(name) * WORD
            struct.pack_into("Q", self._buffer, at, value)
        status = self._layout["worker"].index("status") * WORD
        for thread in range(self.threads):
            struct.pack_into("Q", self._buffer, self._worker_at(process, thread) + status, DEAD)

    def fold(self, older: Scoreboard) -> None:
        """Take over the totals of a generation that has no process left."""
        totals = older.own_totals()
        base = self._base()
        older.set_global("folded", 1)
        self.set_global("base_accesses", base.accesses + totals.accesses)
        self.set_global("base_bytes", base.bytes_served + totals.bytes_served)
        self.set_global("base_duration", base.duration + totals.duration)

    def inherit(self, former: Scoreboard) -> None:
        """Begin where an older board's counts began: with the time of the restart that zeroed them."""
        self.set_global("restart_time", former.get_global("restart_time"))

    # Reading

    def get_global(self, name: str) -> int:
        """A word of the parent's; 0 where the program that made this board had no such field."""
        if name not in self._layout["global"]:
            return 0
        value: int = struct.unpack_from("Q", self._buffer, self._global_at(name))[0]
        return value

    def process_view(self, process: int) -> ProcessView:
        names = self._layout["process"]
        values = struct.unpack_from(f"{len(names)}Q", self._buffer, self._process_at(process))
        return ProcessView(process, dict(zip(names, values, strict=True)))

    def processes_view(self) -> Iterator[ProcessView]:
        """Every process slot, open ones included (`state` is ABSENT)."""
        return (self.process_view(process) for process in range(self.processes))

    def worker_view(self, process: int, thread: int) -> WorkerView:
        at = self._worker_at(process, thread)
        names = self._layout["worker"]
        values = struct.unpack_from(f"{len(names)}Q", self._buffer, at)
        at += self._worker_words
        texts = {}
        for name, size in self._layout["text"]:
            raw = bytes(self._buffer[at : at + size])
            texts[name] = raw.partition(b"\0")[0].decode("utf-8", "replace")
            at += size
        return WorkerView(process, thread, dict(zip(names, values, strict=True)), texts)

    def statuses(self, process: int) -> bytes:
        """The status letters of a process's workers, in order: what spare keeping counts."""
        buffer = self._buffer
        first = self._worker_at(process, 0) + self._layout["worker"].index("status") * WORD
        step = _Sizes(self._layout).worker
        return bytes(buffer[first + thread * step] or DEAD for thread in range(self.threads))

    def own_totals(self) -> Totals:
        """The sums over this generation, with what it took over from folded ones."""
        base = self._base()
        accesses, sent, duration = base.accesses, base.bytes_served, base.duration
        for process in range(self.processes):
            for thread in range(self.threads):
                view = self.worker_view(process, thread)
                accesses += view["access_count"]
                sent += view["bytes_served"]
                duration += view["duration"]
        return Totals(accesses, sent, duration)

    def totals(self) -> Totals:
        """The sums over all generations."""
        parts = [self.own_totals(), *(board.own_totals() for board in self.generations()[:-1])]
        return Totals(
            sum(part.accesses for part in parts),
            sum(part.bytes_served for part in parts),
            sum(part.duration for part in parts),
        )

    def generations(self) -> tuple[Scoreboard, ...]:
        """All boards that still count, this one last."""
        return (*(board for board in self.older if not board.get_global("folded")), self)

    # Where things are

    def _base(self) -> Totals:
        return Totals(
            self.get_global("base_accesses"), self.get_global("base_bytes"), self.get_global("base_duration")
        )

    def _global_at(self, name: str) -> int:
        index: int = self._layout["global"].index(name)
        return _Sizes(self._layout).header + index * WORD

    def _process_at(self, process: int) -> int:
        if not 0 <= process < self.processes:
            raise IndexError(process)
        sizes = _Sizes(self._layout)
        return sizes.process_table + process * sizes.process

    def _worker_at(self, process: int, thread: int) -> int:
        if not (0 <= process < self.processes and 0 <= thread < self.threads):
            raise IndexError((process, thread))
        sizes = _Sizes(self._layout)
        return sizes.worker_table + (process * self.threads + thread) * sizes.worker


class _Sizes:
    """Offsets and sizes in bytes that follow from a layout."""

    __slots__ = ("header", "process", "process_table", "total", "worker", "worker_table")

    def __init__(self, layout: dict[str, Any]) -> None:
        self.header = 4096
        self.process: int = len(layout["process"]) * WORD
        self.worker: int = len(layout["worker"]) * WORD + sum(size for _name, size in layout["text"])
        self.process_table: int = self.header + len(layout["global"]) * WORD
        self.worker_table: int = self.process_table + layout["processes"] * self.process
        self.total: int = self.worker_table + layout["processes"] * layout["threads"] * self.worker
