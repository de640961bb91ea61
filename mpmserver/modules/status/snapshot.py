"""The scoreboard at one moment, as values that both forms of the report are made of.

Processes of older generations that still finish their work come after the present ones; their busy workers count
as graceful, as in Apache.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mpmserver.core.names import TOKENS
from mpmserver.core.scoreboard import (
    DEAD,
    NOT_BUSY,
    READY,
    RECALL_FIELDS,
    ProcessView,
    Scoreboard,
    WorkerView,
    worker_states,
)
from mpmserver.core.settings import CoreServer
from mpmserver.modules.status.figures import KIB
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.child import Child
    from mpmserver.core.recall.memory import Recall

REQUEST_CHARACTERS: Final = 63
IDLE: Final = frozenset({READY})
STATE_WORDS: Final = {
    "_": "Ready", ".": "Dead", "S": "Starting", "R": "<b>Read</b>", "W": "<b>Write</b>", "K": "<b>Keepalive</b>",
    "L": "<b>Logging</b>", "D": "<b>DNS lookup</b>", "C": "<b>Closing</b>", "G": "Finishing", "I": "Dying",
}  # fmt: skip
NOT_BOLD: Final = frozenset("_.GI")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of processor time: own (user, system) and of children that have ended."""

    user: float = 0.0
    system: float = 0.0
    children_user: float = 0.0
    children_system: float = 0.0

    @property
    def total(self) -> float:
        return self.user + self.system + self.children_user + self.children_system

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(
            self.user + other.user,
            self.system + other.system,
            self.children_user + other.children_user,
            self.children_system + other.children_system,
        )


@dataclass(frozen=True, slots=True)
class Process:
    """One serving process."""

    slot: int
    pid: int
    generation: int
    stopping: bool
    old: bool
    accepting: bool
    connections: int
    busy: int
    graceful: int
    idle: int
    waiting: int
    writing: int
    keep_alive: int
    closing: int
    cpu: Cpu
    recalled: tuple[int, ...]
    """What it has answered from memory: the RECALL_FIELDS."""

    @property
    def stopping_text(self) -> str:
        if not self.stopping:
            return "no"
        return "yes (old gen)" if self.old else "yes"


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker that has served something, or is about to; times in the units of the page."""

    process: Process
    letter: str
    here: int
    """Requests on the present connection; `child` and `slot` count those of the process and of all before it."""
    child: int
    slot: int
    since: int
    """Seconds since its last request began or ended."""
    last: int
    """Milliseconds that the last request took; `all` is their sum."""
    all: int
    here_bytes: int
    child_bytes: int
    slot_bytes: int
    client: str
    vhost: str
    request: str

    @property
    def mode(self) -> str:
        return self.letter if self.letter in NOT_BOLD else f"<b>{self.letter}</b>"

    @property
    def word(self) -> str:
        return STATE_WORDS.get(self.letter, f"?STATE?{self.letter}")


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was answered from memory: by all processes, and in the last four by the one that makes the report."""

    hits: int
    resource_hits: int
    """Those among the answers that were found by their resource, as the head was a new one."""
    misses: int
    size: int
    limit: int
    heads: int
    resources: int
    reasons: tuple[tuple[str, int], ...]
    """Why answers were not remembered, and how often, the most frequent reason first."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a report shows."""

    version: str
    mpm: str
    built: str
    now: int
    restarted: int
    generation: int
    load: tuple[float, float, float]
    extended: bool
    asynchronous: bool
    """The MPM parks connections: there is something to tell of them."""
    accesses: int
    kbytes: int
    duration: int
    """Milliseconds."""
    processes: tuple[Process, ...]
    workers: tuple[Worker, ...]
    scoreboard: str
    slots: tuple[tuple[int, str], ...]
    """(process id, letter) of every slot, for the list of ids that stands in for the details."""
    recalled: Recalled | None
    """None where Recall is off."""

    @property
    def up(self) -> int:
        return max(0, self.now - self.restarted)

    @property
    def cpu(self) -> Cpu:
        return sum((process.cpu for process in self.processes), Cpu())

    @property
    def busy(self) -> int:
        return sum(process.busy for process in self.processes)

    @property
    def graceful(self) -> int:
        return sum(process.graceful for process in self.processes)

    @property
    def idle(self) -> int:
        return sum(process.idle for process in self.processes)

    def sum_of(self, field: str) -> int:
        """The sum of one count over all processes."""
        return sum(int(getattr(process, field)) for process in self.processes)


