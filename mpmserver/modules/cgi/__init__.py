"""mod_cgi: scripts started by fork and exec (RFC 3875); mod_cgid is the same under another name.

`handler.py` checks and starts a script and turns its output into the answer; `script.py` moves the bytes, `head.py`
reads the head of its output, `scriptlog.py` writes the ScriptLog.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, RSRC_CONF, Directive, Shape
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.modules.cgi.handler import answer_script
from mpmserver.modules.cgi.settings import CgiDir, CgiServer

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "mi": 60.0, "h": 3600.0}


def _script_log(build: Build, name: str) -> None:
    build.server(CgiServer).script_log = build.resolve(name)


def _script_log_length(build: Build, count: str) -> None:
    build.server(CgiServer).script_log_length = _number(build, count)


def _script_log_buffer(build: Build, count: str) -> None:
    build.server(CgiServer).script_log_buffer = _number(build, count)


def _script_timeout(build: Build, text: str) -> None:
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(digits) :] or "s"
    if not digits.isdecimal() or unit not in SECONDS:
        build.fail("CGIScriptTimeout has wrong format")
    build.dir(CgiDir).timeout = int(digits) * SECONDS[unit]


def _number(build: Build, text: str) -> int:
    digits = text.strip()
    return int(digits) if digits.isdecimal() else 0


DIRECTIVES = (
    Directive("ScriptLog", Shape.TAKE1, RSRC_CONF, _script_log, "the name of a log for script debugging info"),
    Directive(
        "ScriptLogLength", Shape.TAKE1, RSRC_CONF, _script_log_length,
        "the maximum length (in bytes) of the script debug log",
    ),
    Directive(
        "ScriptLogBuffer", Shape.TAKE1, RSRC_CONF, _script_log_buffer,
        "the maximum size (in bytes) to record of a POST request",
    ),
    Directive(
        "CGIScriptTimeout", Shape.TAKE1, RSRC_CONF | ACCESS_CONF, _script_timeout,
        "The amount of time to wait between successful reads from the CGI script, in seconds.",
    ),
)  # fmt: skip

MODULE = Module(
    "cgi",
    directives=DIRECTIVES,
    hooks=(Hook(Phase.HANDLER, answer_script, handler="cgi-script"),),
    server_settings=CgiServer,
    dir_settings=CgiDir,
)
