"""The figures of each MPM: Apache's defaults, corrections and warnings (as `apache2 -t` prints them)."""

from __future__ import annotations

from typing import Any

import pytest

from mpmserver.mpm.base import settings_of
from mpmserver.mpm.figures import log_form
from tests.unit.mpm.kit import built_in, configuration_of

HINT = "To increase, please see the {} directive."
FAILURE = "to avoid almost certain server failure. Please read the documentation."
LEAST = "MaxRequestWorkers must be at least as large as the number of threads in a single server."

PREFORK: list[tuple[dict[str, int], list[str]]] = [
    ({}, []),
    (
        {"server_limit": 0, "max_request_workers": 0, "start_servers": 0, "min_spare_servers": 0},
        [
            "AH00177: WARNING: ServerLimit of 0 not allowed, increasing to 1.",
            "AH00182: WARNING: MaxRequestWorkers of 0 not allowed, increasing to 1.",
            "AH00184: WARNING: StartServers of 0 not allowed, increasing to 1.",
            f"AH00186: WARNING: MinSpareServers of 0 not allowed, increasing to 1 {FAILURE}",
        ],
    ),
    (
        {"server_limit": 300000, "max_request_workers": 500000},
        [
            (
                "AH00175: WARNING: ServerLimit of 300000 exceeds compile-time limit of 200000 servers, "
                "decreasing to 200000."
            ),
            (
                "AH00180: WARNING: MaxRequestWorkers of 500000 exceeds ServerLimit value of 200000 servers, "
                f"decreasing MaxRequestWorkers to 200000. {HINT.format('ServerLimit')}"
            ),
        ],
    ),
    (
        {"max_request_workers": 500},
        [
            (
                "AH00180: WARNING: MaxRequestWorkers of 500 exceeds ServerLimit value of 256 servers, "
                f"decreasing MaxRequestWorkers to 256. {HINT.format('ServerLimit')}"
            )
        ],
    ),
]
WORKER: list[tuple[dict[str, int], list[str]]] = [
    ({}, []),
    ({"min_spare_threads": 300, "max_spare_threads": 10, "start_servers": 100}, []),
    (
        {"server_limit": 0, "max_request_workers": 0, "start_servers": 0, "min_spare_threads": 0},
        [
            "AH00302: WARNING: ServerLimit of 0 not allowed, increasing to 1.",
            "AH00314: WARNING: MaxRequestWorkers of 0 is less than ThreadsPerChild of 25, increasing to 25. " + LEAST,
            "AH00320: WARNING: StartServers of 0 not allowed, increasing to 1.",
            f"AH00322: WARNING: MinSpareThreads of 0 not allowed, increasing to 1 {FAILURE}",
        ],
    ),
    (
        {"server_limit": 300000, "max_request_workers": 500000},
        ["AH00300: WARNING: ServerLimit of 300000 exceeds compile-time limit of 20000 servers, decreasing to 20000."],
    ),
    (
        {"max_request_workers": 500},
        [
            (
                "AH00318: WARNING: MaxRequestWorkers of 500 would require 20 servers and would exceed ServerLimit of "
                f"16, decreasing to 400. {HINT.format('ServerLimit')}"
            )
        ],
    ),
    (
        {"thread_limit": 100000, "threads_per_child": 30000, "max_request_workers": 20},
        [
            "AH00305: WARNING: ThreadLimit of 100000 exceeds compile-time limit of 20000 threads, decreasing to 20000.",
            "AH00310: WARNING: ThreadsPerChild of 30000 exceeds ThreadLimit of 20000 threads, decreasing to 20000. "
            + HINT.format("ThreadLimit"),
            "AH00314: WARNING: MaxRequestWorkers of 20 is less than ThreadsPerChild of 20000, increasing to 20000. "
            + LEAST,
        ],
    ),
    (
        {"thread_limit": 10, "max_request_workers": 25},
        [
            "AH00310: WARNING: ThreadsPerChild of 25 exceeds ThreadLimit of 10 threads, decreasing to 10. "
            + HINT.format("ThreadLimit"),
            (
                "AH00316: WARNING: MaxRequestWorkers of 25 is not an integer multiple of ThreadsPerChild of 10, "
                "decreasing to nearest multiple 20, for a maximum of 2 servers."
            ),
        ],
    ),
    (
        {"thread_limit": 0, "threads_per_child": 0},
        [
            "AH00307: WARNING: ThreadLimit of 0 not allowed, increasing to 1.",
            "AH00312: WARNING: ThreadsPerChild of 0 not allowed, increasing to 1.",
            (
                "AH00318: WARNING: MaxRequestWorkers of 400 would require 400 servers and would exceed ServerLimit of "
                f"16, decreasing to 16. {HINT.format('ServerLimit')}"
            ),
        ],
    ),
]


