"""How many processes to keep in reserve: Apache's rules, once a second, as pure functions.

Too few idle ones start 1, then 2, 4 ... 32 processes a second for as long as the shortage lasts; too many stop one
process a second. prefork counts processes, worker and event count threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.settings import Level
from mpmserver.mpm.base import MAX_SPAWN_RATE, Change, ChildView, Notice, SpareState
from mpmserver.records import dataclass

BUSY_RATE = 8
"""From this rate on the log says that the server seems busy."""


@dataclass(frozen=True, slots=True)
class Words:
    """The notices of one threaded MPM; `busy` has fields for started, idle, active and all others."""

    reached: str
    within: str
    full: str
    busy: str


WORKER_WORDS = Words(
    "AH00286: server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting",
    "AH00287: server is within MinSpareThreads of MaxRequestWorkers, consider raising the MaxRequestWorkers setting",
    "AH00288: scoreboard is full, not at MaxRequestWorkers",
    "AH00289: server seems busy, (you may need to increase StartServers, ThreadsPerChild or Min/MaxSpareThreads),"
    " spawning {started} children, there are around {idle} idle threads, and {total} total children",
)
EVENT_WORDS = Words(
    "AH00484: server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting",
    "AH10159: server is within MinSpareThreads of MaxRequestWorkers, consider raising the MaxRequestWorkers setting",
    "AH03490: scoreboard is full, not at MaxRequestWorkers.Increase ServerLimit.",
    "AH00486: server seems busy, (you may need to increase StartServers, ThreadsPerChild or Min/MaxSpareThreads),"
    " spawning {started} children, there are around {idle} idle threads, {active} active children,"
    " and {leaving} children that are shutting down",
)
PREFORK_REACHED = "AH00161: server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting"
PREFORK_BUSY = (
    "AH00162: server seems busy, (you may need to increase StartServers, or Min/MaxSpareServers),"
    " spawning {started} children, there are {idle} idle, and {total} total children"
)


def spare_servers(children: Sequence[ChildView], settings: MpmSettings, state: SpareState) -> Change:
    """prefork's rule."""
    active = [child for child in children if not child.quiescing]
    idle = [child for child in active if child.idle and not child.busy]
    if len(idle) > (settings.max_spare_servers or 0):
        state.rate = 1
        return Change(stop=(max(child.slot for child in idle),))
    if len(idle) >= (settings.min_spare_servers or 0):
        state.rate = 1
        return Change()
    room = (settings.max_request_workers or 0) - len(children)
    if room <= 0:
        state.rate = 1
        return Change(notices=_once(state, PREFORK_REACHED))
    started = min(state.rate, room)
    notices: tuple[Notice, ...] = ()
    if state.rate >= BUSY_RATE:
        text = PREFORK_BUSY.format(started=started, idle=len(idle), total=len(children))
        notices = (Notice(Level.INFO, text),)
    _grow(state)
    return Change(start=started, notices=notices)


def spare_threads(children: Sequence[ChildView], settings: MpmSettings, state: SpareState, words: Words) -> Change:
    """worker's and event's rule."""
    active = [child for child in children if not child.quiescing]
    idle = sum(child.idle for child in active)
    threads = settings.threads_per_child or 1
    limit = (settings.max_request_workers or 0) // threads
    servers = settings.server_limit or 0
    if idle > (settings.max_spare_threads or 0):
        state.rate = 1
        if len(children) > limit or len(children) >= servers > limit:
            return Change()  # those told to stop earlier still hold so many slots that no more may join them
        return Change(stop=(min(active, key=lambda child: (child.busy, -child.slot)).slot,))
    if idle >= (settings.min_spare_threads or 0):
        state.rate = 1
        return Change()
    if len(active) >= limit:
        state.rate = 1
        return Change(notices=_once(state, words.within if idle else words.reached))
    room = servers - len(children)
    if room <= 0:
        state.rate = 1
        return Change(notices=_once(state, words.full))
    started = min(state.rate, room, limit - len(active))
    notices: tuple[Notice, ...] = ()
    if state.rate >= BUSY_RATE:
        text = words.busy.format(
            started=started, idle=idle, total=len(children), active=len(active), leaving=len(children) - len(active)
        )
        notices = (Notice(Level.INFO, text),)
    _grow(state)
    return Change(start=started, notices=notices)


def constant_number(children: Sequence[ChildView], wanted: int, server_limit: int) -> Change:
    """The rule of an MPM whose number of processes is fixed: replace what has ended."""
    active = sum(not child.quiescing for child in children)
    return Change(start=max(0, min(wanted - active, server_limit - len(children))))


def _grow(state: SpareState) -> None:
    if state.hold_off:
        state.hold_off -= 1
    else:
        state.rate = min(state.rate * 2, MAX_SPAWN_RATE)


def _once(state: SpareState, message: str) -> tuple[Notice, ...]:
    if message in state.reported:
        return ()
    state.reported.add(message)
    return (Notice(Level.ERROR, message),)
