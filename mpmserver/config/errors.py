"""The one exception of configuration, and the words in which Apache prints it.

Apache knows two moments. *Reading*: lines are read and what must act at once does (Include, Define, conditions,
macros); an error there is printed on one line, and each Include on the way adds its own "Syntax error on line N
of FILE:". *Walking*: the finished tree is applied directive by directive; an error there is printed as AH00526
with the reason on a line of its own. An error without an origin concerns no line at all. Nothing collects
errors: the first one ends the reading, as in Apache.
"""

from __future__ import annotations

import re
from enum import Enum

from mpmserver.config.node import Origin

COMMAND_LINE = "-c/-C directives"
"""What origins call the directives of the command line, numbered from 1."""


MAX_LOG_LINE = 8190
"""Apache cuts a message there."""


class ErrorKind(Enum):
    """The moment at which an error was found; it decides how the error is printed."""

    READ = "read"
    WALK = "walk"
    BARE = "bare"
    """Found in the walk, but printed without a line: "AH00543: PROGRAM: bad user name x"."""
    CHECK = "check"
    """Found in the finished configuration: lines of their own (the message has one or several), then AH00014."""


class ConfigError(Exception):
    """The configuration is wrong; ``message`` is Apache's reason, ``origin`` the place where it was written."""

    def __init__(
        self, message: str, origin: Origin | None = None, *, kind: ErrorKind = ErrorKind.WALK
    ) -> None:
        super().__init__(message)
        self.message = message
        self.origin = origin
        self.kind = kind

    def with_origin(self, origin: Origin) -> ConfigError:
        """This error at ``origin``, unless it knows a (more exact) place already."""
        if self.origin is not None or self.kind in (ErrorKind.BARE, ErrorKind.CHECK):
            return self
        return ConfigError(self.message, origin, kind=self.kind)

    def __str__(self) -> str:
        return self.message if self.origin is None else f"{self.origin}: {self.message}"


def read_error(message: str, origin: Origin) -> ConfigError:
    """An error found while reading."""
    return ConfigError(message, origin, kind=ErrorKind.READ)


def syntax_error(message: str, origin: Origin) -> str:
    """The one-line form, as Apache nests it: ``Syntax error on line N of FILE: REASON``."""
    return f"Syntax error on line {origin.line} of {origin.file}: {message}"


def escaped(message: str) -> str:
    """``message`` as Apache writes it to a terminal or log: no control byte, no byte above ASCII, no line break."""
    return "".join(_printable(byte) for byte in message.encode("utf-8", "surrogateescape"))


def _printable(byte: int) -> str:
    if byte in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


_SHORT_ESCAPES = {
    ord(character): escape
    for character, escape in zip("\b\n\r\t\v\\", ("\\b", "\\n", "\\r", "\\t", "\\v", "\\\\"), strict=True)
}


def render(error: ConfigError, program_name: str) -> str:
    """What Apache prints on stderr for ``error``, with the final newline."""
    return "".join(f"{escaped(line)[:MAX_LOG_LINE]}\n" for line in _log_lines(error, program_name))


def _log_lines(error: ConfigError, program_name: str) -> tuple[str, ...]:
    if error.kind is ErrorKind.CHECK:
        return (*error.message.split("\n"), "AH00014: Configuration check failed")
    if error.origin is None:
        numbered = re.match(r"AH[0-9]{5}: ", error.message)
        number = numbered[0] if numbered else ""
        return (f"{number}{program_name}: {error.message[len(number) :]}",)
    if error.kind is ErrorKind.WALK:
        where = f"Syntax error on line {error.origin.line} of {error.origin.file}:"
        return f"AH00526: {where}", error.message
    if error.origin.file == COMMAND_LINE:
        return (f"{program_name}: Syntax error in -C/-c directive: {error.message}",)
    return (f"{program_name}: {syntax_error(error.message, error.origin)}",)
