"""What a run comes to, for people: the table on the terminal, and the generated parts of docs/performance.md.

Every section's figures are those of the newest full run that has them (`bench/results/`). A generated part stands
between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Result, Section

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DOCUMENT = HERE.parent / "docs" / "performance.md"
QUICK = "quick-"


def newest() -> list[tuple[Section, dict[str, Any]]]:
    """Every section with the machine on which, and when, it was measured last; in the order of the table."""
    found: dict[tuple[str, str], tuple[Section, dict[str, Any]]] = {}
    for path in sorted(RESULTS.glob("[0-9]*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        for entry in kept["sections"]:
            section = Section.from_json(entry)
            found[section.name, section.title] = (section, kept["machine"])
    return sorted(found.values(), key=lambda pair: int(pair[0].name) if pair[0].name.isdigit() else 99)


def table(sections: Iterable[Section]) -> str:
    """Targets and results as a Markdown table."""
    lines = ["| # | workload | case | server | target | result | quartiles | |", "|---|---|---|---|---|---|---|---|"]
    for section in sections:
        for result in section.results:
            cells = (section.name, section.title, result.case, result.ours, result.target, *_told(result))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _told(result: Result) -> tuple[str, str, str]:
    if result.value is None:
        return result.reason or "no figure", "", "void"
    spread = f"{_number(result.spread[0])} to {_number(result.spread[1])}" if result.spread else ""
    return f"{_number(result.value)} {result.unit}", spread, "met" if result.met else "**missed**"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def absolute(sections: Iterable[Section]) -> str:
    """All servers of the rows that wrk loads: answers a second, CPU for each, p99."""
    lines = ["| # | case | server | requests/s | CPU, µs | p99, ms |", "|---|---|---|---|---|---|"]
    for section in sections:
        if not section.name.isdigit() or int(section.name) > 9:
            continue
        for case, servers in section.figures.items():
            for name, figures in servers.items():
                rate, cpu, late = (median(figures[metric]) for metric in ("per_second", "cpu", "p99"))
                failed = f" ({sum(figures['failed']):,} failed)" if any(figures["failed"]) else ""
                cells = (section.name, case, name + failed, f"{rate:,.0f}", f"{cpu:,.1f}", f"{late * 1e3:,.2f}")
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def syscalls(sections: Iterable[Section]) -> str:
    """System calls for a request."""
    lines = ["| server | clients | calls | which |", "|---|---|---|---|"]
    for section in sections:
        if section.name != "syscalls":
            continue
        for clients, servers in section.figures.items():
            for name, each in servers.items():
                which = ", ".join(f"{call} {count:.2f}" for call, count in each.items())
                lines.append(f"| {name} | {clients} | {sum(each.values()):.2f} | {which} |")
    return "\n".join(lines)


def growth(sections: Iterable[Section]) -> str:
    """CPU and memory by how many there are of what."""
    lines = ["| how many | of what | server | CPU, µs | memory, MiB |", "|---|---|---|---|---|"]
    for section in sections:
        if section.name != "growth":
            continue
        for kind, servers in section.figures.items():
            for name, sizes in servers.items():
                for count, found in sizes.items():
                    cells = (f"{int(count):,}", kind, name, f"{found['cpu']:,.1f}", f"{found['mib']:,.1f}")
                    lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def taken(pairs: Iterable[tuple[Section, dict[str, Any]]]) -> str:
    """Which run, on which machine, each part is from."""
    runs: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for section, machine in pairs:
        names = runs.setdefault(machine["at"], (machine, []))[1]
        if section.name not in names:
            names.append(section.name)
    return "\n".join(
        f"- {at} UTC ({', '.join(names)}): {machine['cores']} cores of {machine['processor']}, Linux "
        f"{machine['kernel']}, others' load {machine['load']}; "
        + ", ".join(f"{name} {what}" for name, what in machine["versions"].items())
        for at, (machine, names) in runs.items()
    )


def fill() -> None:
    """Write the generated parts of the document anew."""
    pairs = newest()
    sections = [section for section, _machine in pairs]
    parts = {
        "targets": table(sections), "absolute": absolute(sections), "syscalls": syscalls(sections),
        "growth": growth(sections), "taken": taken(pairs),
    }  # fmt: skip
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = between(text, name, part)
    DOCUMENT.write_text(text, encoding="utf-8")


def between(text: str, name: str, part: str) -> str:
    """The text with another part between the marks of that name."""
    before, opening, rest = text.partition(f"<!-- {name} -->\n")
    _old, closing, after = rest.partition(f"<!-- /{name} -->")
    return f"{before}{opening}\n{part}\n\n{closing}{after}" if closing else text
