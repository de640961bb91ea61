"""The settings that the core itself reads: one class for servers, one for sections.

The directives that fill them are in `modules/core/`; the fields are named after the directives.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Self

from mpmserver.config.directive import OR_UNSET
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.expr import StringExpression


class Options(enum.IntFlag):
    """The bits of the Options directive."""

    NONE = 0
    INDEXES = 1
    INCLUDES = 2
    SYM_LINKS = 4
    EXEC_CGI = 8
    INC_WITH_EXEC = 16
    SYM_OWNER = 32
    MULTI = 64
    ALL = INDEXES | INCLUDES | SYM_LINKS | EXEC_CGI | INC_WITH_EXEC


class Level(enum.IntEnum):
    """LogLevel's names; a message is written when its level is at most the configured one."""

    EMERG = 0
    ALERT = 1
    CRIT = 2
    ERROR = 3
    WARN = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7
    TRACE1 = 8
    TRACE2 = 9
    TRACE3 = 10
    TRACE4 = 11
    TRACE5 = 12
    TRACE6 = 13
    TRACE7 = 14
    TRACE8 = 15


@dataclass(frozen=True, slots=True)
class LogLevels:
    """A default level and those of single modules (by name without mod_: "rewrite")."""

    default: Level | None = None
    """None where only modules were named: the enclosing default holds, in the end `warn`."""
    modules: tuple[tuple[str, Level], ...] = ()

    def of(self, module: str) -> Level:
        for name, level in self.modules:
            if name == module:
                return level
        return Level.WARN if self.default is None else self.default


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """Seconds for one stage; 0 for no limit of its own. `min_rate` bytes buy one more second, up to `most`."""

    initial: float = 0
    most: float = 0
    min_rate: int = 0


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What RequestReadTimeout says of the head and of the body."""

    head: ReadLimit = ReadLimit()
    body: ReadLimit = ReadLimit()


class ETag(enum.IntFlag):
    """The bits of FileETag; NO_TAG is its keyword None, which counts only where nothing else is left."""

    INODE = 1
    MTIME = 2
    SIZE = 4
    DIGEST = 8
    NO_TAG = 16


_OF_ONE_HOST = ("server_aliases", "addresses", "server_path")
"""What a <VirtualHost> does not inherit from the main server."""


@dataclass(slots=True)
class CoreServer(Settings):
    """Core settings of a server; a <VirtualHost> inherits what it doesn't set."""

    server_name: str | None = setting(None)
    server_scheme: str | None = setting(None)
    server_port: int = setting(0)
    """The port in ServerName, 0 where it names none."""
    server_admin: str = setting("[no address given]")
    server_aliases: tuple[str, ...] = setting(())
    addresses: tuple[Any, ...] = setting(())
    """The `core.vhost.HostAddress`es of a <VirtualHost>."""
    server_path: str | None = setting(None)
    document_root: str | None = setting(None)
    timeout: float = setting(60.0)
    """Seconds."""
    keep_alive: bool = setting(True)
    keep_alive_timeout: float = setting(5.0)
    """Seconds."""
    max_keep_alive_requests: int = setting(100)
    limit_request_line: int = setting(8190)
    limit_request_fields: int = setting(100)
    limit_request_field_size: int = setting(8190)
    http_strict: bool = setting(True)
    http_registered_methods: bool = setting(False)
    http_allow_09: bool = setting(True)
    http_protocol_words: frozenset[str] = setting(frozenset())
    """HttpProtocolOptions as said, in lower case: opposites may not both be."""
    merge_slashes: bool = setting(True)
    merge_trailers: bool = setting(False)
    allow_encoded_slashes: str = setting("Off")
    """On, Off or NoDecode."""
    trace_enable: str = setting("on")
    """on, off or extended."""
    error_log: str | None = setting(None)
    """File relative to ServerRoot, "|program", "syslog[:...]" or None for the main server's."""
    error_log_format: tuple[tuple[str, str], ...] = setting(())
    """(kind, format) pairs; the kind is "" for the messages, "request" or "connection" for what precedes the first."""
    log_levels: LogLevels = setting(LogLevels())
    access_file_names: tuple[str, ...] = setting((".htaccess",))
    protocol: str = setting("http")
    """Protocol: what the server's listeners speak."""
    protocols: tuple[str, ...] = setting(("http/1.1",))
    limit_internal_redirects: int = setting(10)
    limit_subrequests: int = setting(10)
    strict_host_check: bool = setting(False)
    request_read_timeout: ReadLimits | None = setting(None)
    """mod_reqtimeout's limits; None where the module is not loaded."""

    # These hold for the whole process: main server only.
    server_tokens: str = setting("Full")
    user: str | None = setting(None)
    group: str | None = setting(None)
    pid_file: str = setting("logs/httpd.pid")
    core_dump_directory: str | None = setting(None)
    extended_status: bool = setting(True)
    see_request_tail: bool = setting(False)
    types_config: str | None = setting(None)
    http_methods: tuple[str, ...] = setting((), merge="append")
    """RegisterHttpMethod's."""
    chroot_dir: str | None = setting(None)
    recall: bool = setting(True)
    """Whether answers are remembered."""
    recall_size: int | None = setting(None)
    """How many bytes of them a process keeps at most; None is `auto`."""
    recall_revalidate: float = setting(2.0)
    """After so many seconds a remembered answer's files are looked at, whatever the kernel has told; 0 is each time."""

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        if is_set(outer.log_levels) and is_set(inner.log_levels):
            merged.log_levels = merge_levels(outer.log_levels, inner.log_levels) or LogLevels()
        if outer.error_log_format and inner.error_log_format:
            named = {kind for kind, _format in inner.error_log_format}
            kept = tuple(pair for pair in outer.error_log_format if pair[0] not in named)
            merged.error_log_format = (*kept, *inner.error_log_format)
        for name in _OF_ONE_HOST:
            setattr(merged, name, getattr(inner, name))
        return merged


