"""mod_unique_id: UNIQUE_ID in the environment of each request, and as its id in the logs (%L).

An identifier is 20 bytes in 27 characters of the alphabet [A-Za-z0-9_-]: the request's second (32 bits), 80 random
bits that each child draws for itself, a counter (16 bits) and the number of the connection (32 bits). A redirected
request keeps the first one's. `next()` of a counter is atomic, so the hook needs no lock on whatever thread it runs.
"""

from __future__ import annotations

import itertools
import os
from base64 import urlsafe_b64encode
from struct import Struct
from typing import TYPE_CHECKING, Final

from mpmserver.config.build import Configuration
from mpmserver.config.settings import Settings, setting
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.child import Child

ROOT_SIZE: Final = 10
_LAYOUT: Final = Struct(f">L{ROOT_SIZE}sHL")
LENGTH: Final = 27
VARIABLE: Final = "UNIQUE_ID"


class Generator:
    """What makes the identifiers of one process."""

    __slots__ = ("_counter", "_root")

    def __init__(self) -> None:
        self.reseed()

    def reseed(self) -> None:
        """Draw a new root: each child does after the fork, so that no two processes make the same identifier."""
        self._root = os.urandom(ROOT_SIZE)
        self._counter = itertools.count(int.from_bytes(os.urandom(2), "big"))

    def make(self, x: Exchange) -> str:
        """Return a new identifier for a request."""
        second = int(x.request_time) & 0xFFFFFFFF
        count = next(self._counter) & 0xFFFF
        data = _LAYOUT.pack(second, self._root, count, x.peer.number & 0xFFFFFFFF)
        return urlsafe_b64encode(data)[:LENGTH].decode("ascii")


@dataclass(slots=True)
class UniqueIdServer(Settings):
    """The process's generator: the main server's, which every virtual host shares."""

    generator: Generator | None = setting(None)


def _prepare(configuration: Configuration) -> None:
    configuration.main.settings(UniqueIdServer).generator = Generator()


def _begin_child(child: Child) -> None:
    generator = child.site.main[UniqueIdServer].generator
    if generator is not None:
        generator.reseed()


def make_log_id(x: Exchange) -> str:
    """The id of a request for the logs: its name, or where something is logged before it has one, what will be that."""
    name = x.env.get(VARIABLE)
    if name is not None:
        return name
    generator = x.server[UniqueIdServer].generator
    assert generator is not None
    return generator.make(x)


def _name(x: Exchange) -> None:
    """POST_READ: give the request its name."""
    x.env[VARIABLE] = x.env.get(f"REDIRECT_{VARIABLE}") or x.log_id or make_log_id(x)


MODULE = Module(
    "unique_id",
    hooks=(Hook(Phase.POST_READ, _name),),
    server_settings=UniqueIdServer,
    providers={("log-id", "request"): make_log_id},
    post_config=_prepare,
    child_init=_begin_child,
)
