"""One generation's scoreboard: a memory file of tables."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import time
from collections.abc import Iterator
from typing import Any

from mpmserver.core.scoreboard.fields import (
    ABSENT,
    DEAD,
    GLOBAL_FIELDS,
    MAGIC,
    PROCESS_FIELDS,
    STARTED,
    TEXT_FIELDS,
    WORD,
    WORKER_FIELDS,
    Sizes,
)
from mpmserver.core.scoreboard.slots import WORKER_BYTES, ProcessSlot, WorkerSlot
from mpmserver.core.scoreboard.views import ProcessView, Totals, WorkerView, add_remembered


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
        board = Sizes(layout)
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
        return cls(fd, mmap.mmap(fd, Sizes(layout).total), layout)

    def close(self) -> None:
        """Give the descriptors back; the mapping itself stays as long as a slot of it is in use."""
        os.close(self.fd)
        with contextlib.suppress(BufferError):
            self._buffer.close()

    # Writing

    def worker(self, process: int, thread: int) -> WorkerSlot:
        """The entry of one worker, to write."""
        at = self._worker_at(process, thread)
        return WorkerSlot(memoryview(self._buffer)[at : at + WORKER_BYTES])

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
        counts = dict(zip(names, values, strict=True))
        add_remembered(counts)
        return WorkerView(process, thread, counts, texts)

    def statuses(self, process: int) -> bytes:
        """The status letters of a process's workers, in order: what spare keeping counts."""
        buffer = self._buffer
        first = self._worker_at(process, 0) + self._layout["worker"].index("status") * WORD
        step = Sizes(self._layout).worker
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
        return Sizes(self._layout).header + index * WORD

    def _process_at(self, process: int) -> int:
        if not 0 <= process < self.processes:
            raise IndexError(process)
        sizes = Sizes(self._layout)
        return sizes.process_table + process * sizes.process

    def _worker_at(self, process: int, thread: int) -> int:
        if not (0 <= process < self.processes and 0 <= thread < self.threads):
            raise IndexError((process, thread))
        sizes = Sizes(self._layout)
        return sizes.worker_table + (process * self.threads + thread) * sizes.worker
