"""ScriptLog: what went into and out of a script that failed, for the person who has to repair it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from mpmserver.modules.cgi.settings import CgiServer

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


class ScriptRecord:
    """One run, written down only when it failed and a ScriptLog is configured."""

    def __init__(self, x: Exchange, environment: dict[str, str]) -> None:
        self._x = x
        self._settings = x.server[CgiServer]

    def failed(self, reason: str, output: bytes) -> None:
        """Append the request and the script's output; the file grows to ScriptLogLength and no further."""
        path = self._settings.script_log
        if path is None:
            return
        with contextlib.suppress(OSError):
            if os.path.exists(path) and os.path.getsize(path) > self._settings.script_log_length:
                return
            with open(path, "ab") as log:
                log.write(self._text(reason, output))

    def _text(self, reason: str, output: bytes) -> bytes:
        x = self._x
        stamp = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(x.request_time))
        query = f"?{x.args}" if x.args else ""
        lines = [
            f"%% [{stamp}] {x.method} {x.uri}{query} {x.protocol}",
            f"%% 500 {x.filename}",
            "%error",
            reason,
            "%request",
            *(f"{name}: {value}" for name, value in x.headers_in.items()),
            "%response",
            "%stdout",
        ]
        return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n" + output[: self._settings.script_log_buffer] + b"\n"
