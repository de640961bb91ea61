"""The form for programs (`?auto`): one "Key: value" a line, Apache's keys in Apache's order, then our own."""

from __future__ import annotations

from collections.abc import Iterator

from mpmserver.modules.status.figures import KIB, duration_text, general, local_time
from mpmserver.modules.status.snapshot import Recalled, Snapshot


def report(s: Snapshot, name: str) -> str:
    """The whole report; it begins with the server's name, which has no key."""
    lines = [name, *(f"{key}: {value}".rstrip() for key, value in _pairs(s))]
    return "\n".join(lines) + "\n"


def _pairs(s: Snapshot) -> Iterator[tuple[str, object]]:
    yield "ServerVersion", s.version
    yield "ServerMPM", s.mpm
    yield "Server Built", s.built
    yield "CurrentTime", local_time(s.now)
    yield "RestartTime", local_time(s.restarted)
    yield "ParentServerConfigGeneration", s.generation
    yield "ParentServerMPMGeneration", s.generation - 1
    yield "ServerUptimeSeconds", s.up
    yield "ServerUptime", duration_text(s.up).lstrip()
    for minutes, load in zip((1, 5, 15), s.load, strict=True):
        yield f"Load{minutes}", f"{load:.2f}"
    if s.extended:
        yield from _totals(s)
    yield "BusyWorkers", s.busy
    yield "GracefulWorkers", s.graceful
    yield "IdleWorkers", s.idle
    if s.asynchronous:
        yield from _connections(s)
    yield "Scoreboard", s.scoreboard
    if s.recalled is not None:
        yield from _recalled(s.recalled)


def _totals(s: Snapshot) -> Iterator[tuple[str, object]]:
    cpu = s.cpu
    yield "Total Accesses", s.accesses
    yield "Total kBytes", s.kbytes
    yield "Total Duration", s.duration
    yield "CPUUser", general(cpu.user)
    yield "CPUSystem", general(cpu.system)
    yield "CPUChildrenUser", general(cpu.children_user)
    yield "CPUChildrenSystem", general(cpu.children_system)
    if s.up and cpu.total:
        yield "CPULoad", general(cpu.total / s.up * 100)
    yield "Uptime", s.up
    if s.up:
        yield "ReqPerSec", general(s.accesses / s.up)
        yield "BytesPerSec", general(s.kbytes * KIB / s.up)
    if s.accesses:
        yield "BytesPerReq", general(s.kbytes * KIB / s.accesses)
        yield "DurationPerReq", general(s.duration / s.accesses)


def _connections(s: Snapshot) -> Iterator[tuple[str, object]]:
    yield "Processes", len(s.processes)
    yield "Stopping", s.sum_of("stopping")
    yield "ConnsTotal", s.sum_of("connections")
    yield "ConnsAsyncWaitIO", s.sum_of("waiting")
    yield "ConnsAsyncWriting", s.sum_of("writing")
    yield "ConnsAsyncKeepAlive", s.sum_of("keep_alive")
    yield "ConnsAsyncClosing", s.sum_of("closing")


def _recalled(r: Recalled) -> Iterator[tuple[str, object]]:
    yield "RecallHits", r.hits
    yield "RecallResourceHits", r.resource_hits
    yield "RecallMisses", r.misses
    yield "RecallBytes", r.size
    yield "RecallProcessLimit", r.limit
    yield "RecallProcessHeads", r.heads
    yield "RecallProcessResources", r.resources
    yield "RecallProcessRefusals", "; ".join(f"{reason}={count}" for reason, count in r.reasons)