def warnings_of(mpm: str, settings: dict[str, Any]) -> list[str]:
    configuration = configuration_of(**settings)
    found: list[str] = []
    configuration.warn = lambda message, origin: found.append(message)
    built_in(mpm).check(configuration)
    return found


@pytest.mark.parametrize(("settings", "expected"), PREFORK)
def test_prefork(settings: dict[str, int], expected: list[str]) -> None:
    assert warnings_of("prefork", settings) == expected


@pytest.mark.parametrize(("settings", "expected"), WORKER)
def test_worker(settings: dict[str, int], expected: list[str]) -> None:
    assert warnings_of("worker", settings) == expected


@pytest.mark.parametrize(("settings", "expected"), [case for case in WORKER if "thread_limit" not in case[0]])
def test_event_differs_in_its_numbers(settings: dict[str, int], expected: list[str]) -> None:
    renumbered = [f"AH{int(line[2:7]) + 197:05}{line[7:]}" for line in expected]
    assert warnings_of("event", settings) == renumbered


@pytest.mark.parametrize(
    ("warning", "logged"),
    [
        (PREFORK[2][1][0], "AH00176: ServerLimit of 300000 exceeds compile-time limit of 200000, decreasing to match"),
        (
            PREFORK[2][1][1],
            "AH00181: MaxRequestWorkers of 500000 exceeds ServerLimit value of 200000, decreasing to match",
        ),
        (PREFORK[1][1][3], "AH00187: MinSpareServers of 0 not allowed, increasing to 1"),
        (WORKER[2][1][1], "AH00315: MaxRequestWorkers of 0 is less than ThreadsPerChild of 25, increasing to match"),
        (
            "AH00513: WARNING: MaxRequestWorkers of 25 is not an integer multiple of ThreadsPerChild of 10, "
            "decreasing to nearest multiple 20, for a maximum of 2 servers.",
            "AH00514: MaxRequestWorkers of 25 is not an integer multiple of ThreadsPerChild of 10, "
            "decreasing to nearest multiple 20",
        ),
        (
            WORKER[-1][1][-1],
            "AH00319: MaxRequestWorkers of 400 would require 400 servers and exceed ServerLimit of 16, "
            "decreasing to 16",
        ),
        (
            "AH00507: WARNING: ThreadsPerChild of 99 exceeds ThreadLimit of 64 threads, decreasing to 64. "
            + HINT.format("ThreadLimit"),
            "AH00508: ThreadsPerChild of 99 exceeds ThreadLimit of 64, decreasing to match",
        ),
        ("AH00112: Warning: DocumentRoot [/x] does not exist", None),
    ],
)
def test_warnings_in_the_error_log(warning: str, logged: str | None) -> None:
    assert log_form(warning) == logged


def test_event_may_have_more_threads() -> None:
    settings = {"thread_limit": 100000, "threads_per_child": 30000, "max_request_workers": 20}
    assert warnings_of("event", settings) == [
        f"AH00511: WARNING: MaxRequestWorkers of 20 is less than ThreadsPerChild of 30000, increasing to 30000. {LEAST}"
    ]


@pytest.mark.parametrize(
    ("mpm", "settings", "expected"),
    [
        ("prefork", {}, (5, 256, 256, 1, 1)),
        ("prefork", {"start_servers": 50, "max_request_workers": 10}, (10, 10, 256, 1, 1)),
        ("worker", {}, (3, 16, 16, 25, 65)),
        ("event", {}, (3, 16, 16, 25, 65)),
        ("event", {"threads_per_child": 10, "max_request_workers": 30, "start_servers": 9}, (3, 3, 16, 10, 65)),
        ("reactor", {"reactor_processes": 3}, (3, 3, 12, 1, 1)),
    ],
)
def test_geometry(mpm: str, settings: dict[str, int], expected: tuple[int, ...]) -> None:
    configuration = configuration_of(**settings)
    chosen = built_in(mpm)
    chosen.check(configuration)
    size = chosen.geometry(configuration)
    assert (size.start, size.processes, size.server_limit, size.threads, size.slots) == expected


def test_spare_limits_are_kept_apart() -> None:
    configuration = configuration_of(min_spare_servers=8, max_spare_servers=3)
    built_in("prefork").check(configuration)
    assert settings_of(configuration).max_spare_servers == 9
    configuration = configuration_of(min_spare_threads=75, max_spare_threads=80)
    built_in("worker").check(configuration)
    assert settings_of(configuration).max_spare_threads == 100
