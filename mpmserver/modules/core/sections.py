"""The sections: <VirtualHost>, <Directory>, <Files>, <Location>, their Match forms, and <Limit>.

Each makes the `Section` (or `HostConfig`) that its children fill, walks them, and only then complains about
superfluous arguments, as Apache does. What a section is matched against, and when, is `core/resolve.py`'s.
Called once per section while the configuration is walked, and for .htaccess files when they are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from mpmserver.config.build import SERVER_OVERRIDE, Build
from mpmserver.config.directive import OR_ALL, OR_AUTHCFG, OR_LIMIT, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.fnmatch import Match, has_wildcards, translate
from mpmserver.config.regex import Regex
from mpmserver.config.sections import HostConfig, Section, SectionKind
from mpmserver.config.settings import UNSET
from mpmserver.config.syntax import take_word
from mpmserver.core.settings import CoreServer
from mpmserver.core.vhost import Report, name_of, parse_addresses
from mpmserver.http.limits import REGISTERED_METHODS
from mpmserver.records import dataclass

_GET_INCLUDES = {"HEAD": "GET"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What differs between the sections that match something."""

    plain: SectionKind
    regex: SectionKind
    wildcard: Match
    always_regex: bool = False
    forbidden: tuple[str, ...] = ()


_DIRECTORY = (SectionKind.DIRECTORY, SectionKind.DIRECTORY_MATCH, Match.PATHNAME)
_FILES = (SectionKind.FILES, SectionKind.FILES_MATCH, Match.PLAIN)
_LOCATION = (SectionKind.LOCATION, SectionKind.LOCATION_MATCH, Match.PATHNAME)
_NOT_FILES = ("<Location", "<LocationMatch", "<Limit")
_FORMS = {
    "<directory": _Form(*_DIRECTORY),
    "<directorymatch": _Form(*_DIRECTORY, always_regex=True),
    "<files": _Form(*_FILES, forbidden=_NOT_FILES),
    "<filesmatch": _Form(*_FILES, always_regex=True, forbidden=_NOT_FILES),
    "<location": _Form(*_LOCATION),
    "<locationmatch": _Form(*_LOCATION, always_regex=True),
}


def matching_section(build: Build, arguments: str) -> None:
    """<Directory>, <Files>, <Location> and their Match forms."""
    form = _FORMS[build.name.lower()]
    build.forbid_within(*form.forbidden)
    _require(build, arguments)
    pattern, rest = take_word(arguments)
    is_regex = form.always_regex
    if pattern == "~":
        is_regex = True
        pattern, rest = take_word(rest)
    section = _section(build, form, pattern, is_regex)
    place = {"path": section.path} if section.path is not None else {}
    build.enter(section, build.name, **place).walk(build.node.children or ())
    if rest:
        build.fail(f"Multiple {build.name}> arguments not (yet) supported.")
    _keep(build, section)


def _require(build: Build, arguments: str) -> None:
    if not arguments:
        build.fail(f"{build.name}> directive requires additional arguments")


def _section(build: Build, form: _Form, pattern: str, is_regex: bool) -> Section:
    if is_regex:
        return Section(form.regex, pattern, build.origin, regex=_compiled(build, pattern))
    section = Section(form.plain, pattern, build.origin)
    if form.plain is SectionKind.DIRECTORY:
        section.pattern = "/" + os.path.abspath(pattern).lstrip("/")
        section.path = section.pattern.rstrip("/") + "/"
    if has_wildcards(section.pattern):
        section.regex = re.compile(rf"\A(?:{translate(section.pattern, form.wildcard)})\Z", re.DOTALL)
    return section


def _compiled(build: Build, pattern: str) -> Regex:
    """A regular expression; what can't be compiled is refused in Apache's words, with the reason of the translator."""
    try:
        return build.regex(pattern)
    except ConfigError:
        build.fail("Regex could not be compiled")


def _keep(build: Build, section: Section) -> None:
    """Put a finished section where the walk of its kind looks for it."""
    if section.kind in (SectionKind.DIRECTORY, SectionKind.DIRECTORY_MATCH):
        build.host.directories.append(section)
    elif section.kind in (SectionKind.LOCATION, SectionKind.LOCATION_MATCH):
        build.host.locations.append(section)
    elif build.section.kind is SectionKind.SERVER:
        build.host.files.append(section)
    else:
        build.section.files.append(section)


