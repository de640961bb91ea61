"""What reading a configuration needs from outside, and what it keeps while it reads.

A ``ReadContext`` lives for one reading: Define, ServerRoot, LoadModule and macros change it as they are read, so
later lines see what earlier ones did, across included files. For ``.htaccess`` files the main configuration's
context is copied (``for_htaccess``), because what one of them says must not reach another request.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from errno import EBADF
from typing import TYPE_CHECKING, Protocol

from mpmserver.config.node import Origin
from mpmserver.config.syntax import RawLine
from mpmserver.records import dataclass, field, replace

if TYPE_CHECKING:
    from mpmserver.config.macro import Macro


class Modules(Protocol):
    """The modules, as far as reading is concerned: what LoadModule and the conditions ask."""

    def load(self, name: str, path: str, origin: Origin) -> None:
        """LoadModule. Raises ConfigError when there is no such module."""

    def is_loaded(self, name: str) -> bool:
        """Whether the module of this identifier (``rewrite_module``) or file (``mod_rewrite.c``) is there."""

    def has_directive(self, name: str) -> bool:
        """Whether a directive of this name exists now; in any case of letters."""

    def has_section(self, name: str) -> bool:
        """Whether a section of this name (without ``<``) exists now; in any case of letters."""


@dataclass(frozen=True, slots=True)
class Included:
    """One file that was read, for DUMP_INCLUDES: how deep, by which line (None: the main file), which."""

    depth: int
    line: int | None
    path: str

    def __str__(self) -> str:
        return f"{'  ' * self.depth}({'*' if self.line is None else self.line}) {self.path}"


def read_text_file(path: str) -> str:
    """The text of a configuration file; bytes that are not UTF-8 survive as surrogates. Raises OSError."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and path != os.devnull:
        raise OSError(EBADF, os.strerror(EBADF), path)
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def ignore_warning(message: str, origin: Origin) -> None:
    """For a caller that does not want to hear warnings."""


@dataclass(slots=True)
class ReadContext:
    """The state of one reading.

    ``defines`` maps Define'd names (and ``-D``'s) to their values, the empty one for none. ``pre_lines`` and
    ``post_lines`` are the command line's ``-C`` and ``-c``. ``included`` grows as files are opened.
    """

    server_root: str
    modules: Modules
    defines: dict[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    warn: Callable[[str, Origin], None] = ignore_warning
    read_file: Callable[[str], str] = read_text_file
    included: list[Included] = field(default_factory=list)
    pre_lines: Sequence[str] = ()
    post_lines: Sequence[str] = ()
    runtime_dir: str | None = None
    macros: dict[str, Macro] = field(default_factory=dict)
    any_macro: bool = False
    """Whether a macro was ever defined, for mod_macro's messages."""

    def value(self, name: str) -> str:
        """What ``${name}`` stands for, "" for nothing: a name's value, unlike its existence, has no case."""
        lower = name.lower()
        return next((value for key, value in self.defines.items() if value and key.lower() == lower), "")

    def define(self, name: str, value: str | None = None) -> None:
        """Define a name; its value is that of all spellings. Without one the name keeps the value it has."""
        known = self.value(name) if value is None else value
        self._set_value(name, known)
        self.defines[name] = known

    def undefine(self, name: str) -> None:
        """Forget a name, and the value that its other spellings had of it, too."""
        self._set_value(name, "")
        self.defines.pop(name, None)

    def _set_value(self, name: str, value: str) -> None:
        lower = name.lower()
        for key in self.defines:
            if key.lower() == lower:
                self.defines[key] = value

    def for_htaccess(self) -> ReadContext:
        """A context that starts where this one is now and keeps what it changes to itself."""
        return replace(self, defines=dict(self.defines), macros=dict(self.macros), included=[])


class LineSource:
    """The lines still to be read; a macro's lines are pushed in front of them."""

    __slots__ = ("_stack",)

    def __init__(self, lines: Iterable[RawLine]) -> None:
        self._stack: list[Iterator[RawLine]] = [iter(lines)]

    def push(self, lines: Iterable[RawLine]) -> None:
        """``lines`` come next, before what is left."""
        self._stack.append(iter(lines))

    def next(self) -> RawLine | None:
        """The next line; None at the end."""
        while self._stack:
            line = next(self._stack[-1], None)
            if line is not None:
                return line
            self._stack.pop()
        return None
