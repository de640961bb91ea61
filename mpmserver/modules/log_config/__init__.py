"""mod_log_config: access logs.

A format is compiled once into a tuple of pieces, text and functions (`format.py`, with the tokens in `items.py`);
logging a request is calling them and joining what they return. Sinks are opened in the parent (`open_logs.py`) and
inherited; the LOG hook only renders lines and hands them over, on the thread that served the request.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import Condition, compile_condition
from mpmserver.core.hostnames import look_up
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.settings import CoreDir, Level
from mpmserver.modules.log_config.format import FormatError, compile_format
from mpmserver.modules.log_config.open_logs import begin_child, check_directories, open_logs
from mpmserver.modules.log_config.settings import CustomLog, LogServer, Wanted


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
    wanted = None if condition is None else _condition(build, condition)
    if form is not None:
        _check_format(build, form)
    log = CustomLog(target, form, wanted, everywhere, build.origin)
    build.server(LogServer).append("logs", log)


def _condition(build: Build, text: str) -> Wanted:
    """What env=name, env=!name or expr=expression says; raises ConfigError."""
    kind, mark, rest = text.partition("=")
    if mark and kind.lower() == "env":
        name = rest.removeprefix("!")
        if not name:
            build.fail("missing environment variable name")
        return lambda x: (name in x.env) != rest.startswith("!")
    if mark and kind.lower() == "expr":
        if not rest:
            build.fail("missing condition")
        expression = compile_condition(build, rest)
        return lambda x: _holds(x, expression)
    return build.fail("error in condition clause")


def _holds(x: Exchange, condition: Condition) -> bool:
    """Whether a condition holds for a request that has been answered; one that fails doesn't."""
    value, failure = condition.evaluate(x)
    if failure is not None:
        x.server.log(Level.WARN, "log_config", f"AH00644: Error evaluating log condition: {failure}", x)
    return value


def _check_format(build: Build, text: str) -> None:
    try:
        compile_format(text)
    except FormatError as error:
        build.fail(str(error))


def _log(x: Exchange) -> None:
    """Write the request's lines; called for the first request of a chain, `x.last` being the one that answered."""
    for wanted, render, write in x.server[LogServer].compiled:
        if wanted is None or wanted(x):
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
    child_init=begin_child,
)  # fmt: skip
