"""A compiled configuration: servers with finished settings, ready to be asked by requests.

`Site` is made once in the parent (`Site(configuration)`) and inherited by every child through fork; nothing
in it changes afterwards but the bounded caches of merged settings, which belong to the process.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from mpmserver.config.build import Configuration
from mpmserver.config.node import Origin
from mpmserver.config.regex import is_plain
from mpmserver.config.sections import Applied, HostConfig, Section, SectionKind
from mpmserver.config.settings import Settings
from mpmserver.core.module import Module, Phase
from mpmserver.core.plan import Plan, sort_hooks
from mpmserver.core.settings import CoreDir, CoreServer, Level, Options, effective, log_levels
from mpmserver.http.limits import HeadLimits

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

S = TypeVar("S", bound=Settings)
Tables = dict[type[Settings], Settings]
Sections = tuple[Section, ...]
MERGED_CACHE_SIZE = 4096
FINISHED_CACHE_SIZE = 4 * MERGED_CACHE_SIZE

_WALKS: Final = {
    SectionKind.DIRECTORY: 1, SectionKind.DIRECTORY_MATCH: 1, SectionKind.HTACCESS: 1,
    SectionKind.FILES: 2, SectionKind.FILES_MATCH: 2,
    SectionKind.LOCATION: 3, SectionKind.LOCATION_MATCH: 3,
    SectionKind.IF: 4,
}  # fmt: skip
"""Which of Apache's walks finds a section; the server's own come before them all."""

_OF_FOLDERS: Final = frozenset({
    SectionKind.SERVER, SectionKind.DIRECTORY, SectionKind.DIRECTORY_MATCH, SectionKind.HTACCESS,
})  # fmt: skip


class ErrorLog(Protocol):
    """Where a server's error messages go."""

    def write(self, server: Server, level: Level, module: str, message: str, exchange: Exchange | None) -> None:
        """Write one message; `message` begins with its AH number where Apache's has one ("AH00128: ...")."""

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        """Whether a message of this level would be written."""


class Merged:
    """The finished settings of one combination of sections: `merged[MimeDir].types`.

    Equal combinations give the same object, so a request can compare by identity. `sections` are those that
    were merged, outermost first; their `applied` lists lead back to the directives.
    """

    __slots__ = (
        "core", "files", "files_are_plain", "ifs", "is_final", "is_of_folders", "links_by_owner", "links_free",
        "may_override", "plan", "sections", "server", "tables",
    )  # fmt: skip

    plan: Plan
    """What is run for a request with these settings."""
    files_are_plain: bool
    """Whether asking `files` has no effect but its answer: no group becomes a variable, no match is given up."""

    def __init__(self, server: Server, sections: Sections, tables: Tables) -> None:
        self.server = server
        self.sections = sections
        self.tables = tables
        core = self.core = self[CoreDir]
        options = effective(core.options, core.options_add, core.options_remove, int(Options.SYM_LINKS))
        self.links_free = bool(options & Options.SYM_LINKS)
        """Options FollowSymLinks: no link need be looked at."""
        self.links_by_owner = bool(options & Options.SYM_OWNER)
        self.may_override = bool(core.override) or bool(core.override_list)
        """Whether .htaccess files are read. Without any AllowOverride (OR_UNSET) they are, as in Apache, which then
        refuses whatever stands in them."""
        self.files: Sections = (*server.files, *(inner for section in sections for inner in section.files))
        """The <Files> and <FilesMatch> to be asked for a file below these sections."""
        self.is_final = not (self.files or server.directory_matches or server.locations)
        """Whether the walk over directories is all: no other section can join these."""
        found = (section for section in sections if section.kind is not SectionKind.IF)
        self.ifs: Sections = (*server.ifs, *(inner for section in found for inner in section.ifs))
        """The <If>s to be asked for a request with these sections, and what follows them; not those inside others."""
        self.is_of_folders = all(section.kind in _OF_FOLDERS for section in sections)
        """Whether two requests for files of one folder share all of these sections."""

    def __getattr__(self, name: str) -> Any:
        """Make what is made when the first request asks for it; from then on it is there."""
        if name == "plan":
            self.plan = Plan(self.server.site.hooks, self)
        elif name == "files_are_plain":
            self.files_are_plain = all(section.regex is None or is_plain(section.regex) for section in self.files)
        else:
            raise AttributeError(name)
        return getattr(self, name)

    def __getitem__(self, kind: type[S]) -> S:
        return self.tables[kind]  # type: ignore[return-value]

    def origins(self, module: str) -> tuple[Applied, ...]:
        """The directives of one module that these settings were made from."""
        return tuple(use for section in self.sections for use in section.applied if use.module == module)

    def logs(self, level: Level, module: str) -> bool:
        """Whether LogLevel lets a message be written for a request with these settings."""
        return level <= log_levels(self.server.core, self.core).of(module)