def snapshot(child: Child, recall: Recall | None = None) -> Snapshot:
    """Read the scoreboards of all generations; a view of a living thing, so figures may be a moment apart.

    `recall` is this process's memory, which knows its own figures best.
    """
    site, board = child.site, child.scoreboard
    core = site.main[CoreServer]
    geometry = child.mpm.geometry(site.configuration)
    totals = board.totals()
    now = int(time.time())
    tail = core.see_request_tail
    processes: list[Process] = []
    workers: list[Worker] = []
    letters: list[str] = []
    slots: list[tuple[int, str]] = []
    for each in (board, *board.generations()[:-1]):
        old = each is not board
        for view in each.processes_view():
            if old and not view["pid"]:
                continue
            states = worker_states(each.statuses(view.slot), geometry.threads)
            shown = _letters(view, states, old)
            slots += [(view["pid"], letter) for letter in shown]
            if old or view.slot < geometry.processes or view["pid"]:
                letters.append(shown)
            if view["pid"]:
                process = _process(view, states, old)
                processes.append(process)
                workers += _workers(each, process, now, tail, old)
    return Snapshot(
        version=TOKENS["Full"],
        mpm=child.mpm.name,
        built=_built(),
        now=now,
        restarted=board.get_global("restart_time") // 1_000_000,
        generation=child.generation,
        load=os.getloadavg(),
        extended=core.extended_status,
        asynchronous=child.mpm.asynchronous,
        accesses=totals.accesses,
        kbytes=totals.bytes_served // KIB,
        duration=totals.duration // 1000,
        processes=tuple(processes),
        workers=tuple(workers),
        scoreboard="".join(letters),
        slots=tuple(slots),
        recalled=None if recall is None else _recalled(recall, [each for each in processes if each.pid != os.getpid()]),
    )


def _recalled(recall: Recall, others: list[Process]) -> Recalled:
    """The figures of this process's memory, with those that the others have in the scoreboard."""
    own = recall.figures()
    sums = (sum(each) for each in zip(*(process.recalled for process in others), strict=True))
    of_others = dict(zip(RECALL_FIELDS, sums, strict=False))
    return Recalled(
        hits=own["hits"] + of_others.get("recall_hits", 0),
        resource_hits=own["resource_hits"] + of_others.get("recall_resource_hits", 0),
        misses=own["misses"] + of_others.get("recall_misses", 0),
        size=own["size"] + of_others.get("recall_size", 0),
        limit=own["limit"],
        heads=own["heads"],
        resources=own["resources"],
        reasons=tuple(sorted(recall.reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def _letters(view: ProcessView, states: bytes, old: bool) -> str:
    """The letters of a process; work of one that stops is "gracefully finishing"."""
    if not (old or view["quiescing"]):
        return states.decode("ascii")
    return "".join("G" if state not in NOT_BUSY else chr(state) for state in states)


def _process(view: ProcessView, states: bytes, old: bool) -> Process:
    stopping = old or bool(view["quiescing"])
    working = sum(state not in NOT_BUSY for state in states)
    return Process(
        slot=view.slot,
        pid=view["pid"],
        generation=view["generation"],
        stopping=stopping,
        old=old,
        accepting=not view["not_accepting"] and not stopping,
        connections=view["connections"],
        busy=0 if stopping else working,
        graceful=working if stopping else 0,
        idle=0 if stopping else sum(state in IDLE for state in states),
        waiting=view["suspended"],
        writing=view["write_completion"],
        keep_alive=view["keep_alive"],
        closing=view["lingering"],
        cpu=process_cpu(view["pid"]),
        recalled=tuple(view[name] for name in RECALL_FIELDS),
    )


def _workers(
    board: Scoreboard, process: Process, now: int, tail: bool, old: bool
) -> Iterator[Worker]:
    for thread in range(board.threads):
        view = board.worker_view(process.slot, thread)
        if not view["access_count"] and view["status"] in (0, READY, DEAD):
            continue
        yield _worker(view, process, now, tail, old)


def _worker(view: WorkerView, process: Process, now: int, tail: bool, old: bool) -> Worker:
    letter = "G" if old and view["status"] not in NOT_BUSY else view.letter
    used = max(view["start_time"], view["stop_time"]) // 1_000_000
    request = view.texts["request"]
    return Worker(
        process=process,
        letter=letter,
        here=view["conn_count"] + (letter == "W"),
        child=view["my_access_count"],
        slot=view["access_count"],
        since=max(0, now - used) if used else 0,
        last=view["last_duration"] // 1000,
        all=view["duration"] // 1000,
        here_bytes=view["conn_bytes"],
        child_bytes=view["my_bytes_served"],
        slot_bytes=view["bytes_served"],
        client=view.texts["client"],
        vhost=view.texts["vhost"],
        request=request[-REQUEST_CHARACTERS:] if tail else request[:REQUEST_CHARACTERS],
    )


def process_cpu(pid: int) -> Cpu:
    """The processor time of a process so far; nothing for one that has gone meanwhile."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return Cpu()
    tick = os.sysconf("SC_CLK_TCK")
    return Cpu(*(int(text) / tick for text in fields[11:15]))


def _built() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(os.stat(__file__).st_mtime))
