"""ScriptLog: what went into and out of scripts that failed, for the person who has to repair them."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from mpmserver.modules.cgi.settings import CgiServer

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


class NoRecord:
    """Where no ScriptLog is configured."""

    wanted = False
    """Whether anything is written."""

    def note_body(self, data: bytes) -> None:
        """Nothing is kept."""

    def error(self, status: int, message: bytes) -> None:
        """Nothing is written."""

    def failed(self, status: int, bad_line: str | None, output: bytes) -> None:
        """Nothing is written."""


_NO_RECORD = NoRecord()


def record_of(x: Exchange) -> ScriptRecord | NoRecord:
    """What takes down what becomes of one request."""
    settings = x.server[CgiServer]
    return _NO_RECORD if settings.script_log is None else ScriptRecord(x, settings, settings.script_log)


class ScriptRecord:
    """What is written down of one request.

    The file grows to ScriptLogLength (and by the record that crosses it), then nothing more is written.
    """

    wanted = True

    def __init__(self, x: Exchange, settings: CgiServer, path: str) -> None:
        self._x = x
        self._path = path
        self._most = settings.script_log_length
        self.buffer_size = settings.script_log_buffer
        self.body = b""
        """The first ScriptLogBuffer bytes of the request's body."""

    def note_body(self, data: bytes) -> None:
        """Keep what the script was sent, as far as it is to be kept."""
        if len(self.body) < self.buffer_size:
            self.body += data[: self.buffer_size - len(self.body)]

    def error(self, status: int, message: bytes) -> None:
        """Record one line of the script's stderr, or why it was not started."""
        self._write(status, b"%error\n" + message + b"\n")

    def failed(self, status: int, bad_line: str | None, output: bytes) -> None:
        """Record a request whose script gave no proper answer: the request, and all of the output."""
        x = self._x
        parts = [b"%request\n", *(_field(pair) for pair in x.headers_in.items())]
        if x.method in ("POST", "PUT") and self.body:
            parts.append(b"\n" + self.body + b"\n")
        parts += [b"%response\n", *(_field(pair) for pair in x.err_headers_out.items())]
        if bad_line:
            parts.append(bad_line.encode("latin-1") + b"\n")
        if output:
            parts.append(b"%stdout\n" + output + b"\n")
        self._write(status, b"".join(parts))

    def _write(self, status: int, text: bytes) -> None:
        x = self._x
        query = f"?{x.args}" if x.args else ""
        stamp = time.strftime("%a %b %d %H:%M:%S %Y")
        head = f"%% [{stamp}] {x.method} {x.uri}{query} {x.protocol}\n%% {status} {x.filename}\n"
        with contextlib.suppress(OSError):  # a log that can't be written stops no request
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if os.fstat(fd).st_size <= self._most:
                    os.write(fd, head.encode("utf-8", "surrogateescape") + text)
            finally:
                os.close(fd)


def _field(pair: tuple[str, str]) -> bytes:
    return f"{pair[0]}: {pair[1]}\n".encode("latin-1", "replace")
