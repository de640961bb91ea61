"""mod_logio: bytes on the wire for access logs (%I, %O, %S) and the time to the first byte (%^FB).

The counting itself is the connection's; this module is what LoadModule names and where LogIOTrackTTFB lives.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_ALL, Directive, Shape
from mpmserver.config.settings import Settings, setting
from mpmserver.core.module import Module


@dataclass(slots=True)
class LogioDir(Settings):
    """Whether the time to the first byte is measured."""

    track_first_byte: bool = setting(False)


def _track(build: Build, on: bool) -> None:
    build.dir(LogioDir).track_first_byte = on


MODULE = Module(
    "logio",
    directives=(
        Directive(
            "LogIOTrackTTFB", Shape.FLAG, OR_ALL, _track, "Set to 'ON' to enable tracking time to first byte"
        ),
    ),
    dir_settings=LogioDir,
)
