"""Row 12: how soon a server answers after its start, how soon it answers anew after a reload, and what it weighs."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.figures import Result, Run, Section, held
from bench.load import Load, paths_script, run
from bench.measure import LOAD_CORE, serving
from bench.peers import MPMS, PEERS, Setting
from bench.processes import private_kib, resident_kib, tree
from bench.rows import EVERY_MPM
from bench.running import PeerError, end, environment, free_port

TITLE = "start, reload, memory"
_START_MS, _PREFORK_MIB, _EVENT_MIB = 400, 6, 40
_PATIENCE = 30.0
_PEERS = ("apache event",)


def measure(plan: Run) -> Section:
    """All three."""
    section = Section("12", TITLE)
    names = EVERY_MPM[2:3] if plan.quick else (*EVERY_MPM, *_PEERS)
    for name in names:
        starts, reloads = _life(name, plan, 3 if plan.quick else 5)
        plan.say(f"  {name}: started in {median(starts):.0f} ms, reloaded in {median(reloads):.0f} ms")
        section.figures[name] = {"start_ms": starts, "reload_ms": reloads}
        if name in EVERY_MPM:
            section.results.append(held(12, "-k start to the first answer", name, "time", starts, _START_MS, "ms"))
    section.results += _memory(section, plan)
    return section


def _life(name: str, plan: Run, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds from `-k start` to an answer, and from `-k graceful` to one of the new configuration."""
    starts, reloads = [], []
    for number in range(times):
        with _daemon(name, plan, number) as (command, port, generation):
            before = time.monotonic()
            subprocess.run([*command, "start"], check=True, capture_output=True, env=environment())
            _until(port, "/small.html")
            starts.append((time.monotonic() - before) * 1e3)
            generation.write_text(f"Alias /generation {plan.root}/htdocs/page.html\n", encoding="utf-8")
            before = time.monotonic()
            subprocess.run([*command, "graceful"], check=True, capture_output=True, env=environment())
            _until(port, "/generation")
            reloads.append((time.monotonic() - before) * 1e3)
    return starts, reloads


@contextlib.contextmanager
def _daemon(name: str, plan: Run, number: int) -> Iterator[tuple[list[str], int, Path]]:
    """What starts a server behind the terminal, its port, and a file that its configuration includes."""
    folder = plan.root / "peers" / f"life-{name.replace(' ', '-')}-{number}"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    generation = folder / "generation.conf"
    generation.write_text("\n", encoding="utf-8")
    setting = Setting(plan.root, free_port(), extra=f"Include {generation}\n")
    command = PEERS[name].prepare(setting, folder)
    command[-1:] = ["-k"]
    try:
        yield command, setting.port, generation
    finally:
        pid = folder / "pid"
        if pid.exists():
            end(tree(int(pid.read_text(encoding="ascii"))))


def _until(port: int, path: str) -> None:
    """Ask until the answer is 200. Raises PeerError after a time."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.002)
    raise PeerError(f"no answer to {path} on port {port}")


def _memory(section: Section, plan: Run) -> list[Result]:
    """The largest child under prefork and event, after it has answered for 10,000 files, and for one many times."""
    results = []
    bounds = ((MPMS[0], _PREFORK_MIB, "private memory of a child"), (MPMS[2], _EVENT_MIB, "memory of the process"))
    loads = (Load(script=paths_script(plan.root / "lists" / "uniform-10000")), Load("/small.html"))
    for mpm, bound, what in bounds:
        name = f"mpmserver {mpm}"
        sizes: list[float] = []
        with serving((name,), Setting(plan.root, 0), None, plan) as servers:
            for server in servers:
                for load in loads:
                    run(load, server.port, 1 if plan.quick else 4, LOAD_CORE)
                size = private_kib if mpm == "prefork" else resident_kib
                sizes = [max(map(size, server.children())) / 1024]
                section.figures[what] = {name: sizes, "children": len(server.children())}
                plan.say(f"  {name}: {what} {sizes[0]:.1f} MiB")
        results.append(held(12, what, name, "after 10,000 files", sizes, bound, "MiB"))
    return results
