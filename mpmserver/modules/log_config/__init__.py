"""mod_log_config: access logs.

A format is compiled once into texts and tokens (`format.py`, with the tokens in `items.py`); logging a request is
filling a template with what the tokens say. Answers from memory are logged by templates of their own, in which little
is left to say (`recollect.py`). Sinks are opened in the parent (`open_logs.py`) and inherited; the LOG hook only
renders lines and hands them over, on the thread that served the request.
"""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.core.exchange import Exchange
from mpmserver.core.expr import Condition, compile_condition
from mpmserver.core.hostnames import look_up
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.recall.recollection import RememberedLine
from mpmserver.core.settings import CoreDir, Level
from mpmserver.modules.log_config.format import FormatError, compile_format
from mpmserver.modules.log_config.open_logs import begin_child, check_directories, open_logs
from mpmserver.modules.log_config.recollect import remembered_line
from mpmserver.modules.log_config.settings import CustomLog, LogServer, Wanted
from mpmserver.records import dataclass


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
        return _InEnvironment(name, not rest.startswith("!"))
    if mark and kind.lower() == "expr":
        if not rest:
            build.fail("missing condition")
        return _Holds(compile_condition(build, rest))
    return build.fail("error in condition clause")


@dataclass(frozen=True, slots=True)
class _InEnvironment:
    """env=name: the variable is there, or it isn't."""

    name: str
    expected: bool
    is_pure = True

    def __call__(self, x: Exchange) -> bool:
        return (self.name in x.env) is self.expected


@dataclass(frozen=True, slots=True)
class _Holds:
    """expr=expression: it holds when the request has been answered; one that fails doesn't."""

    condition: Condition

    @property
    def is_pure(self) -> bool:
        return self.condition.is_pure

    def __call__(self, x: Exchange) -> bool:
        value, failure = self.condition.evaluate(x)
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
    for log in x.server[LogServer].compiled:
        wanted = log.wanted
        if wanted is None or wanted(x):
            log.write(log.render(x))


def _remember(x: Exchange) -> list[RememberedLine] | None:
    """How the lines of a remembered answer are written."""
    if x.client_ip != x.peer.remote[0]:
        return None
    remembered: list[RememberedLine] = []
    for log in x.server[LogServer].compiled:
        if log.wanted is not None:
            if not log.wanted.is_pure:
                return None
            if not _decided(log.wanted, x):
                continue
        line = remembered_line(log.format, log.write, x)
        if line is None:
            return None
        remembered.append(line)
    return remembered


def _decided(wanted: Wanted, x: Exchange) -> bool:
    """What a pure condition says of all requests like this one: with the same values of the fields it asks for."""
    headers = x.request.headers
    if x.memo is not None:
        headers.asked = x.memo.asked
    try:
        return wanted(x)
    finally:
        headers.asked = None


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
        Hook(Phase.LOG, _log, remember=_remember),
    ),
    server_settings=LogServer,
    post_config=check_directories,
    open_logs=open_logs,
    child_init=begin_child,
)  # fmt: skip
