"""mod_log_config: access logs.

A format is compiled once into a tuple of pieces, text and functions (`format.py`, with the tokens in `items.py`);
logging a request is calling them and joining what they return. Sinks are opened in the parent (`open_logs.py`) and
inherited; the LOG hook only renders lines and hands them over, on the thread that served the request.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.core.exchange import Exchange
from mpmserver.core.hostnames import look_up
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import CoreDir
from mpmserver.modules.log_config.format import FormatError, compile_format
from mpmserver.modules.log_config.open_logs import check_directories, open_logs
from mpmserver.modules.log_config.settings import CustomLog, LogServer


def _log_format(build: Build, text: str, name: str | None = None) -> None:
    _check_format(build, text)
    settings = build.server(LogServer)
    if name is None:
        settings.default_format = text
    else:
        settings.table("formats")[name] = text


def _custom_log(build: Build, target: str, form: str | None = None, condition: str | None = None) -> None:
    _add(build, target, form, condition)


def _global_log(build: Build, target: str, form: str | None = None, condition: str | None = None) -> None:
    _add(build, target, form, condition, everywhere=True)


def _transfer_log(build: Build, target: str) -> None:
    _add(build, target, None, None)


def _buffered_logs(build: Build, on: bool) -> None:
    build.main(LogServer).buffered = on


def _add(build: Build, target: str, form: str | None, condition: str | None, everywhere: bool = False) -> None:
    variable, negate = None, False
    if condition is not None:
        variable = _condition(build, condition)
        negate = variable.startswith("!")
        variable = variable.removeprefix("!")
        if not variable:
            build.fail("missing environment variable name")
    if form is not None:
        _check_format(build, form)
    log = CustomLog(target, form, variable, negate, everywhere, build.origin)
    build.server(LogServer).append("logs", log)


def _condition(build: Build, text: str) -> str:
    kind, mark, rest = text.partition("=")
    if mark and kind.lower() == "env":
        return rest
    if mark and kind.lower() == "expr":
        build.fail("expr= needs the expression language, which this version does not have")
    return build.fail("error in condition clause")


def _check_format(build: Build, text: str) -> None:
    try:
        compile_format(text)
    except FormatError as error:
        build.fail(str(error))


def _log(x: Exchange) -> None:
    """Write the request's lines; called for the first request of a chain, `x.last` being the one that answered."""
    for variable, negate, render, write in x.server[LogServer].compiled:
        if variable is None or (variable in x.env) != negate:
            write(render(x))


MODULE = Module(
    "log_config",
    directives=(
        Directive("CustomLog", Shape.TAKE23, RSRC_CONF, _custom_log,
            'a file name, a custom log format string or format name, and an optional "env=" or "expr=" clause '
            "(see docs)"),
        Directive("GlobalLog", Shape.TAKE23, RSRC_CONF, _global_log,
            "Same as CustomLog, but forces virtualhosts to inherit the log", global_only=True),
        Directive("TransferLog", Shape.TAKE1, RSRC_CONF, _transfer_log, "the filename of the access log"),
        Directive("LogFormat", Shape.TAKE12, RSRC_CONF, _log_format,
            "a log format string (see docs) and an optional format name"),
        Directive("BufferedLogs", Shape.FLAG, RSRC_CONF, _buffered_logs, "Enable Buffered Logging (experimental)"),
    ),
    hooks=(
        Hook(
            Phase.HEADER_PARSER, look_up, Order.FIRST,
            applies=lambda settings: settings[CoreDir].hostname_lookups != "off",
        ),
        Hook(Phase.LOG, _log),
    ),
    server_settings=LogServer,
    post_config=check_directories,
    open_logs=open_logs,
)  # fmt: skip
