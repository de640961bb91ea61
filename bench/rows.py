"""The table of workloads: what is asked of whom, and what is aimed at.

A row has cases (each a load), the peers that get them, and targets: a figure of ours over the same figure of a peer,
in the same case, must be at least or at most a factor. Rows of another kind (idle connections, mixed load, start) are
in files of their own and give the same `Result`s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.load import DIFFERENT_HEADS, Load, paths_script
from bench.peers import MPMS

Metric = Literal["per_second", "cpu", "p99"]
METRICS: dict[Metric, str] = {"per_second": "requests/s", "cpu": "CPU", "p99": "p99"}
EVERY_MPM = tuple(f"mpmserver {mpm}" for mpm in MPMS)
LOOPS = ("mpmserver event", "mpmserver reactor")


@dataclass(frozen=True, slots=True)
class Target:
    """`ours` over `peer`, by a metric, `at_least` or `at_most` a factor; in some cases or in all."""

    metric: Metric
    peer: str
    at_least: float | None = None
    at_most: float | None = None
    ours: tuple[str, ...] = LOOPS
    cases: tuple[str, ...] = ()

    def met(self, ratio: float) -> bool:
        """Whether a ratio is as good as was aimed at."""
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)

    def __str__(self) -> str:
        sign, factor = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{METRICS[self.metric]} {sign} {factor:g} × {self.peer}"


@dataclass(frozen=True, slots=True)
class Row:
    """One workload."""

    number: int
    title: str
    cases: dict[str, Load]
    targets: tuple[Target, ...]
    context: tuple[str, ...] = ()
    """Servers that nothing is compared with: they get the first case, once."""
    processes: int = 1
    overrides: bool = False
    cgi: bool = False
    pinned: bool = True
    """The server on one core, the load on the other; otherwise both wherever the kernel puts them."""
    quick: int = 1
    """How many of the cases a quick run has."""

    @property
    def compared(self) -> tuple[str, ...]:
        """The servers that targets name: ours, then those that ours are held against."""
        ours = dict.fromkeys(name for target in self.targets for name in target.ours)
        return tuple(dict.fromkeys((*ours, *(target.peer for target in self.targets))))

    def shortened(self) -> Row:
        """The row as a quick run has it."""
        return replace(self, cases=dict(list(self.cases.items())[: self.quick]))


def rows(root: Path) -> Iterable[Row]:
    """All rows that wrk can load."""
    small = {"612 B": Load("/small.html")}
    yield Row(
        1, "one file, keep-alive, identical heads", {**small, "10 KiB": Load("/page.html")},
        (Target("per_second", "apache event", at_least=4), Target("cpu", "apache event", at_most=0.20),
         Target("cpu", "nginx open_file_cache", at_most=0.65), Target("cpu", "lighttpd", at_most=1.0),
         Target("cpu", "nginx best", at_most=1.0)),
        context=("nginx", "granian", "cheroot", "gunicorn", "http.server"),
    )  # fmt: skip
    yield Row(
        2, "the same, every head different", {"612 B": Load("/small.html", script=DIFFERENT_HEADS)},
        (Target("cpu", "apache event", at_most=0.30), Target("cpu", "nginx open_file_cache", at_most=1.0)),
    )  # fmt: skip
    yield Row(3, "many small files", _many(root), (Target("cpu", "apache event", at_most=0.25),), quick=2)
    yield Row(
        4, "worker and prefork, row 1's work", small,
        (Target("per_second", "apache worker", at_least=2, ours=("mpmserver worker",)),
         Target("per_second", "apache prefork", at_least=1.8, ours=("mpmserver prefork",))),
    )  # fmt: skip
    yield Row(
        4, "both cores, several processes", {"612 B, both cores": Load("/small.html", threads=2)},
        (Target("per_second", "nginx", at_least=1.0, ours=EVERY_MPM),), processes=2, pinned=False,
    )  # fmt: skip
    yield Row(
        5, "Connection: close", {"612 B": Load("/small.html", fields=("Connection: close",))},
        (Target("cpu", "apache event", at_most=0.5), Target("cpu", "nginx", at_most=0.8)),
    )  # fmt: skip
    yield _large()
    yield Row(
        7, "`.htaccess` at four levels", {"deep": Load("/deep/two/three/four/")},
        (Target("per_second", "apache event", at_least=3),), overrides=True,
    )  # fmt: skip
    yield Row(
        8, "3,000 rules in 300 `.htaccess` files, keys rarely repeated",
        {"turtle": Load(_first(root, "ids"), script=paths_script(root / "lists" / "ids"), status=303,
                        fields=("Accept: text/turtle",))},
        (Target("cpu", "apache event", at_most=0.7),), overrides=True,
    )  # fmt: skip
    yield Row(
        9, "CGI", _scripts(),
        (Target("per_second", "apache event", at_least=1.6), Target("per_second", "apache prefork", at_least=4.0)),
        cgi=True, processes=2, pinned=False, quick=2,
    )  # fmt: skip


def _first(root: Path, name: str) -> str:
    with (root / "lists" / name).open(encoding="ascii") as lines:
        return lines.readline().strip()


def _many(root: Path) -> dict[str, Load]:
    lists = root / "lists"
    return {
        f"{count:,} files, {name}": Load(_first(root, each), script=paths_script(lists / each), first=lists / each)
        for count in (1_000, 10_000) for name in ("zipf", "uniform") if (each := f"{name}-{count}")
    }  # fmt: skip


def _large() -> Row:
    part = 10_000_000
    cases = {
        "1 MiB": Load("/large.bin", 16, size=1 << 20),
        "100 MiB": Load("/huge.bin", 4, size=100 << 20),
        "100 kB of 1 MiB": Load("/large.bin", 16, fields=("Range: bytes=1000-100999",), status=206, size=100_000),
        "10 MB of 100 MiB": Load("/huge.bin", 8, fields=(f"Range: bytes=1000-{part + 999}",), status=206, size=part),
    }
    bounds = zip(cases, (0.7, 1.1, 1.0, 1.0), strict=True)
    targets = tuple(Target("cpu", "nginx", at_most=bound, cases=(case,)) for case, bound in bounds)
    return Row(6, "large files and ranges of them", cases, targets, quick=2)


def _scripts() -> dict[str, Load]:
    return {
        f"{language}, {clients} at once": Load(f"/cgi-bin/{name}", clients)
        for language, name in (("C", "hello"), ("sh", "hello.sh"), ("Perl", "hello.pl")) for clients in (8, 64)
    }  # fmt: skip
