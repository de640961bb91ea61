"""The directives of mod_cgi and mod_cgid; the two differ in the name of the timeout and in ScriptSock."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, RSRC_CONF, Directive, Shape
from mpmserver.modules.cgi.settings import CgiDir, CgiServer

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "mi": 60.0, "h": 3600.0}
_TIMEOUT_HELP = "The amount of time to wait between successful reads from the CGI script, in seconds."


def _script_log(build: Build, name: str) -> None:
    build.server(CgiServer).script_log = build.resolve(name)


def _script_log_length(build: Build, count: str) -> None:
    build.server(CgiServer).script_log_length = _number(count)


def _script_log_buffer(build: Build, count: str) -> None:
    build.server(CgiServer).script_log_buffer = _number(count)


def _script_timeout(build: Build, text: str) -> None:
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(digits) :] or "s"
    if not digits.isdecimal() or unit not in _SECONDS:
        build.fail(f"{build.name} has wrong format")
    build.dir(CgiDir).timeout = int(digits) * _SECONDS[unit]


def _script_socket(build: Build, name: str) -> None:
    build.forbid_within("<VirtualHost")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


LOGS = (
    Directive("ScriptLog", Shape.TAKE1, RSRC_CONF, _script_log, "the name of a log for script debugging info"),
    Directive(
        "ScriptLogLength", Shape.TAKE1, RSRC_CONF, _script_log_length,
        "the maximum length (in bytes) of the script debug log",
    ),
    Directive(
        "ScriptLogBuffer", Shape.TAKE1, RSRC_CONF, _script_log_buffer,
        "the maximum size (in bytes) to record of a POST request",
    ),
)  # fmt: skip
CGI = (
    *LOGS,
    Directive("CGIScriptTimeout", Shape.TAKE1, RSRC_CONF | ACCESS_CONF, _script_timeout, _TIMEOUT_HELP),
)
CGID = (
    *LOGS,
    Directive(
        "ScriptSock", Shape.TAKE1, RSRC_CONF, _script_socket,
        "the name of the socket to use for communication with the cgi daemon.",
    ),
    Directive("CGIDScriptTimeout", Shape.TAKE1, RSRC_CONF | ACCESS_CONF, _script_timeout, _TIMEOUT_HELP),
)  # fmt: skip
