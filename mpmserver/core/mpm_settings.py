"""What the configuration says about processes, threads and listening sockets: one class for every MPM.

All of it holds for the whole process and lives in the main server's settings. Which directives exist depends on
the MPM that is loaded (`mpm/`); those that Apache's core has (MaxConnectionsPerChild, AcceptFilter, ...) are in
`modules/core/`. Figures whose default depends on the MPM are None here until the MPM's `check` has put them right.
"""

from __future__ import annotations

from typing import Any

from mpmserver.config.settings import Settings, setting
from mpmserver.records import dataclass


@dataclass(slots=True)
class MpmSettings(Settings):
    """Named after the directives that fill them; see Apache's mpm_common."""

    listen: tuple[Any, ...] = setting((), merge="append")
    """`net.listen.ListenAddress`es, in the order of the text."""
    listen_backlog: int = setting(511)
    send_buffer_size: int = setting(0)
    """Bytes, 0 for the system's default."""
    receive_buffer_size: int = setting(0)
    graceful_shutdown_timeout: int = setting(0)
    """Seconds after which a graceful stop becomes one at once; 0 for never."""
    listen_tcp_defer_accept: int = setting(30)
    """What TCP_DEFER_ACCEPT is set to for a listener whose AcceptFilter is not none."""
    accept_filters: dict[str, str] = setting({}, merge="update")
    """Protocol to filter; what is not named has `data` for http and https."""

    start_servers: int | None = setting(None)
    server_limit: int | None = setting(None)
    max_request_workers: int | None = setting(None)
    min_spare_servers: int | None = setting(None)
    max_spare_servers: int | None = setting(None)
    threads_per_child: int | None = setting(None)
    thread_limit: int | None = setting(None)
    min_spare_threads: int | None = setting(None)
    max_spare_threads: int | None = setting(None)
    async_request_worker_factor: float = setting(2.0)

    max_connections_per_child: int = setting(0)
    """0 for no limit."""
    max_mem_free: int = setting(2048)
    """Kibibytes; CPython's allocator decides for itself, so this is kept for reports only."""
    thread_stack_size: int = setting(0)
    """Bytes, 0 for the system's default."""
    score_board_file: str | None = setting(None)

    reactor_processes: int | None = setting(None)
    """None is auto: one per core."""
    thread_pool_threads: int = setting(32)
    thread_pool_queue: int = setting(65536)
    multiplexer: str = setting("epoll")
    """epoll, poll or select."""
