"""What the walk over the configuration tree builds: sections and virtual hosts, sparse and mutable.

A `Section` holds, for each module that had a directive in it, that module's sparse settings, and every
directive that was applied with its origin, so that any answer can be explained by file and line. The
sections of a server are kept by kind; `core/resolve.py` merges those that match a request, in Apache's
order: Directory (with .htaccess), DirectoryMatch, Files, FilesMatch, Location, LocationMatch, If.
"""

from __future__ import annotations

import enum
from typing import Any, TypeVar

from mpmserver.config.node import Origin
from mpmserver.config.regex import Regex
from mpmserver.config.settings import Settings
from mpmserver.records import dataclass, field

S = TypeVar("S", bound=Settings)


class SectionKind(enum.Enum):
    """What a section is matched against."""

    SERVER = "server"
    DIRECTORY = "Directory"
    DIRECTORY_MATCH = "DirectoryMatch"
    FILES = "Files"
    FILES_MATCH = "FilesMatch"
    LOCATION = "Location"
    LOCATION_MATCH = "LocationMatch"
    IF = "If"
    HTACCESS = ".htaccess"


@dataclass(frozen=True, slots=True)
class Applied:
    """One use of a directive in a section."""

    module: str
    directive: str
    arguments: str
    origin: Origin


@dataclass(slots=True, eq=False)
class Section:
    """One section as written; `pattern` is its argument, `regex` its compiled form where it is one.

    `match(text)` for FILES and LOCATION with wildcards uses `regex` too; a plain one compares text.
    `condition` is the compiled expression of an `<If>`; `branch` is "If", "ElseIf" or "Else".
    """

    kind: SectionKind
    pattern: str
    origin: Origin
    regex: Regex | None = None
    condition: Any = None
    branch: str = ""
    depth: int = 0
    """How many <If>s it is inside of."""
    path: str | None = None
    """The directory that directives in here are relative to (RewriteBase, AuthName): None in Location."""
    tables: dict[type[Settings], Settings] = field(default_factory=dict)
    applied: list[Applied] = field(default_factory=list)
    files: list[Section] = field(default_factory=list)
    """<Files> and <FilesMatch> inside of this one."""
    ifs: list[Section] = field(default_factory=list)

    def settings(self, kind: type[S]) -> S:
        """Return this section's sparse settings of one module, made when first asked for."""
        found = self.tables.get(kind)
        if found is None:
            found = self.tables[kind] = kind()
        return found  # type: ignore[return-value]


@dataclass(slots=True, eq=False)
class HostConfig:
    """The main server or one <VirtualHost>, as built from its directives."""

    origin: Origin
    addresses: str = ""
    """The argument of <VirtualHost>; empty for the main server."""
    tables: dict[type[Settings], Settings] = field(default_factory=dict)
    applied: list[Applied] = field(default_factory=list)
    defaults: Section = field(default_factory=lambda: Section(SectionKind.SERVER, "", Origin("", 0)))
    directories: list[Section] = field(default_factory=list)
    """<Directory> and <DirectoryMatch>, in the order of the text."""
    files: list[Section] = field(default_factory=list)
    locations: list[Section] = field(default_factory=list)
    ifs: list[Section] = field(default_factory=list)

    def settings(self, kind: type[S]) -> S:
        """Return this host's sparse server settings of one module."""
        found = self.tables.get(kind)
        if found is None:
            found = self.tables[kind] = kind()
        return found  # type: ignore[return-value]
