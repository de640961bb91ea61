"""mod_logio: bytes on the wire for access logs (%I, %O, %S) and the time to the first byte (%^FB).

The counting itself is the connection's; this module is what LoadModule names and where LogIOTrackTTFB lives. The
answer of a section that has it on is given a note by which the sender knows to look at the clock; pages that the server
makes of errors pass no filter of this class, and have none.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_ALL, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.body import Filter, FilterClass, Response
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.records import dataclass


@dataclass(slots=True)
class LogioDir(Settings):
    """Whether the time to the first byte is measured."""

    track_first_byte: bool = setting(False)


def _track(build: Build, on: bool) -> None:
    build.dir(LogioDir).track_first_byte = on


def _mark(x: Exchange, response: Response) -> Response:
    x.notes["track-first-byte"] = True
    return response


_FILTER = Filter("LOGIO_TTFB_OUT", FilterClass.PROTOCOL, _mark)


def _insert(x: Exchange) -> None:
    x.filters.append(_FILTER)


MODULE = Module(
    "logio",
    directives=(
        Directive(
            "LogIOTrackTTFB", Shape.FLAG, OR_ALL, _track, "Set to 'ON' to enable tracking time to first byte"
        ),
    ),
    hooks=(Hook(Phase.INSERT_FILTERS, _insert, applies=lambda settings: settings[LogioDir].track_first_byte),),
    dir_settings=LogioDir,
)
