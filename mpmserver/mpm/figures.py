"""Apache's arithmetic over an MPM's figures: what is missing gets its default, what can't be is put right.

A rule is a function of the settings that changes them and returns a warning, or None where the figure was right.
The rules of prefork and those of the threaded MPMs are tables in Apache's order; the AH numbers of worker and
event differ by a constant. `Limits` are Apache's compile-time ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mpmserver.config.build import Configuration
from mpmserver.config.settings import UNSET
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.records import dataclass

PREFORK_MAX_SERVERS = 200_000
THREADED_MAX_SERVERS = 20_000


_WARNING = re.compile(r"AH(?P<number>001[78][0-9]|00[35][0-9]{2}|0049[79]): WARNING: (?P<text>.*)")
_SHORTER = (
    (re.compile(r" (?:servers|threads), decreasing .*"), ", decreasing to match"),
    (re.compile(r"(?<=ThreadsPerChild of )([0-9]+), increasing .*"), r"\1, increasing to match"),
    (re.compile(r"(?<=not allowed, increasing to 1).*"), ""),
    (re.compile(r", for a maximum of .*"), ""),
    (re.compile(r"and would (exceed [^.]*)\..*"), r"and \1"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults and numbers of one threaded MPM."""

    max_threads: int
    number: int
    """The AH number of its first warning."""


WORKER_LIMITS = Limits(max_threads=20_000, number=300)
EVENT_LIMITS = Limits(max_threads=100_000, number=497)

PREFORK_DEFAULTS = {
    "start_servers": 5, "min_spare_servers": 5, "max_spare_servers": 10, "server_limit": 256,
    "max_request_workers": 256,
}  # fmt: skip
THREADED_DEFAULTS = {
    "start_servers": 3, "min_spare_threads": 75, "max_spare_threads": 250, "server_limit": 16, "thread_limit": 64,
    "threads_per_child": 25, "max_request_workers": 400,
}  # fmt: skip


def check_prefork(configuration: Configuration) -> None:
    """Put prefork's figures right, warning as Apache does."""
    figures = _with_defaults(configuration, PREFORK_DEFAULTS)
    for warning in _prefork_rules(figures):
        configuration.warn(warning, None)
    _store(configuration, figures)


def check_threaded(configuration: Configuration, limits: Limits) -> None:
    """Put worker's or event's figures right, warning as Apache does."""
    figures = _with_defaults(configuration, THREADED_DEFAULTS)
    for offset, warning in _threaded_rules(figures, limits):
        configuration.warn(f"AH{limits.number + offset:05}: WARNING: {warning}", None)
    _store(configuration, figures)


def log_form(warning: str) -> str | None:
    """What Apache logs of a warning of these rules: shorter, with the next number; None for others."""
    match = _WARNING.fullmatch(warning)
    if match is None:
        return None
    text = match["text"]
    for long, short in _SHORTER:
        text = long.sub(short, text)
    return f"AH{int(match['number']) + 1:05}: {text}"


def _with_defaults(configuration: Configuration, defaults: dict[str, int]) -> dict[str, int]:
    settings = configuration.main.settings(MpmSettings)
    given = {name: getattr(settings, name) for name in defaults}
    return {name: defaults[name] if given[name] in (UNSET, None) else given[name] for name in defaults}


def _store(configuration: Configuration, figures: dict[str, int]) -> None:
    settings = configuration.main.settings(MpmSettings)
    for name, value in figures.items():
        setattr(settings, name, value)


