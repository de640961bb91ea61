"""http_core: KeepAlive, KeepAliveTimeout, MaxKeepAliveRequests."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Shape
from mpmserver.config.numbers import atoi, seconds
from mpmserver.core.module import Hook, Module, Order, Phase, always
from mpmserver.core.settings import CoreServer
from mpmserver.modules.core.methods import answer_without_resource
from mpmserver.modules.core.table import directives


def keep_alive(build: Build, on: bool) -> None:
    build.server(CoreServer).keep_alive = on


def keep_alive_timeout(build: Build, text: str) -> None:
    """KeepAliveTimeout number[ms|s|min|h]."""
    value = seconds(text)
    if value is None:
        build.fail("KeepAliveTimeout has wrong format")
    build.server(CoreServer).keep_alive_timeout = value


def max_keep_alive_requests(build: Build, text: str) -> None:
    build.server(CoreServer).max_keep_alive_requests = atoi(text)


MODULE = Module(
    "http",
    file="http_core.c",
    directives=directives(
        RSRC_CONF,
        ("KeepAliveTimeout", Shape.TAKE1, keep_alive_timeout, "Keep-Alive timeout duration (sec)"),
        ("MaxKeepAliveRequests", Shape.TAKE1, max_keep_alive_requests,
         "Maximum number of Keep-Alive requests per connection, or 0 for infinite"),
        ("KeepAlive", Shape.FLAG, keep_alive, "Whether persistent connections should be On or Off"),
    ),
    hooks=(
        Hook(Phase.MAP_TO_STORAGE, answer_without_resource, Order.MIDDLE, pure=always),
    ),
)  # fmt: skip
