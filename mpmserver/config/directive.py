"""A directive as data: its name, the shape of its arguments, where it may stand, and what it does.

`Directive.apply(build, *arguments)` is called once for each use (once per argument for the ITERATE shapes)
with words that the shape has checked. It changes the mutable settings that `build` hands out and raises
`ConfigError` (or calls `build.fail`) with Apache's words when an argument is wrong. A section directive
(`<Name`) gets its arguments as one raw string and finds its children at `build.node.children`.

Where a directive may stand is Apache's bit set: `RSRC_CONF` (server configuration, outside of directory
sections), `ACCESS_CONF` (inside of them), and the override classes that let `.htaccess` use it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from mpmserver.records import dataclass

OR_NONE = 0
OR_LIMIT = 1
OR_OPTIONS = 2
OR_FILEINFO = 4
OR_AUTHCFG = 8
OR_INDEXES = 16
OR_UNSET = 32
ACCESS_CONF = 64
RSRC_CONF = 128
EXEC_ON_READ = 256
NONFATAL_OVERRIDE = 512
NONFATAL_UNKNOWN = 1024
OR_ALL = OR_LIMIT | OR_OPTIONS | OR_FILEINFO | OR_AUTHCFG | OR_INDEXES

OVERRIDE_NAMES: tuple[tuple[int, str], ...] = (
    (OR_AUTHCFG, "AuthConfig"),
    (OR_FILEINFO, "FileInfo"),
    (OR_INDEXES, "Indexes"),
    (OR_LIMIT, "Limit"),
    (OR_OPTIONS, "Options"),
)


class Shape(enum.Enum):
    """How many arguments a directive takes; the value is Apache's complaint when they are not that many."""

    NO_ARGS = "takes no arguments"
    RAW_ARGS = ""
    FLAG = "must be On or Off"
    TAKE1 = "takes one argument"
    TAKE2 = "takes two arguments"
    TAKE3 = "takes three arguments"
    TAKE12 = "takes 1-2 arguments"
    TAKE13 = "takes one or three arguments"
    TAKE23 = "takes two or three arguments"
    TAKE123 = "takes one, two or three arguments"
    TAKE_ARGV = "takes a list of arguments"
    ITERATE = "requires at least one argument"
    ITERATE2 = "requires at least two arguments"


FIXED_COUNTS: dict[Shape, frozenset[int]] = {
    Shape.NO_ARGS: frozenset({0}),
    Shape.TAKE1: frozenset({1}),
    Shape.TAKE2: frozenset({2}),
    Shape.TAKE3: frozenset({3}),
    Shape.TAKE12: frozenset({1, 2}),
    Shape.TAKE13: frozenset({1, 3}),
    Shape.TAKE23: frozenset({2, 3}),
    Shape.TAKE123: frozenset({1, 2, 3}),
}


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive or section ('<Directory') of one module."""

    name: str
    shape: Shape
    where: int
    apply: Callable[..., None]
    help: str
    global_only: bool = False
    """True where Apache refuses it inside <VirtualHost> ("cannot occur within <VirtualHost> section")."""

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def is_section(self) -> bool:
        return self.name.startswith("<")


def ignored(build: Any, *arguments: str) -> None:
    """The `apply` of a directive that the reader has executed already (Include, Define, LoadModule)."""
