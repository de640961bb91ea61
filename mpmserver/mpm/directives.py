"""The directives of processes, threads and listening sockets; each MPM has the set that Apache's has.

Figures are read as Apache reads them (C's atoi: a word that is no number is 0) and put right by the MPM's `check`.
All of them hold for the whole process: none may stand in a <VirtualHost>.
"""

from __future__ import annotations

from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.numbers import atoi
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.net.listen import ListenError, parse_listen, resolve


def _figure(name: str, field: str, help_text: str) -> Directive:
    def apply(build: Build, value: str) -> None:
        setattr(build.main(MpmSettings), field, atoi(value))

    return _global(name, Shape.TAKE1, apply, help_text)


def _bounded(name: str, field: str, help_text: str, least: int, complaint: str, zero: bool = False) -> Directive:
    """A figure that is refused below `least` (0 excepted where `zero`)."""

    def apply(build: Build, value: str) -> None:
        number = atoi(value)
        if number < least and not (zero and number == 0):
            build.fail(complaint)
        setattr(build.main(MpmSettings), field, number)

    return _global(name, Shape.TAKE1, apply, help_text)


def _global(name: str, shape: Shape, apply: Callable[..., None], help_text: str) -> Directive:
    return Directive(name, shape, RSRC_CONF, apply, help_text, global_only=True)


def listen(build: Build, *arguments: str) -> None:
    """Listen [address:]port [protocol]"""
    if not 1 <= len(arguments) <= 2:
        build.fail("Listen requires 1 or 2 arguments.")
    settings = build.main(MpmSettings)
    known = settings.listen or ()
    try:
        addresses = resolve(*parse_listen(arguments[0]), *arguments[1:])
    except ListenError as error:
        if error.detail:
            build.warn(error.detail)
        build.fail(str(error))
    taken = {(address.address, address.port) for address in known}
    if any((address.address, address.port) in taken for address in addresses):
        build.fail("Cannot define multiple Listeners on the same IP:port")
    settings.listen = (*known, *addresses)


def cores_buckets_ratio(build: Build, value: str) -> None:
    """ListenCoresBucketsRatio: understood; EPOLLEXCLUSIVE spreads connections over processes without it."""
    if atoi(value) < 0:
        build.fail("ListenCoresBucketsRatio must be > 0")


def async_factor(build: Build, value: str) -> None:
    """AsyncRequestWorkerFactor, a positive decimal"""
    try:
        factor = float(value)
    except ValueError:
        build.fail("error parsing value")
    if not 0 < factor < float("inf"):
        build.fail("AsyncRequestWorkerFactor argument must be a positive number")
    build.main(MpmSettings).async_request_worker_factor = factor


def reactor_processes(build: Build, value: str) -> None:
    """ReactorProcesses number|auto"""
    if value.lower() == "auto":
        build.main(MpmSettings).reactor_processes = None
        return
    number = atoi(value)
    if number < 1:
        build.fail("ReactorProcesses must be a number of processes > 0 or auto")
    build.main(MpmSettings).reactor_processes = number


def thread_pool(build: Build, *words: str) -> None:
    """ThreadPool threads=number queue=number"""
    settings = build.main(MpmSettings)
    for word in words:
        name, _equals, value = word.partition("=")
        if name.lower() not in ("threads", "queue") or not value.isdecimal() or int(value) < 1:
            build.fail("ThreadPool takes threads=number and queue=number, both > 0")
        setattr(settings, f"thread_pool_{name.lower()}", int(value))


def multiplexer(build: Build, name: str) -> None:
    """Multiplexer epoll|poll|select"""
    if name.lower() not in ("epoll", "poll", "select"):
        build.fail("Multiplexer must be one of: epoll, poll, select")
    build.main(MpmSettings).multiplexer = name.lower()


LISTENING = (
    _bounded(
        "ListenBacklog", "listen_backlog",
        "Maximum length of the queue of pending connections, as used by listen(2)", 1, "ListenBacklog must be > 0",
    ),
    _global(
        "ListenCoresBucketsRatio", Shape.TAKE1, cores_buckets_ratio,
        "Ratio between the number of CPU cores (online) and the number of listeners buckets",
    ),
    _global(
        "Listen", Shape.TAKE_ARGV, listen,
        "A port number or a numeric IP address and a port number, and an optional protocol",
    ),
    _bounded(
        "SendBufferSize", "send_buffer_size", "Send buffer size in bytes", 512,
        "SendBufferSize must be >= 512 bytes, or 0 for system default.", zero=True,
    ),
    _bounded(
        "ReceiveBufferSize", "receive_buffer_size", "Receive buffer size in bytes", 512,
        "ReceiveBufferSize must be >= 512 bytes, or 0 for system default.", zero=True,
    ),
    _bounded(
        "ListenTCPDeferAccept", "listen_tcp_defer_accept",
        "Value set for the socket option TCP_DEFER_ACCEPT if it is set", 1, "ListenTCPDeferAccept must be > 0",
    ),
    _figure(
        "GracefulShutdownTimeout", "graceful_shutdown_timeout",
        "Maximum time in seconds to wait for child processes to complete transactions during shutdown",
    ),
)  # fmt: skip

_START_SERVERS = _figure("StartServers", "start_servers", "Number of child processes launched at server startup")

PREFORK = (
    *LISTENING,
    _START_SERVERS,
    _figure("MinSpareServers", "min_spare_servers", "Minimum number of idle children, to handle request spikes"),
    _figure("MaxSpareServers", "max_spare_servers", "Maximum number of idle children"),
    _figure("MaxClients", "max_request_workers", "Deprecated name of MaxRequestWorkers"),
    _figure("MaxRequestWorkers", "max_request_workers", "Maximum number of children alive at the same time"),
    _figure("ServerLimit", "server_limit", "Maximum value of MaxRequestWorkers for this run of Apache"),
)

WORKER = (
    *LISTENING,
    _START_SERVERS,
    _figure("MinSpareThreads", "min_spare_threads", "Minimum number of idle threads, to handle request spikes"),
    _figure("MaxSpareThreads", "max_spare_threads", "Maximum number of idle threads"),
    _figure("MaxRequestWorkers", "max_request_workers", "Maximum number of threads alive at the same time"),
    _figure("MaxClients", "max_request_workers", "Deprecated name of MaxRequestWorkers"),
    _figure("ThreadsPerChild", "threads_per_child", "Number of threads each child creates"),
    _figure("ServerLimit", "server_limit", "Maximum number of child processes for this run of Apache"),
    _figure(
        "ThreadLimit", "thread_limit",
        "Maximum number of worker threads per child process for this run of Apache"
        " - Upper limit for ThreadsPerChild",
    ),
)  # fmt: skip

EVENT = (
    *WORKER,
    _global(
        "AsyncRequestWorkerFactor", Shape.TAKE1, async_factor,
        "How many additional connects will be accepted per idle worker thread",
    ),
)  # fmt: skip

REACTOR = (
    *LISTENING,
    _global("ReactorProcesses", Shape.TAKE1, reactor_processes, "Number of processes, or auto for one per core"),
    _global(
        "ThreadPool", Shape.TAKE12, thread_pool,
        "threads=number and queue=number: the pool that runs what would block",
    ),
    _global("Multiplexer", Shape.TAKE1, multiplexer, "What waits for events: epoll, poll or select"),
)  # fmt: skip
