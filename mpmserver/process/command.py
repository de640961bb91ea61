"""How this server was started: what a restart must do again, from any directory and years later.

Everything relative is made absolute when the command line is first read, so that neither a changed working directory
nor a changed environment of the caller matters to the next image.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from typing import Any, Self

from mpmserver import __version__
from mpmserver.records import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Command:
    """The command line as far as the process itself is concerned; all of it can be written as JSON."""

    arguments: tuple[str, ...]
    """What `-t` has to be put in front of to check the same configuration: absolute, without -k."""
    shown: str
    """As AH00094 shows it."""
    server_root: str
    file: str
    defines: dict[str, str] = field(default_factory=dict)
    pre_lines: tuple[str, ...] = ()
    post_lines: tuple[str, ...] = ()
    mpm: str | None = None
    name: str = "mpmserver"
    foreground: bool = False
    one_process: bool = False
    skip_document_root: bool = False
    startup_level: str | None = None
    """-e."""

    @property
    def server_version(self) -> str:
        """The product, as Server and the notices name it."""
        return f"mpmserver/{__version__}"

    def to_json(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make a Command from an older or newer program's; what this one doesn't know is left out."""
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        for name in ("arguments", "pre_lines", "post_lines"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


def show(arguments: tuple[str, ...]) -> str:
    """Arguments as one line."""
    return shlex.join(arguments)


def python_environment() -> dict[str, str]:
    """The environment in which `python -m mpmserver` finds the package where this process did."""
    environment = dict(os.environ)
    parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path and path != parent]
    if parent not in {os.path.abspath(path) for path in sys.path if "site-packages" in path}:
        environment["PYTHONPATH"] = os.pathsep.join([parent, *paths])
    return environment
