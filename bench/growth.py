"""How cost grows: with connections, files, rules and virtual hosts, ten, a thousand and ten thousand of each."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.figures import Figures, Run, Section
from bench.hold import Held
from bench.load import Load, LoadError, paths_script, warm_up
from bench.measure import LOAD_CORE, SERVER_CORE, once, serving
from bench.peers import Setting
from bench.processes import resident_kib

TITLE = "growth"
SIZES = (10, 1_000, 10_000)
_SERVERS = ("mpmserver event", "apache event")
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Grown:
    """One thing of which there are many: what is added to the setting, what is asked, how many idle connections."""

    load: Load
    extra: str = ""
    idle: int = 0


def _connections(_plan: Run, count: int) -> Grown:
    return Grown(Load("/small.html"), idle=count)


def _files(plan: Run, count: int) -> Grown:
    paths = plan.root / "lists" / f"random-{count}"
    chance = random.Random(1)
    paths.write_text("".join(f"/many/{chance.randrange(count)}.html\n" for _ in range(50_000)), encoding="ascii")
    return Grown(Load(script=paths_script(paths), first=paths))


def _rules(_plan: Run, count: int) -> Grown:
    """The last of the rules is the one; the query string is another each time."""
    rules = "".join(f"RewriteRule ^/rule{number}/(.*)$ /many/$1.html [L]\n" for number in range(count))
    script = f"""
math.randomseed(os.time())
local at = math.random(1000000000)
function request()
  at = at + 1
  return wrk.format("GET", "/rule{count - 1}/" .. at % 10 .. "?" .. at)
end
"""
    return Grown(Load(script=script), f"RewriteEngine On\n{rules}")


def _hosts(plan: Run, count: int) -> Grown:
    hosts = "".join(
        f"<VirtualHost *>\nServerName host{number}.example\nDocumentRoot {plan.root}/htdocs\n</VirtualHost>\n"
        for number in range(count)
    )
    script = f"""
local at = 0
function request()
  at = at + 1
  return wrk.format("GET", "/small.html", {{["Host"] = "host" .. (at * 7919) % {count} .. ".example"}})
end
"""
    return Grown(Load(script=script), hosts)


_KINDS: dict[str, Callable[[Run, int], Grown]] = {
    "connections": _connections, "files": _files, "rules": _rules, "virtual hosts": _hosts,
}  # fmt: skip


def measure(plan: Run) -> Section:
    """CPU for a request, and memory of the serving process, by kind, server and size."""
    section = Section("growth", TITLE)
    for kind, make in _KINDS.items():
        found: dict[str, dict[str, Any]] = {}
        for count in SIZES[:2] if plan.quick else SIZES:
            grown = make(plan, count)
            for name in _SERVERS:
                one = _measure(name, grown, plan)
                if one:
                    found.setdefault(name, {})[str(count)] = one
                    plan.say(f"  {count:,} {kind}, {name}: {one['cpu']:.1f} us, {one['mib']:.1f} MiB")
        section.figures[kind] = found
    return section


def _measure(name: str, grown: Grown, plan: Run) -> dict[str, Any]:
    setting = Setting(plan.root, 0, connections=max(64, 2 * grown.idle), extra=grown.extra)
    figures = Figures()
    with contextlib.suppress(ConnectionError, LoadError), serving((name,), setting, SERVER_CORE, plan) as servers:
        for server in servers:
            warm_up(grown.load, server.port, LOAD_CORE)
            with Held(server.port, grown.idle, LOAD_CORE):
                for _ in range(1 if plan.quick else _ROUNDS):
                    once(server, grown.load, plan.seconds, LOAD_CORE, figures)
                mib = max(map(resident_kib, server.children())) / 1024
    if not figures.cpu or any(figures.failed):
        return {}
    return {"cpu": median(figures.cpu), "mib": mib, "per_second": median(figures.per_second), "rounds": asdict(figures)}
