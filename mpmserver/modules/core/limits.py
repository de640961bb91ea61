"""LimitRequest*, LimitInternalRecursion and LogLevel: how much, how deep, how loud."""

from __future__ import annotations

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, OR_ALL, RSRC_CONF, Shape
from mpmserver.config.numbers import atoi, atol, whole
from mpmserver.core.settings import CoreDir, CoreServer, Level, LogLevels
from mpmserver.modules.core.table import directives

_HEAD_LIMITS = {
    "limitrequestline": ("limit_request_line", ""),
    "limitrequestfieldsize": ("limit_request_field_size", ""),
    "limitrequestfields": ("limit_request_fields", " (0 = no limit)"),
}
_LEVELS = {level.name.lower(): level for level in Level}
_LEVEL_COMPLAINT = (
    "Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8"
)


def head_limit(build: Build, text: str) -> None:
    """LimitRequestLine, LimitRequestFieldSize, LimitRequestFields."""
    field, remark = _HEAD_LIMITS[build.name.lower()]
    value = atoi(text)
    if value < 0:
        build.fail(f'{build.name} "{text}" must be a non-negative integer{remark}')
    setattr(build.server(CoreServer), field, value)


def limit_request_body(build: Build, text: str) -> None:
    value = whole(text)
    if value is not None and abs(value) >= 2**63:
        build.fail("LimitRequestBody argument is not parsable.")
    if value is None or value < 0:
        build.fail("LimitRequestBody requires a non-negative integer.")
    build.dir(CoreDir).limit_request_body = value


def limit_xml_request_body(build: Build, text: str) -> None:
    value = atol(text)
    if value < 0:
        build.fail("LimitXMLRequestBody requires a non-negative integer.")
    build.dir(CoreDir).limit_xml_request_body = value


def limit_internal_recursion(build: Build, redirects: str, subrequests: str | None = None) -> None:
    """LimitInternalRecursion number [number]: redirects, subrequests; one figure is for both."""
    server = build.server(CoreServer)
    for field, text in (("limit_internal_redirects", redirects), ("limit_subrequests", subrequests or redirects)):
        if atoi(text) <= 0:
            build.fail("The recursion limit must be greater than zero.")
        setattr(server, field, atoi(text))


def log_level(build: Build, text: str) -> None:
    """LogLevel [module:]level ...; a level without a module takes the modules' before it back."""
    name, colon, keyword = text.rpartition(":")
    levels = _current(build)
    if not colon:
        changed = LogLevels(_level(build, keyword, ""))
    else:
        if not keyword:
            build.fail(f"Module specifier '{name}' must be followed by a log level keyword")
        level = _level(build, keyword, f"{name}:{keyword}: ")
        module = _module(build, name)
        others = tuple(pair for pair in levels.modules if pair[0] != module)
        changed = LogLevels(levels.default, (*others, (module, level)))
    if build.in_section:
        build.dir(CoreDir).log_levels = changed
    else:
        build.server(CoreServer).log_levels = changed


def _current(build: Build) -> LogLevels:
    found = build.dir(CoreDir).log_levels if build.in_section else build.server(CoreServer).log_levels
    return found or LogLevels()


def _level(build: Build, keyword: str, prefix: str) -> Level:
    level = _LEVELS.get(keyword.lower())
    if level is None:
        build.fail(prefix + _LEVEL_COMPLAINT)
    return level


def _module(build: Build, name: str) -> str:
    """The short name of a loaded module, given as that, as identifier or as source file."""
    modules = build.configuration.modules
    found = next((each for each in modules if name in (each.name, each.identifier, each.source)), None)
    if found is None:
        build.fail(f"Cannot find module {name}")
    return str(found.name)


DIRECTIVES = (
    *directives(
        RSRC_CONF,
        ("LimitRequestLine", Shape.TAKE1, head_limit, "Limit on maximum size of an HTTP request line"),
        ("LimitRequestFieldsize", Shape.TAKE1, head_limit, "Limit on maximum size of an HTTP request header field"),
        ("LimitRequestFields", Shape.TAKE1, head_limit,
         "Limit (0 = unlimited) on max number of header fields in a request message"),
        ("LimitInternalRecursion", Shape.TAKE12, limit_internal_recursion,
         "maximum recursion depth of internal redirects and subrequests"),
    ),
    *directives(
        RSRC_CONF | OR_ALL,
        ("LimitRequestBody", Shape.TAKE1, limit_request_body,
         "Limit (in bytes) on maximum size of request message body"),
        ("LimitXMLRequestBody", Shape.TAKE1, limit_xml_request_body,
         "Limit (in bytes) on maximum size of an XML-based request body"),
    ),
    *directives(
        RSRC_CONF | ACCESS_CONF,
        ("LogLevel", Shape.ITERATE, log_level, "Level of verbosity in error logging"),
    ),
)  # fmt: skip
