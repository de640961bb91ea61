"""Row 11: clients that ask for what is remembered, beside others that ask for what costs."""

from __future__ import annotations

import dataclasses
import time
from statistics import median

from bench.figures import Figures, Result, Run, Section, ratios, spread
from bench.load import Load, LoadError, run, run_together
from bench.measure import LOAD_CORE, SERVER_CORE, once, serving
from bench.peers import Setting
from bench.rows import LOOPS
from bench.running import Running

TITLE = "hits at 64 connections, beside 4 clients that ask for what costs, and 2 for slow scripts"
PEER = "apache event"
HITS = Load("/small.html")
COSTLY = Load(connections=4, script="""
math.randomseed(os.time())
local at = math.random(1000000000)
function request()
  at = at + 1
  local kind = at % 3
  if kind == 0 then return wrk.format("GET", "/many/" .. (at * 7919) % 10000 .. ".html?" .. at) end
  if kind == 1 then return wrk.format("GET", "/listing/?" .. at) end
  return wrk.format("GET", "/deep/two/three/four/no-such-file?" .. at)
end
""")  # fmt: skip
"""Files that differ each time, listings, and pages that rules in `.htaccess` files lead to."""
SLOW = Load("/cgi-bin/slow.sh", 2)
_FACTOR = 3


def measure(plan: Run) -> Section:
    """Each server alone and in the mixture, in turns."""
    setting = Setting(plan.root, 0, overrides=True, cgi=True)
    section = Section("11", TITLE)
    with serving((*LOOPS, PEER), setting, SERVER_CORE, plan) as servers:
        alone = {server.name: Figures() for server in servers}
        mixed = {server.name: Figures() for server in servers}
        for server in servers:
            run(HITS, server.port, 1, LOAD_CORE)
        for _ in range(plan.rounds):
            for server in servers:
                once(server, HITS, plan.seconds, LOAD_CORE, alone[server.name])
                _mixed(server, plan.seconds + 1, mixed[server.name])
    for name, figures in alone.items():
        plan.say(f"  {name}: p99 alone {_ms(figures)}, mixed {_ms(mixed[name])}; mixed {mixed[name]}")
    for label, all_of_them in (("alone", alone), ("mixed", mixed)):
        section.figures[label] = {name: dataclasses.asdict(one) for name, one in all_of_them.items()}
    for ours in LOOPS:
        if ours in alone:
            factor = ratios(mixed[ours], alone[ours], "p99")
            section.results.append(_result(ours, f"p99 ≤ {_FACTOR} × p99 alone", factor, _FACTOR))
        if ours in mixed and PEER in mixed:
            beside = ratios(mixed[ours], mixed[PEER], "p99")
            section.results.append(_result(ours, f"p99 ≤ 1 × {PEER} in the same mixture", beside, 1))
    return section


def _mixed(server: Running, seconds: int, figures: Figures) -> None:
    """One round of the mixture: what was seen of the hits."""
    try:
        all_of_them = run_together((HITS, COSTLY, SLOW), server.port, seconds, LOAD_CORE)
    except LoadError:
        all_of_them = []
    hits = all_of_them[0] if all_of_them else None
    figures.failed.append(sum(answers.failed for answers in all_of_them) if hits is not None else 1)
    figures.per_second.append(0.0 if hits is None else hits.per_second)
    figures.p99.append(0.0 if hits is None else hits.p99)
    figures.cpu.append(0.0)
    figures.others.append(0.0)
    time.sleep(0.6)  # the scripts that nobody waits for any more end


def _ms(figures: Figures) -> str:
    return f"{median(figures.p99) * 1e3:.2f} ms"


def _result(ours: str, target: str, found: list[float], at_most: float) -> Result:
    value = median(found) if found else None
    met = value is not None and value <= at_most
    return Result(11, "hits", ours, target, value, met, spread=spread(found), reason="" if found else "requests failed")
