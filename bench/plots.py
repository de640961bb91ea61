"""Pictures of the newest figures, in docs/performance/: CPU by server, results by target, growth."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Section
from bench.report import DOCUMENT

FOLDER = DOCUMENT.with_suffix("")
_COLOURS = {"mpmserver": "#1f6f8b", "apache": "#c1440e", "nginx": "#3c8d40", "lighttpd": "#8a6fb0"}
_OTHER = "#9a9a9a"


def draw(sections: Sequence[Section]) -> list[Path]:
    """Draw what there are figures for; nothing where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: ICN001, PLC0415 (an extra)
    except ImportError:
        return []
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "mpmserver", "svg.fonttype": "none", "font.size": 9})
    FOLDER.mkdir(exist_ok=True)
    by_name = {section.name: section for section in reversed(sections)}
    drawn = [_targets(sections)]
    if "1" in by_name:
        drawn.append(_cpu(by_name["1"]))
    if "growth" in by_name:
        drawn.append(_growth(by_name["growth"]))
    return drawn


def _save(figure: Any, name: str) -> Path:
    path = FOLDER / name
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    return path


def _cpu(section: Section) -> Path:
    """CPU for a request of row 1's first case."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    case, servers = next(iter(section.figures.items()))
    bars = sorted((median(figures["cpu"]), name) for name, figures in servers.items())
    figure = Figure(figsize=(7, 0.32 * len(bars) + 1))
    axes = figure.subplots()
    colours = [_COLOURS.get(name.split()[0], _OTHER) for _cpu, name in bars]
    drawn = axes.barh([name for _cpu, name in bars], [cpu for cpu, _name in bars], color=colours)
    axes.bar_label(drawn, fmt="%.1f", padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("CPU for a request, µs (logarithmic)")
    axes.set_title(f"A file of {case}, keep-alive, access log on")
    return _save(figure, "cpu.svg")


def _targets(sections: Sequence[Section]) -> Path:
    """How far each target is met: 1 is just met, more is better."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = []
    for section in sections:
        for result in section.results:
            if not result.value:
                continue
            _what, sign, rest = re.split("([≥≤])", result.target)
            bound = float(rest.split()[0])
            good = result.value / bound if sign == "≥" else bound / result.value
            rows.append((f"{result.row}: {result.case}, {result.ours.split()[1]}: {result.target}", good))
    figure = Figure(figsize=(9, 0.2 * len(rows) + 1.2))
    axes = figure.subplots()
    axes.barh(range(len(rows)), [math.log2(good) for _label, good in rows],
              color=["#3c8d40" if good >= 1 else "#c1440e" for _label, good in rows])  # fmt: skip
    axes.set_yticks(range(len(rows)), [label for label, _good in rows], fontsize=6)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    ticks = range(-3, 5)
    axes.set_xticks(ticks, [f"{2.0**tick:g}" for tick in ticks])
    axes.set_xlabel("how much better than aimed at (1: just met; logarithmic)")
    return _save(figure, "targets.svg")


def _growth(section: Section) -> Path:
    """CPU and memory over how many there are."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 5))
    grid = figure.subplots(2, len(section.figures), sharex=True)
    for column, (kind, servers) in enumerate(section.figures.items()):
        for line, (metric, label) in enumerate((("cpu", "CPU, µs"), ("mib", "memory, MiB"))):
            axes = grid[line][column]
            for name, sizes in servers.items():
                counts = sorted(map(int, sizes))
                values = [sizes[str(count)][metric] for count in counts]
                axes.plot(counts, values, marker="o", label=name, color=_COLOURS.get(name.split()[0], _OTHER))
            axes.set_xscale("log")
            axes.set_yscale("log")
            if column == 0:
                axes.set_ylabel(label)
            if line == 0:
                axes.set_title(kind)
    grid[0][0].legend(fontsize=7)
    return _save(figure, "growth.svg")
