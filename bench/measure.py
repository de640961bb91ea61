"""Measuring a row: all its servers run, and get the load in turns, so that what disturbs the machine disturbs all.

A figure is the median of the rounds; a ratio is the median of the rounds' ratios, each of two servers that were
measured within seconds of each other. A round with a failed request counts for nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from statistics import median

from bench.figures import Figures, Result, Run, Section, ratios, spread
from bench.load import Load, LoadError, ask, run, warm_up
from bench.peers import PEERS, Setting
from bench.processes import cpu_seconds, machine_seconds, own_seconds
from bench.rows import Row, Target
from bench.running import PeerError, Running, free_port

SERVER_CORE, LOAD_CORE = 0, 1


def measure(row: Row, plan: Run) -> Section:
    """Run a row."""
    row = row.shortened() if plan.quick else row
    measured: dict[str, dict[str, Figures]] = {}
    setting = Setting(plan.root, 0, row.processes, row.overrides, row.cgi)
    core, load_core = (SERVER_CORE, LOAD_CORE) if row.pinned else (None, None)
    with serving((*row.compared, *row.context), setting, core, plan) as servers:
        for number, (case, load) in enumerate(row.cases.items()):
            asked = [server for server in servers if number == 0 or server.name in row.compared]
            found = _case(row, load, checked(load, asked, plan), plan, load_core)
            plan.say(f"  {case}: " + ", ".join(f"{name} {figures}" for name, figures in found.items()))
            measured[case] = found
    kept = {case: {name: dataclasses.asdict(one) for name, one in found.items()} for case, found in measured.items()}
    return Section(str(row.number), row.title, list(_results(row, measured)), kept)


@contextlib.contextmanager
def serving(names: tuple[str, ...], setting: Setting, core: int | None, plan: Run) -> Iterator[list[Running]]:
    """Start servers, each on a port of its own; what is not installed, or doesn't start, is left out."""
    with contextlib.ExitStack() as stack:
        servers = []
        for name in names:
            peer = PEERS[name]
            if not peer.available:
                plan.say(f"  {name} is not installed")
                continue
            try:
                started = Running(peer, dataclasses.replace(setting, port=free_port()), core)
                servers.append(stack.enter_context(started))
            except PeerError as error:
                plan.say(f"  {error}")
        yield servers


def checked(load: Load, servers: list[Running], plan: Run) -> list[Running]:
    """Those that answer as they should: with the load's status, and with what most of them send."""
    seen: dict[str, object] = {}
    for server in servers:
        try:
            seen[server.name] = ask(load, server.port)
        except LoadError as error:
            seen[server.name] = str(error)
    right = [answer for answer in seen.values() if isinstance(answer, tuple) and answer[0] == load.status]
    usual = max(right, key=right.count, default=None)
    for name, answer in seen.items():
        if answer != usual:
            plan.say(f"  {name} is left out: {load.path} is {answer!r}, not {usual!r}")
    return [server for server in servers if usual is not None and seen[server.name] == usual]


def _case(row: Row, load: Load, servers: list[Running], plan: Run, core: int | None) -> dict[str, Figures]:
    found = {server.name: Figures() for server in servers}
    compared = [server for server in servers if server.name in row.compared]
    for server in compared:
        with contextlib.suppress(LoadError):
            warm_up(load, server.port, core)
    for number in range(plan.rounds):
        for server in compared if number else servers:
            once(server, load, plan.seconds, core, found[server.name])
    return found


def once(server: Running, load: Load, seconds: int, core: int | None, figures: Figures) -> None:
    """One round for one server."""
    start, machine, own, server_cpu = time.monotonic(), machine_seconds(), own_seconds(), cpu_seconds(server.pid)
    try:
        answers = run(load, server.port, seconds, core)
    except LoadError:
        answers = None
    used = cpu_seconds(server.pid) - server_cpu
    others = (machine_seconds() - machine - (own_seconds() - own) - used) / (time.monotonic() - start)
    count = 0.0
    if answers is not None:
        count = answers.size / load.size if load.size else answers.requests
    figures.per_second.append(count / seconds if answers is None or load.size else answers.per_second)
    figures.cpu.append(used / max(count, 1) * 1e6)
    figures.p99.append(answers.p99 if answers else 0.0)
    figures.failed.append(answers.failed if answers and count else 1)
    figures.others.append(max(0.0, round(others, 3)))


def _results(row: Row, measured: dict[str, dict[str, Figures]]) -> Iterator[Result]:
    """Hold what was measured against the row's targets."""
    for case, figures in measured.items():
        for target in row.targets:
            if target.cases and case not in target.cases:
                continue
            for ours in target.ours:
                yield _result(row.number, case, ours, target, figures)


def _result(number: int, case: str, ours: str, target: Target, figures: dict[str, Figures]) -> Result:
    missing = [name for name in (ours, target.peer) if name not in figures]
    found = [] if missing else ratios(figures[ours], figures[target.peer], target.metric)
    if not found:
        reason = f"no figure of {missing[0]}" if missing else "requests failed"
        return Result(number, case, ours, str(target), None, met=False, reason=reason)
    ratio = median(found)
    return Result(number, case, ours, str(target), ratio, target.met(ratio), spread=spread(found))
