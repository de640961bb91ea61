"""mod_request: KeptBodySize, the largest request body that a section keeps for whoever wants it a second time.

What can be seen of it here is the limit: a longer body is refused with 413 when its handler, or the server that is
about to discard it, begins to read it. Nothing that this server has asks for a kept body (in Apache mod_include and
mod_auth_form do), so none is stored. The limit belongs to the request that is being answered: another one holds where
it was redirected to. The hook and the check run on the thread that drives the request.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.body import BodyError
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import Level
from mpmserver.records import dataclass

_SIZE = re.compile(r"\s*\+?([0-9]+)", re.ASCII)
_MOST: Final = (1 << 63) - 1


@dataclass(slots=True)
class RequestServer(Settings):
    """Whether any section says KeptBodySize; the main server's."""

    used: bool = setting(False)


@dataclass(slots=True)
class RequestDir(Settings):
    """KeptBodySize in bytes; 0 keeps nothing and refuses nothing."""

    kept_body_size: int = setting(0)


def _kept_body_size(build: Build, text: str) -> None:
    match = _SIZE.fullmatch(text)
    if match is None or int(match[1]) > _MOST:
        build.fail("KeptBodySize must be a valid size in bytes, or zero.")
    build.dir(RequestDir).kept_body_size = int(match[1])
    build.main(RequestServer).used = True


class Keeper:
    """Counts the body of one request while it is read; `core.body.BodyWatch`."""

    __slots__ = ("_left", "_limit", "_x")

    def __init__(self, x: Exchange, limit: int) -> None:
        self._x = x
        self._limit = self._left = limit

    def before(self, length: int | None) -> None:
        if length is not None and length > self._limit:
            raise self._too_large("AH01412", length, self._limit)

    def took(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise self._too_large("AH01413", count, 0)  # what is left of the limit is forgotten, and that is told

    def _too_large(self, number: str, count: int, limit: int) -> BodyError:
        message = f"{number}: Requested content-length of {count} is larger than the configured limit of {limit}"
        self._x.server.log(Level.ERROR, "request", message, self._x)
        return BodyError(413, BodyError.BROKEN)


def _watch(x: Exchange) -> None:
    """INSERT_FILTERS: have the body counted from here on, or no longer."""
    if x.main is None:
        limit = x.settings[RequestDir].kept_body_size
        x.body.watch = Keeper(x, limit) if limit else None


def _is_used(settings: Any) -> bool:
    return bool(settings.server.site.configuration.main.settings(RequestServer).used)


MODULE = Module(
    "request",
    directives=(
        Directive("KeptBodySize", Shape.TAKE1, ACCESS_CONF, _kept_body_size,
            "Maximum size of request bodies kept aside for use by filters"),
    ),
    hooks=(Hook(Phase.INSERT_FILTERS, _watch, Order.LAST, applies=_is_used),),
    server_settings=RequestServer,
    dir_settings=RequestDir,
)  # fmt: skip
