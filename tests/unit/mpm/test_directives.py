"""The directives of processes, threads and listeners, with Apache's messages (as `apache2 -t` prints them)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mpmserver.config.build import Build
from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Node, Origin
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.mpm import registry
from mpmserver.mpm.base import settings_of
from tests.unit.mpm.kit import built_in, configuration_of

MPMS = sorted(registry.BUILT_IN)


def build(mpm: str, *lines: str, within: tuple[str, ...] = ()) -> MpmSettings:
    """Apply lines; returns the finished settings."""
    configuration = configuration_of()
    configuration.registry.add(mpm, built_in(mpm).directives)
    place = Build(configuration, configuration.main, configuration.main.defaults, within=within)
    for number, line in enumerate(lines, 1):
        name, _space, arguments = line.partition(" ")
        place.apply(Node(name, arguments, None, Origin("test.conf", number)))
    return settings_of(configuration)


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("StartServers 7", "start_servers", 7),
        ("StartServers 12x", "start_servers", 12),
        ("startservers abc", "start_servers", 0),
        ("MinSpareThreads 10", "min_spare_threads", 10),
        ("MaxSpareThreads 20", "max_spare_threads", 20),
        ("MaxRequestWorkers 150", "max_request_workers", 150),
        ("MaxClients 50", "max_request_workers", 50),
        ("ThreadsPerChild 5", "threads_per_child", 5),
        ("ThreadLimit 100", "thread_limit", 100),
        ("ServerLimit 3", "server_limit", 3),
        ("AsyncRequestWorkerFactor 1.5", "async_request_worker_factor", 1.5),
        ("ListenBacklog 10", "listen_backlog", 10),
        ("SendBufferSize 0", "send_buffer_size", 0),
        ("ReceiveBufferSize 4096", "receive_buffer_size", 4096),
        ("GracefulShutdownTimeout 9", "graceful_shutdown_timeout", 9),
        ("ListenTCPDeferAccept 5", "listen_tcp_defer_accept", 5),
    ],
)
def test_figures_of_event(line: str, field: str, value: float) -> None:
    assert getattr(build("event", line), field) == value


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("ReactorProcesses auto", "reactor_processes", None),
        ("ReactorProcesses 4", "reactor_processes", 4),
        ("ThreadPool threads=3", "thread_pool_threads", 3),
        ("ThreadPool threads=3 queue=9", "thread_pool_queue", 9),
        ("Multiplexer Poll", "multiplexer", "poll"),
    ],
)
def test_figures_of_reactor(line: str, field: str, value: object) -> None:
    assert getattr(build("reactor", line), field) == value


@pytest.mark.parametrize(
    ("mpm", "line", "message"),
    [
        ("event", "AsyncRequestWorkerFactor 0", "AsyncRequestWorkerFactor argument must be a positive number"),
        ("event", "AsyncRequestWorkerFactor abc", "error parsing value"),
        ("event", "ThreadsPerChild", "ThreadsPerChild takes one argument, Number of threads each child creates"),
        ("event", "Listen", "Listen requires 1 or 2 arguments."),
        ("event", "Listen a b c", "Listen requires 1 or 2 arguments."),
        ("event", "Listen foo", "Port must be specified"),
        ("event", "Listen 0", "Invalid address or port"),
        ("event", "Listen nohost.invalid:80", "Listen setup failed"),
        ("event", "ListenBacklog 0", "ListenBacklog must be > 0"),
        ("event", "ListenBacklog x", "ListenBacklog must be > 0"),
        ("event", "SendBufferSize 100", "SendBufferSize must be >= 512 bytes, or 0 for system default."),
        ("event", "ReceiveBufferSize 511", "ReceiveBufferSize must be >= 512 bytes, or 0 for system default."),
        ("event", "ListenTCPDeferAccept 0", "ListenTCPDeferAccept must be > 0"),
        ("event", "ListenCoresBucketsRatio -1", "ListenCoresBucketsRatio must be > 0"),
        ("reactor", "ReactorProcesses 0", "ReactorProcesses must be a number of processes > 0 or auto"),
        ("reactor", "ThreadPool threads=0", "ThreadPool takes threads=number and queue=number, both > 0"),
        ("reactor", "ThreadPool size=9", "ThreadPool takes threads=number and queue=number, both > 0"),
        ("reactor", "Multiplexer kqueue", "Multiplexer must be one of: epoll, poll, select"),
    ],
)
def test_complaints(mpm: str, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(mpm, line)
    assert caught.value.message == message


@pytest.mark.parametrize("mpm", MPMS)
def test_listeners_are_kept_in_order(mpm: str) -> None:
    settings = build(mpm, "Listen 8080", "Listen 127.0.0.1:8081 HTTPS", "Listen [::1]:443")
    assert [(each.text, each.protocol) for each in settings.listen] == [
        ("[::]:8080", "http"),
        ("127.0.0.1:8081", "https"),
        ("[::1]:443", "https"),
    ]


def test_an_address_may_be_listened_on_once() -> None:
    with pytest.raises(ConfigError, match="Cannot define multiple Listeners on the same IP:port"):
        build("event", "Listen 8080", "Listen *:8080")


@pytest.mark.parametrize("mpm", MPMS)
def test_none_may_stand_in_a_virtual_host(mpm: str) -> None:
    with pytest.raises(ConfigError, match="cannot occur within <VirtualHost> section"):
        build(mpm, "Listen 8080", within=("<VirtualHost",))


def test_the_sets_of_directives_are_apaches() -> None:
    table = Path(__file__).parents[2] / "data" / "apache-2.4.71-directives.tsv"
    if not table.exists():
        pytest.skip("the table of Apache's directives is not here")
    expected: dict[str, set[str]] = {}
    for row in table.read_text().splitlines()[1:]:
        name, module = row.split("\t")[:2]
        expected.setdefault(module, set()).add(name)
    for mpm in ("prefork", "worker", "event"):
        assert {each.name for each in built_in(mpm).directives} == expected[f"mpm_{mpm}"]


# The registry


def test_modules_know_their_mpm() -> None:
    for name in MPMS:
        module = registry.load(name)
        assert module.identifier == f"mpm_{name}_module"
        assert module.source == f"{name}.c"
        assert module.mpm is not None
        assert module.mpm.name == name


def test_an_unknown_mpm_is_named() -> None:
    with pytest.raises(ConfigError, match="Unknown MPM 'winnt', must be one of: prefork, worker, event, reactor"):
        registry.load("winnt")


def test_exactly_one_mpm_is_chosen() -> None:
    configuration: Any = configuration_of()
    with pytest.raises(ConfigError, match="No MPM loaded"):
        registry.chosen(configuration)
    configuration.modules.append(registry.load("event"))
    assert registry.chosen(configuration).name == "event"
    configuration.modules.append(registry.load("worker"))
    with pytest.raises(ConfigError, match="More than one MPM loaded"):
        registry.chosen(configuration)