@dataclass(slots=True)
class CoreDir(Settings):
    """Core settings of a section."""

    options: int = setting(int(Options.SYM_LINKS))
    options_add: int = setting(0)
    options_remove: int = setting(0)
    override: int = setting(OR_UNSET)
    """The OR_* classes that .htaccess may use (NONFATAL_* bits included)."""
    override_options: int = setting(int(Options.ALL | Options.SYM_OWNER | Options.MULTI))
    override_list: frozenset[str] | None = setting(None)
    """Lower-case names from AllowOverrideList."""
    accept_path_info: bool | None = setting(None)
    """None is Default: what the handler thinks."""
    handler: StringExpression | None = setting(None)
    """SetHandler; "none" takes an outer one back."""
    forced_type: str | None = setting(None)
    """ForceType; "none" takes an outer one back."""
    default_charset: str | None = setting(None)
    """AddDefaultCharset; None is Off."""
    output_filters: tuple[str, ...] | None = setting(None)
    input_filters: tuple[str, ...] | None = setting(None)
    file_etag: int | None = setting(None)
    """ETag bits; None is the default (MTIME SIZE)."""
    etag_add: int = setting(0)
    etag_remove: int = setting(0)
    error_documents: dict[int, StringExpression | None] = setting({}, merge="update")
    """Status to a text (begins with a quote), a path of this server (a slash), or a URL; None is `default`."""
    server_signature: str = setting("off")
    """off, on or email."""
    use_canonical_name: str = setting("off")
    """off, on or dns."""
    use_canonical_physical_port: bool = setting(False)
    hostname_lookups: str = setting("off")
    limit_request_body: int = setting(1 << 30)
    limit_xml_request_body: int = setting(1_000_000)
    max_ranges: int = setting(200)
    """0 is none, -1 unlimited."""
    max_range_overlaps: int = setting(20)
    max_range_reversals: int = setting(20)
    enable_sendfile: bool = setting(False)
    enable_mmap: bool = setting(True)
    log_levels: LogLevels | None = setting(None)
    cgi_pass_auth: bool = setting(False)
    cgi_vars: dict[str, str] = setting({}, merge="update")
    rlimits: dict[str, tuple[int | None, int | None]] = setting({}, merge="update")
    """"cpu", "mem", "nproc" to (soft, hard)."""
    qualify_redirect_url: bool = setting(False)
    content_digest: bool = setting(False)
    read_buffer_size: int = setting(8192)

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        _merge_marks(merged, outer, inner, "options", "options_add", "options_remove")
        _merge_marks(merged, outer, inner, "file_etag", "etag_add", "etag_remove")
        _narrow_includes(merged, inner)
        if is_set(outer.log_levels) and is_set(inner.log_levels):
            merged.log_levels = merge_levels(outer.log_levels, inner.log_levels)
        return merged


def _merge_marks(merged: CoreDir, outer: CoreDir, inner: CoreDir, bits: str, add: str, remove: str) -> None:
    """Options and FileETag: an absolute value forgets all that was outside, +x and -x join what was there."""
    if is_set(getattr(inner, bits)):
        setattr(merged, add, getattr(inner, add))
        setattr(merged, remove, getattr(inner, remove))
        return
    inner_add, inner_remove = _bits(inner, add), _bits(inner, remove)
    setattr(merged, add, (_bits(outer, add) & ~inner_remove) | inner_add)
    setattr(merged, remove, (_bits(outer, remove) & ~inner_add) | inner_remove)


def _narrow_includes(merged: CoreDir, inner: CoreDir) -> None:
    """+IncludesNOEXEC takes the outer section's right to execute away."""
    asked = Options(_bits(inner, "options_add"))
    if not is_set(inner.options) and Options.INCLUDES in asked and Options.INC_WITH_EXEC not in asked:
        merged.options_add &= ~int(Options.INC_WITH_EXEC)
        merged.options_remove |= int(Options.INC_WITH_EXEC)


def _bits(settings: CoreDir, name: str) -> int:
    value = getattr(settings, name)
    return int(value) if is_set(value) else 0


def effective(bits: int | None, add: int, remove: int, default: int) -> int:
    """The bits of Options or FileETag in finished settings."""
    return ((default if bits is None else bits) & ~remove) | add


def effective_options(settings: CoreDir) -> Options:
    """The Options that hold: of finished settings."""
    return Options(effective(settings.options, settings.options_add, settings.options_remove, int(Options.SYM_LINKS)))


def merge_levels(outer: LogLevels | None, inner: LogLevels | None) -> LogLevels | None:
    """Levels of modules join, the inner ones win; a default level set inside forgets all that was outside."""
    if outer is None or inner is None:
        return inner if outer is None else outer
    if inner.default is not None:
        return inner
    named = {name for name, _level in inner.modules}
    kept = tuple(pair for pair in outer.modules if pair[0] not in named)
    return LogLevels(outer.default, (*kept, *inner.modules))


def log_levels(server: CoreServer, section: CoreDir | None) -> LogLevels:
    """The levels that hold for a request with these finished settings; `section` is None outside of requests."""
    merged = merge_levels(server.log_levels, None if section is None else section.log_levels)
    return LogLevels() if merged is None else merged
