"""Row 10: what an idle connection costs: memory of the server, and time of the clients that are not idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from bench.figures import Figures, Result, Run, Section, held, ratios, spread
from bench.hold import Held
from bench.load import Load, LoadError, run
from bench.measure import LOAD_CORE, SERVER_CORE, once, serving
from bench.peers import Setting
from bench.processes import private_kib
from bench.rows import LOOPS
from bench.running import Running

TITLE = "idle keep-alive connections"
ACTIVE = Load("/small.html")
_TRIED = Load(connections=500, path="/small.html")
"""What is put on a server before its memory is looked at: pools and arenas have their size then."""
_KIB, _FACTOR = 0.7, 1.3


@dataclass(frozen=True, slots=True)
class Idle:
    """So many connections held by so many processes of these servers."""

    count: int
    processes: int
    names: tuple[str, ...]
    active: bool
    """Whether others ask meanwhile, and are measured beside those of a second server, which has no idle ones."""


_CASES = (
    Idle(10_000, 1, (*LOOPS, "apache event", "nginx"), active=True),
    Idle(50_000, 4, (*LOOPS, "nginx"), active=False),
)  # fmt: skip


def measure(plan: Run) -> Section:
    """Both cases; a quick run has the first, of our servers."""
    section = Section("10", TITLE)
    for case in (replace(_CASES[0], names=LOOPS),) if plan.quick else _CASES:
        label = f"{case.count:,} idle, {case.processes} process{'es' if case.processes > 1 else ''}"
        found = section.figures.setdefault(label, {})
        for name in case.names:
            core = SERVER_CORE if case.processes == 1 else None
            setting = Setting(plan.root, 0, case.processes, connections=case.count // case.processes * 2)
            with serving((name,) * (2 if case.active else 1), setting, core, plan) as servers:
                if not servers:
                    continue
                try:
                    found[name] = _one(servers, case, plan)
                except (ConnectionError, LoadError) as error:
                    plan.say(f"  {label}, {name}: {error}")
                    continue
                plan.say(f"  {label}, {name}: {_told(found[name])}")
        section.results += _results(label, case, found)
    return section


def _one(servers: Sequence[Running], case: Idle, plan: Run) -> dict[str, Any]:
    """Put the idle ones on the first of these servers; others like it have none, and take turns with it."""
    for server in servers:
        run(_TRIED, server.port, 1, LOAD_CORE)
    alone, beside = Figures(), Figures()
    first, *others = servers
    before = sum(map(private_kib, first.children()))
    with Held(first.port, case.count, LOAD_CORE) as idle:
        kib = (sum(map(private_kib, first.children())) - before) / case.count
        for _ in range(plan.rounds):
            for other in others:
                once(other, ACTIVE, plan.seconds, LOAD_CORE, alone)
                once(first, ACTIVE, plan.seconds, LOAD_CORE, beside)
        left = idle.left()
    if left != case.count:
        raise ConnectionError(f"{left} of {case.count} connections were still open at the end")
    p99 = ratios(beside, alone, "p99")
    return {"kib": kib, "p99": p99, "alone": alone.p99, "beside": beside.p99, "per_second": beside.per_second}


def _told(found: dict[str, Any]) -> str:
    return f"{found['kib']:.2f} KiB each" + (f", p99 × {median(found['p99']):.2f}" if found["p99"] else "")


def _results(label: str, case: Idle, found: dict[str, dict[str, Any]]) -> list[Result]:
    results = []
    for ours in LOOPS:
        kib = [found[ours]["kib"]] if ours in found else []
        results.append(held(10, label, ours, "private memory each", kib, _KIB, "KiB"))
        if case.active:
            p99 = found[ours]["p99"] if ours in found else []
            value = median(p99) if p99 else None
            met = value is not None and value <= _FACTOR
            what = f"p99 of the active ≤ {_FACTOR:g} × without them"
            results.append(Result(10, label, ours, what, value, met, spread=spread(p99)))
    return results
