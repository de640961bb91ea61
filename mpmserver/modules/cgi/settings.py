"""The settings of mod_cgi and mod_cgid."""

from __future__ import annotations

from mpmserver.config.settings import Settings, setting
from mpmserver.records import dataclass


@dataclass(slots=True)
class CgiServer(Settings):
    """ScriptLog and its limits, in bytes."""

    script_log: str | None = setting(None)
    script_log_length: int = setting(10385760)
    script_log_buffer: int = setting(1024)


@dataclass(slots=True)
class CgiDir(Settings):
    """CGIScriptTimeout in seconds; None is the server's Timeout."""

    timeout: float | None = setting(None)