class Server:
    """The main server or a virtual host: `server[CoreServer].timeout`; `defaults` is what holds outside of sections."""

    __slots__ = (
        "_cache", "config", "core", "defaults", "directories", "directory_matches", "document_root",
        "error_log", "files", "has_early_ifs", "has_pre_translate", "head_limits", "ifs", "index", "is_virtual",
        "locations", "name_bytes", "origin", "site", "tables",
    )  # fmt: skip

    def __init__(self, site: Site, index: int, config: HostConfig) -> None:
        main = site.configuration.main
        self.site = site
        self.index = index
        self.config = config
        self.is_virtual = config is not main
        self.origin: Origin = config.origin
        layers = [main] if not self.is_virtual else [main, config]
        self.tables: Tables = {
            kind: _merged(kind, [layer.tables[kind] for layer in layers if kind in layer.tables]).finished()
            if kind in config.tables or not self.is_virtual else site.main.tables[kind]
            for kind in site.server_kinds
        }  # fmt: skip
        """What a virtual host says nothing about is the main server's own object."""
        core = self.core = self[CoreServer]
        self.name_bytes = (core.server_name or "").encode()
        """What the scoreboard calls it; the connection adds its port."""
        self.document_root = (core.document_root or site.configuration.path("htdocs")).rstrip("/") + "/"
        """Where URIs without any other mapping lead to, with a slash at its end."""
        self.head_limits = HeadLimits(
            line=core.limit_request_line,
            fields=core.limit_request_fields,
            field_size=core.limit_request_field_size,
            strict=core.http_strict,
            require_methods="RegisteredMethods" if core.http_registered_methods else "LenientMethods",
            allow09=core.http_allow_09,
        )
        self.error_log: ErrorLog | None = None
        directories = [section for layer in layers for section in layer.directories]
        self.directories = sorted(
            (section for section in directories if section.kind is SectionKind.DIRECTORY),
            key=lambda section: section.pattern.rstrip("/").count("/"),
        )
        self.directory_matches = [section for section in directories if section.kind is SectionKind.DIRECTORY_MATCH]
        self.files = [section for layer in layers for section in layer.files]
        self.locations = [section for layer in layers for section in layer.locations]
        self.ifs = [section for layer in layers for section in layer.ifs]
        self.has_early_ifs = bool(self.ifs) or any(section.ifs for section in self.locations)
        """Whether there are <If>s that are asked before a request has a file name."""
        self._cache: OrderedDict[Sections, Merged] = OrderedDict()
        self.defaults = self.merge(tuple(layer.defaults for layer in layers))
        self.has_pre_translate = self._has_pre_translate()
        """Whether any module looks at a path before it is unescaped."""

    def __getitem__(self, kind: type[S]) -> S:
        return self.tables[kind]  # type: ignore[return-value]

    def _has_pre_translate(self) -> bool:
        """Ask the hooks of PRE_TRANSLATE about all settings that may hold there, so far as one <Location> tells."""
        steps = self.site.hooks[Phase.PRE_TRANSLATE]
        if not steps:
            return False
        chosen = ((), tuple(self.locations), *((section,) for section in self.locations))
        merged = [self.merge(self.defaults.sections + sections) for sections in chosen]
        return any(step.hook.applies(settings) for settings in merged for step in steps)

    def merge(self, sections: Sections) -> Merged:
        """Return the merged settings of these sections, outermost first; the same object for the same sections."""
        cache = self._cache
        found = cache.get(sections)
        if found is None:
            found = cache[sections] = Merged(self, sections, self.site.tables_of(sections))
            if len(cache) > MERGED_CACHE_SIZE:
                cache.popitem(last=False)
        return found

    def log(
        self,
        level: Level,
        module: str,
        message: str,
        exchange: Exchange | None = None,
        cause: Exchange | None = None,
    ) -> None:
        """Write to this server's error log where its LogLevel (of the module, the section) lets it.

        `cause`: the request that has led to a message which doesn't speak of it. An answer is not remembered where a
        message was written on its way, for each request like it would write one.
        """
        if self.error_log is None:
            return
        memo = getattr(exchange or cause, "memo", None)
        if memo is not None and (level == Level.NOTICE or self.error_log.logs(level, module, exchange)):
            memo.refuse("message in error log")
        self.error_log.write(self, level, module, message, exchange)

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        """Whether a message would be written: for those who would rather not make it in vain."""
        return self.error_log is not None and self.error_log.logs(level, module, exchange)