def virtual_host(build: Build, arguments: str) -> None:
    """<VirtualHost addr[:port] ...>."""
    build.forbid_within("<VirtualHost")
    _require(build, arguments)
    host = HostConfig(build.origin, arguments)
    core = host.settings(CoreServer)
    core.addresses = parse_addresses(arguments, build.origin, build.main(CoreServer).server_port or 0, _reporter(build))
    if core.addresses:
        core.server_port = core.addresses[0].port
    inner = build.enter(host.defaults, build.name, host=host, override=SERVER_OVERRIDE)
    inner.walk(build.node.children or ())
    if not core.server_name:
        core.server_name = name_of(core.addresses, _reporter(build)) or UNSET  # type: ignore[assignment]
    build.configuration.virtual_hosts.append(host)


def _reporter(build: Build) -> Report:
    return lambda _level, message: build.warn(message)


@dataclass(frozen=True, slots=True)
class _Methods:
    """A set of methods: those named, or all but those named."""

    names: frozenset[str]
    others: bool

    def within(self, outer: _Methods) -> _Methods:
        """The methods of both sets."""
        if self.others and outer.others:
            return _Methods(self.names | outer.names, True)
        if self.others:
            return _Methods(outer.names - self.names, False)
        return _Methods(self.names - outer.names if outer.others else self.names & outer.names, False)

    def is_empty(self) -> bool:
        return not self.others and not self.names


def limit(build: Build, arguments: str) -> None:
    """<Limit> and <LimitExcept>: what is inside holds for some methods only. HEAD goes with GET."""
    _require(build, arguments)
    excepted = build.name.lower() == "<limitexcept"
    methods = set()
    while arguments:
        method, arguments = take_word(arguments)
        if method == "TRACE" and not excepted:
            build.fail("TRACE cannot be controlled by <Limit>, see TraceEnable")
        if not _is_registered(build, method):
            if build.in_htaccess:
                build.fail(f"Could not register method '{method}' for {build.name} from .htaccess configuration")
            build.main(CoreServer).append("http_methods", method)
        methods.add(_GET_INCLUDES.get(method, method))
    outer = _Methods(frozenset(), True) if build.limited is None else _Methods(build.limited, build.limit_except)
    both = _Methods(frozenset(methods), excepted).within(outer)
    if both.is_empty():
        build.fail(f"{build.name}> directive excludes all methods")
    if both == outer:
        build.fail(f"{build.name}> directive specifies methods already excluded")
    inner = build.enter(build.section, build.name, limited=both.names, limit_except=both.others)
    inner.walk(build.node.children or ())


def _is_registered(build: Build, method: str) -> bool:
    return method in REGISTERED_METHODS or method in (build.main(CoreServer).http_methods or ())


_ANYWHERE = OR_ALL | RSRC_CONF
_METHODS = OR_LIMIT | OR_AUTHCFG
_DIRECTORIES_HELP = "Container for directives affecting resources located in the specified directories"
_PATHS_HELP = "Container for directives affecting resources accessed through the specified URL paths"
_FILES_HELP = "Container for directives affecting files matching specified patterns"
_TABLE: tuple[tuple[str, int, Callable[[Build, str], None], str], ...] = (
    ("<Directory", RSRC_CONF, matching_section, _DIRECTORIES_HELP),
    ("<Location", RSRC_CONF, matching_section, _PATHS_HELP),
    ("<VirtualHost", RSRC_CONF, virtual_host,
     "Container to map directives to a particular virtual host, takes one or more host addresses"),
    ("<Files", _ANYWHERE, matching_section, _FILES_HELP),
    ("<Limit", _METHODS, limit, "Container for authentication directives when accessed using specified HTTP methods"),
    ("<LimitExcept", _METHODS, limit,
     ("Container for authentication directives to be applied when any HTTP method other than those specified "
     "is used to access the resource")),
    ("<DirectoryMatch", RSRC_CONF, matching_section, _DIRECTORIES_HELP),
    ("<LocationMatch", RSRC_CONF, matching_section, _PATHS_HELP),
    ("<FilesMatch", _ANYWHERE, matching_section, _FILES_HELP),
)  # fmt: skip

DIRECTIVES = tuple(Directive(name, Shape.RAW_ARGS, where, apply, text) for name, where, apply, text in _TABLE)
