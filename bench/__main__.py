"""`python -m bench`: measure, print the table, keep the figures, fill docs/performance.md.

What has been measured is kept after each section, so a run that is ended keeps what it has; `--rows` measures the
rest. The document shows the newest full run of each section.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import growth, idle, life, mixed, plots, report, site, syscalls
from bench.figures import Run, Section
from bench.measure import measure
from bench.processes import machine_seconds
from bench.rows import rows
from bench.running import PROJECT

_COMMANDS = {"apache2": ["-v"], "nginx": ["-v"], "lighttpd": ["-v"], "wrk": ["-v"]}
_LIBRARIES = ("gunicorn", "granian", "cheroot")
_ROUNDS, _SECONDS = 7, 1


def main() -> int:
    """Run what was asked for; returns 0 whatever the figures say."""
    options = _options()
    if options.report:
        return _report()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if shutil.which("wrk") is None:
        sys.exit("The bench needs wrk: on Debian and Ubuntu, apt-get install wrk.")
    wanted = set(filter(None, options.rows.split(",")))
    started = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="mpmserver-bench-"))
    try:
        site.make(root)
        compileall.compile_dir(PROJECT / "mpmserver", quiet=2)  # as an installation does
        plan = Run(root, options.rounds, options.seconds, options.quick, lambda line: print(line, flush=True))
        kept: dict[str, Any] = {"machine": _machine(), "options": vars(options), "sections": []}
        kind = report.QUICK if options.quick else ""
        path = report.RESULTS / time.strftime(f"{kind}%Y%m%d-%H%M%S.json", time.gmtime())
        found = []
        for name, title, run in _sections(plan):
            if (wanted and name not in wanted) or (not wanted and options.quick and name in ("growth", "syscalls")):
                continue
            plan.say(f"{name}. {title}")
            try:
                found.append(run(plan))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                plan.say(f"  {name} has no figures: {error!r}")
                continue
            kept["sections"].append(found[-1].as_json())
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if not options.quick:
        _report()
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    results = [result for section in found for result in section.results]
    met = sum(result.met for result in results)
    print(f"\n{report.table(found)}\n\n{met} of {len(results)} targets met, in {minutes} min {seconds} s: {path}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", default="", help="1 to 12, growth, syscalls: separated by commas (all)")
    parser.add_argument("--rounds", type=int, default=0, help=f"how often each server gets each load ({_ROUNDS})")
    parser.add_argument("--seconds", type=int, default=_SECONDS, help=f"how long each time ({_SECONDS})")
    parser.add_argument("--quick", action="store_true", help="one round, the first cases of each row")
    parser.add_argument("--report", action="store_true", help="measure nothing; fill the document and draw the plots")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else _ROUNDS)
    return options


def _report() -> int:
    report.fill()
    for path in plots.draw([section for section, _machine in report.newest()]):
        print(path)
    return 0


def _sections(plan: Run) -> Iterator[tuple[str, str, Callable[[Run], Section]]]:
    """All parts of a run: name, title, and what measures it."""
    for row in rows(plan.root):
        yield str(row.number), row.title, partial(measure, row)
    yield "10", idle.TITLE, idle.measure
    yield "11", mixed.TITLE, mixed.measure
    yield "12", life.TITLE, life.measure
    yield "syscalls", syscalls.TITLE, syscalls.measure
    yield "growth", growth.TITLE, growth.measure


def _machine() -> dict[str, Any]:
    """Where and when: and how much of the cores others use before anything begins."""
    before = machine_seconds()
    time.sleep(1)
    load = machine_seconds() - before
    processor = "?"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    return {
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "processor": processor, "cores": os.cpu_count(),
        "kernel": platform.release(), "load": round(load, 2), "versions": dict(_versions()),
    }  # fmt: skip


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for library in ("mpmserver", *_LIBRARIES):
        with contextlib.suppress(PackageNotFoundError):
            yield library, version(library)
    for program, arguments in _COMMANDS.items():
        if shutil.which(program) is not None:
            said = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
            words = (said.stdout + said.stderr).replace("/", " ").split()
            yield program, next((word for word in words if word[:1].isdigit() or word.startswith("debian")), "?")


if __name__ == "__main__":
    raise SystemExit(main())