class Site:
    """All servers of one configuration, the modules, and the order of their hooks."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.modules: tuple[Module, ...] = tuple(configuration.modules)
        mpms = [mpm for module in configuration.modules if (mpm := getattr(module, "mpm", None)) is not None]
        self.threaded = any(mpm.threaded for mpm in mpms)
        """Whether the MPM answers on several threads of a process."""
        self.server_kinds = _kinds([module.server_settings for module in self.modules], CoreServer)
        self.dir_kinds = _kinds([module.dir_settings for module in self.modules], None)
        self.hooks = sort_hooks(self.modules)
        self.checks_by_uri = any(module.checks_by_uri for module in self.modules)
        self.providers: dict[tuple[str, str], Any] = {
            key: value for module in self.modules for key, value in module.providers.items()
        } | configuration.providers
        self.filters = {filter.name.lower(): filter for module in self.modules for filter in module.filters}
        self._tables: OrderedDict[Sections, Tables] = OrderedDict()
        """What sections come to, by those that have any settings: a virtual host often has none of its own."""
        self._finished: OrderedDict[tuple[type[Settings], Sections], Settings] = OrderedDict()
        """The settings of each module by the sections that have any: most sections say nothing about most modules."""
        self.main = Server(self, 0, configuration.main)
        self.servers = (
            self.main,
            *(Server(self, index, host) for index, host in enumerate(configuration.virtual_hosts, 1)),
        )

    def tables_of(self, sections: Sections) -> Tables:
        """The finished settings of all modules; the same objects where the same sections have any."""
        key = tuple([section for section in sections if section.tables])
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = {kind: self._finish(kind, key) for kind in self.dir_kinds}
            if len(self._tables) > MERGED_CACHE_SIZE:
                self._tables.popitem(last=False)
        return found

    def _finish(self, kind: type[Settings], sections: Sections) -> Settings:
        """The finished settings of one module."""
        key = (kind, tuple([section for section in sections if kind in section.tables]))
        found = self._finished.get(key)
        if found is None:
            found = self._finished[key] = _finish_walks(*key)
            if len(self._finished) > FINISHED_CACHE_SIZE:
                self._finished.popitem(last=False)
        return found


def _kinds(kinds: list[type[Settings] | None], also: type[Settings] | None) -> tuple[type[Settings], ...]:
    return tuple(dict.fromkeys(kind for kind in (*kinds, also) if kind is not None))


def _walk_of(section: Section) -> int:
    return _WALKS.get(section.kind, 0) + section.depth


def _finish_walks(kind: type[Settings], sections: Sections) -> Settings:
    """Merge the layers of one kind, outermost first, and fill in defaults.

    What one walk found is merged with each other before it meets the outer ones. Apache does so, and where merging
    forgets something on its way (UnsetEnv) it can be seen. The server's own layer is always there, if only to be merged
    with (IndexOptions' plus and minus). `sections` are those that have such settings.
    """
    layers = [_merged(kind, [section.tables[kind] for section in walk]) for _, walk in groupby(sections, _walk_of)]
    if layers and _walk_of(sections[0]):
        layers.insert(0, kind())
    return _merged(kind, layers).finished()


def _merged(kind: type[Settings], layers: list[Settings]) -> Settings:
    merged = layers[0] if layers else kind()
    for layer in layers[1:]:
        merged = kind.merge(merged, layer)
    return merged
