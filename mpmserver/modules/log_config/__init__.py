"""mod_log_config: access logs.

A format is compiled once into a tuple of pieces, text and functions (`format.py`, with the tokens in `items.py`);
logging a request is calling them and joining what they return. Each CustomLog is one `AccessLog` value: format, sink and
condition. Sinks are opened in the parent (`open_logs`) and inherited.
"""

from __future__ import annotations

from typing import Any

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.modules.log_config.format import FormatError, compile_format
from mpmserver.modules.log_config.settings import COMMON, CustomLog, LogServer


def _log_format(build: Build, text: str, name: str | None = None) -> None:
    settings = build.server(LogServer)
    try:
        compile_format(text)
    except FormatError as error:
        build.fail(str(error))
    if name is None:
        settings.default_format = text
        return
    settings.table("formats")[name] = text


def _custom_log(build: Build, target: str, form: str | None = None, condition: str | None = None) -> None:
    settings = build.server(LogServer)
    _add(build, settings, target, form, condition, "logs")


def _global_log(build: Build, target: str, form: str | None = None, condition: str | None = None) -> None:
    if build.host is not build.configuration.main:
        build.fail(f"{build.name} cannot occur within <VirtualHost> section")
    _add(build, build.server(LogServer), target, form, condition, "global_logs")


def _transfer_log(build: Build, target: str) -> None:
    _add(build, build.server(LogServer), target, None, None, "logs")


def _buffered_logs(build: Build, on: bool) -> None:
    build.main(LogServer).buffered = on


def _add(
    build: Build, settings: LogServer, target: str, form: str | None, condition: str | None, where: str
) -> None:
    variable, negate = None, False
    if condition is not None:
        if condition.lower().startswith("env="):
            variable = condition[4:]
            negate = variable.startswith("!")
            variable = variable.removeprefix("!")
            if not variable:
                build.fail("missing environment variable name")
        elif condition.lower().startswith("expr="):
            build.fail("expr= needs the expression language, which this version does not have")
        else:
            build.fail("error in condition clause")
    if form is not None and "%" in form:
        try:
            compile_format(form)
        except FormatError as error:
            build.fail(str(error))
    log = CustomLog(target, form, variable, negate, build.origin)
    settings.append(where, log)


def _open_logs(site: Any, opener: Any) -> None:
    """Compile every server's logs and open their sinks; raises ConfigError where one can't be opened."""
    main: LogServer = site.main[LogServer]
    root = site.configuration.server_root
    for server in site.servers:
        own: LogServer = server[LogServer]
        formats = {"CLF": COMMON, **main.formats, **own.formats}
        logs = (*own.logs, *main.global_logs)
        own.compiled = tuple(_compile(log, own, formats, opener, root) for log in logs)


def _compile(log: CustomLog, own: LogServer, formats: dict[str, str], opener: Any, root: str) -> Any:
    form = log.format if log.format is not None else own.default_format
    compiled = compile_format(formats.get(form, form))
    try:
        sink = opener.open(log.target, root)
    except (OSError, ValueError) as error:
        name = log.target if log.target.startswith("|") else f"file {log.target}"
        raise ConfigError(f"could not open transfer log {name}: {error}", log.origin) from None
    return (log.variable, log.negate, compiled, sink.write)


def _log(x: Exchange) -> None:
    for variable, negate, compiled, write in x.server[LogServer].compiled:
        if variable is not None and (variable in x.last.env or variable in x.env) == negate:
            continue
        write(compiled(x))


MODULE = Module(
    "log_config",
    directives=(
        Directive("CustomLog", Shape.TAKE23, RSRC_CONF, _custom_log,
            "a file name, a custom log format string or format name, and an optional \"env=\" or \"expr=\" clause (see docs)"),
        Directive("GlobalLog", Shape.TAKE23, RSRC_CONF, _global_log, "Same as CustomLog, but forces virtualhosts to inherit the log"),
        Directive("TransferLog", Shape.TAKE1, RSRC_CONF, _transfer_log, "the filename of the access log"),
        Directive("LogFormat", Shape.TAKE12, RSRC_CONF, _log_format, "a log format string (see docs) and an optional format name"),
        Directive("BufferedLogs", Shape.FLAG, RSRC_CONF, _buffered_logs, "Enable Buffered Logging (experimental)"),
    ),
    hooks=(Hook(Phase.LOG, _log, Order.MIDDLE),),
    server_settings=LogServer,
    open_logs=_open_logs,
)  # fmt: skip