def _prefork_rules(figures: dict[str, int]) -> Iterator[str]:
    limit = figures["server_limit"]
    if limit > PREFORK_MAX_SERVERS:
        yield (
            f"AH00175: WARNING: ServerLimit of {limit} exceeds compile-time limit of {PREFORK_MAX_SERVERS} servers,"
            f" decreasing to {PREFORK_MAX_SERVERS}."
        )
        figures["server_limit"] = PREFORK_MAX_SERVERS
    elif limit < 1:
        yield f"AH00177: WARNING: ServerLimit of {limit} not allowed, increasing to 1."
        figures["server_limit"] = 1
    limit, workers = figures["server_limit"], figures["max_request_workers"]
    if workers > limit:
        yield (
            f"AH00180: WARNING: MaxRequestWorkers of {workers} exceeds ServerLimit value of {limit} servers,"
            f" decreasing MaxRequestWorkers to {limit}. To increase, please see the ServerLimit directive."
        )
        figures["max_request_workers"] = limit
    elif workers < 1:
        yield f"AH00182: WARNING: MaxRequestWorkers of {workers} not allowed, increasing to 1."
        figures["max_request_workers"] = 1
    if figures["start_servers"] < 1:
        yield f"AH00184: WARNING: StartServers of {figures['start_servers']} not allowed, increasing to 1."
        figures["start_servers"] = 1
    if figures["min_spare_servers"] < 1:
        yield (
            f"AH00186: WARNING: MinSpareServers of {figures['min_spare_servers']} not allowed, increasing to 1"
            " to avoid almost certain server failure. Please read the documentation."
        )
        figures["min_spare_servers"] = 1
    figures["max_spare_servers"] = max(figures["max_spare_servers"], figures["min_spare_servers"] + 1)


def _threaded_rules(figures: dict[str, int], limits: Limits) -> Iterator[tuple[int, str]]:
    yield from _bounds(figures, "server_limit", "ServerLimit", "servers", THREADED_MAX_SERVERS, 0)
    yield from _bounds(figures, "thread_limit", "ThreadLimit", "threads", limits.max_threads, 5)
    threads, limit = figures["threads_per_child"], figures["thread_limit"]
    if threads > limit:
        yield (
            10,
            (
                f"ThreadsPerChild of {threads} exceeds ThreadLimit of {limit} threads, decreasing to {limit}."
                " To increase, please see the ThreadLimit directive."
            ),
        )
        figures["threads_per_child"] = limit
    elif threads < 1:
        yield 12, f"ThreadsPerChild of {threads} not allowed, increasing to 1."
        figures["threads_per_child"] = 1
    yield from _max_request_workers(figures)
    if figures["start_servers"] < 1:
        yield 20, f"StartServers of {figures['start_servers']} not allowed, increasing to 1."
        figures["start_servers"] = 1
    if figures["min_spare_threads"] < 1:
        yield (
            22,
            (
                f"MinSpareThreads of {figures['min_spare_threads']} not allowed, increasing to 1"
                " to avoid almost certain server failure. Please read the documentation."
            ),
        )
        figures["min_spare_threads"] = 1
    least = figures["min_spare_threads"] + figures["threads_per_child"]
    figures["max_spare_threads"] = max(figures["max_spare_threads"], least)


def _bounds(
    figures: dict[str, int], field: str, name: str, unit: str, most: int, offset: int
) -> Iterator[tuple[int, str]]:
    value = figures[field]
    if value > most:
        yield offset, f"{name} of {value} exceeds compile-time limit of {most} {unit}, decreasing to {most}."
        figures[field] = most
    elif value < 1:
        yield offset + 2, f"{name} of {value} not allowed, increasing to 1."
        figures[field] = 1


def _max_request_workers(figures: dict[str, int]) -> Iterator[tuple[int, str]]:
    workers, threads, servers = (
        figures["max_request_workers"], figures["threads_per_child"], figures["server_limit"],
    )  # fmt: skip
    if workers < threads:
        yield (
            14,
            (
                f"MaxRequestWorkers of {workers} is less than ThreadsPerChild of {threads}, increasing to {threads}."
                " MaxRequestWorkers must be at least as large as the number of threads in a single server."
            ),
        )
        workers = threads
    elif workers % threads:
        nearest = workers - workers % threads
        yield (
            16,
            (
                f"MaxRequestWorkers of {workers} is not an integer multiple of ThreadsPerChild of {threads},"
                f" decreasing to nearest multiple {nearest}, for a maximum of {nearest // threads} servers."
            ),
        )
        workers = nearest
    if workers // threads > servers:
        yield (
            18,
            (
                f"MaxRequestWorkers of {workers} would require {workers // threads} servers and would exceed"
                f" ServerLimit of {servers}, decreasing to {servers * threads}."
                " To increase, please see the ServerLimit directive."
            ),
        )
        workers = servers * threads
    figures["max_request_workers"] = workers
