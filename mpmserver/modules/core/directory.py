"""Directives that hold for a section: Options, handlers and types, ETags, ranges, what the server says of itself.

The checks and the complaints are Apache's. Called while the configuration is walked, and when a .htaccess file is
read.
"""

from __future__ import annotations

import re
import resource

from mpmserver.config.build import Build
from mpmserver.config.directive import (
    ACCESS_CONF,
    OR_ALL,
    OR_AUTHCFG,
    OR_FILEINFO,
    OR_OPTIONS,
    RSRC_CONF,
    Shape,
)
from mpmserver.config.errors import ConfigError
from mpmserver.config.numbers import atoi, atol, choice, on_off, whole
from mpmserver.config.settings import is_set
from mpmserver.config.syntax import words
from mpmserver.core.expr import compile_string
from mpmserver.core.settings import CoreDir, ETag, Options
from mpmserver.modules.core.table import directives

_INCLUDES = Options.INCLUDES | Options.INC_WITH_EXEC
OPTION_NAMES: dict[str, Options] = {
    "indexes": Options.INDEXES,
    "includes": _INCLUDES,
    "includesnoexec": Options.INCLUDES,
    "followsymlinks": Options.SYM_LINKS,
    "symlinksifownermatch": Options.SYM_OWNER,
    "execcgi": Options.EXEC_CGI,
    "multiviews": Options.MULTI,
    "runscripts": Options.MULTI | Options.EXEC_CGI,
    "none": Options.NONE,
    "all": Options.ALL,
}
_ABSOLUTE_ONLY = {
    "none": ("'Options None' must be the first Option given.", "You may not use 'Options +None' or 'Options -None'."),
    "all": ("'Options All' must be the first option given.", "You may not use 'Options +All' or 'Options -All'."),
}
_MIXED = "Either all Options must start with + or -, or no Option may."
_ETAG_NAMES = {
    "mtime": ETag.MTIME,
    "inode": ETag.INODE,
    "size": ETag.SIZE,
    "digest": ETag.DIGEST,
    "all": ETag.MTIME | ETag.INODE | ETag.SIZE,
    "none": ETag.NO_TAG,
}


def options(build: Build, arguments: str) -> None:
    """Options [+|-]option ...: absolute ones forget what was inherited, signed ones change it."""
    settings = build.dir(CoreDir)
    signed = whole_set = False
    for index, word in enumerate(words(arguments)):
        sign, name = (word[0], word[1:]) if word[:1] in ("+", "-") and word else ("", word)
        if (sign and not signed and index and not whole_set) or (not sign and signed):
            build.fail(_MIXED)
        signed = signed or bool(sign)
        if not sign and not index:
            settings.options, settings.options_add, settings.options_remove = 0, 0, 0
        option = _option(build, name, index, signed)
        whole_set = whole_set or name.lower() in _ABSOLUTE_ONLY
        if build.override_options is not None and option & ~build.override_options:
            build.fail(f"Option {name} not allowed here")
        _mark(settings, sign, int(option))


def _option(build: Build, name: str, index: int, signed: bool) -> Options:
    key = name.lower()
    if key in _ABSOLUTE_ONLY:
        not_first, with_sign = _ABSOLUTE_ONLY[key]
        if index or signed:
            build.fail(not_first if index else with_sign)
    if key not in OPTION_NAMES:
        build.fail(f"Illegal option {name}".rstrip())
    return OPTION_NAMES[key]


def _mark(settings: CoreDir, sign: str, option: int) -> None:
    """Keep the rule that no bit is both added and removed; an absolute value there is keeps step."""
    base = settings.options
    add, remove = settings.options_add or 0, settings.options_remove or 0
    if sign == "-":
        add, remove = add & ~option, remove | option
    elif sign == "+":
        add, remove = add | option, remove & ~option
    if is_set(base):
        settings.options = base & ~option if sign == "-" else base | option
    settings.options_add, settings.options_remove = add, remove


def file_etag(build: Build, arguments: str) -> None:
    """FileETag [+|-]component ...; an absolute component forgets the signed ones before it."""
    settings = build.dir(CoreDir)
    absolute: ETag | None = None
    for word in words(arguments):
        sign, name = (word[0], word[1:]) if word[:1] in ("+", "-") else ("", word)
        key = name.lower()
        if key not in _ETAG_NAMES:
            build.fail(f"Unknown keyword '{name}' for {build.name} directive")
        if sign and key in ("none", "all"):
            build.fail(f"FileETag keyword '{key.title()}' cannot be used with '+' or '-'")
        bit = _ETAG_NAMES[key]
        if not sign:
            absolute = bit if absolute is None or key == "none" else absolute | bit
            settings.etag_add = settings.etag_remove = 0
        else:
            _mark_etag(settings, sign, int(bit))
    if absolute is not None:
        settings.file_etag = int(absolute)


def _mark_etag(settings: CoreDir, sign: str, bit: int) -> None:
    add, remove = settings.etag_add or 0, settings.etag_remove or 0
    settings.etag_add = add | bit if sign == "+" else add & ~bit
    settings.etag_remove = remove & ~bit if sign == "+" else remove | bit


def accept_path_info(build: Build, text: str) -> None:
    complaint = "AcceptPathInfo must be set to on, off or default"
    build.dir(CoreDir).accept_path_info = choice(build, text, {"on": True, "off": False, "default": None}, complaint)


def add_default_charset(build: Build, text: str) -> None:
    """AddDefaultCharset On|Off|charset; On is ISO-8859-1."""
    named: dict[str, str | None] = {"on": "iso-8859-1", "off": None}
    build.dir(CoreDir).default_charset = named.get(text.lower(), text)


def set_handler(build: Build, name: str) -> None:
    """SetHandler name|none; the name is an expression, without the `expr=` that the manual has before it."""
    try:
        build.dir(CoreDir).handler = compile_string(build, name)
    except ConfigError as error:
        build.fail(f"Can't parse expression : {error.message}")


def force_type(build: Build, name: str) -> None:
    build.dir(CoreDir).forced_type = name.lower()


def set_output_filter(build: Build, names: str) -> None:
    build.dir(CoreDir).output_filters = _filters(names)


def set_input_filter(build: Build, names: str) -> None:
    build.dir(CoreDir).input_filters = _filters(names)


def _filters(names: str) -> tuple[str, ...]:
    """The names between semicolons; several of those in a row count as one. None is no special name, as in Apache."""
    found = re.split(";+", names)
    return tuple(found if found[-1] else found[:-1])


def default_type(build: Build, name: str) -> None:
    """DefaultType: gone since Apache 2.4, any type but `none` is warned about."""
    if name.lower() != "none":
        build.warn(
            f"AH00117: Ignoring deprecated use of DefaultType in line {build.origin.line} of {build.origin.file}."
        )


def content_digest(build: Build, on: bool) -> None:
    build.dir(CoreDir).content_digest = on


def enable_mmap(build: Build, text: str) -> None:
    build.dir(CoreDir).enable_mmap = on_off(build, text)


def enable_sendfile(build: Build, text: str) -> None:
    build.dir(CoreDir).enable_sendfile = on_off(build, text)


def server_signature(build: Build, text: str) -> None:
    names = {"off": "off", "on": "on", "email": "email"}
    build.dir(CoreDir).server_signature = choice(build, text, names, "ServerSignature: use one of: off | on | email")


def hostname_lookups(build: Build, text: str) -> None:
    names = {"on": "on", "off": "off", "double": "double"}
    build.dir(CoreDir).hostname_lookups = choice(build, text, names, "parameter must be 'on', 'off', or 'double'")


def use_canonical_name(build: Build, text: str) -> None:
    names = {"on": "on", "off": "off", "dns": "dns"}
    build.dir(CoreDir).use_canonical_name = choice(build, text, names, "parameter must be 'on', 'off', or 'dns'")


def use_canonical_physical_port(build: Build, text: str) -> None:
    build.dir(CoreDir).use_canonical_physical_port = on_off(build, text)


def cgi_pass_auth(build: Build, on: bool) -> None:
    build.dir(CoreDir).cgi_pass_auth = on


def cgi_var(build: Build, name: str, rule: str) -> None:
    """CGIVar REQUEST_URI original-uri|current-uri."""
    if name != "REQUEST_URI":
        build.fail(f'Unrecognized CGI variable: "{name}"')
    if rule not in ("current-uri", "original-uri"):
        build.fail("Valid rules for REQUEST_URI are 'current-uri' and 'original-uri'")
    settings = build.dir(CoreDir)
    settings.cgi_vars = {**(settings.cgi_vars or {}), name: rule}


def qualify_redirect_url(build: Build, on: bool) -> None:
    build.dir(CoreDir).qualify_redirect_url = on


_RANGE_FIELDS = {
    "maxranges": ("max_ranges", 200),
    "maxrangeoverlaps": ("max_range_overlaps", 20),
    "maxrangereversals": ("max_range_reversals", 20),
}


def max_ranges(build: Build, text: str) -> None:
    """MaxRanges, MaxRangeOverlaps, MaxRangeReversals: a number, none, default or unlimited."""
    field, default = _RANGE_FIELDS[build.name.lower()]
    value = {"none": 0, "default": default, "unlimited": -1}.get(text.lower())
    if value is None:
        value = atoi(text)
        if value <= 0:
            build.fail(f"{build.name} requires 'none', 'default', 'unlimited' or a positive integer")
    setattr(build.dir(CoreDir), field, value)


def read_buffer_size(build: Build, text: str) -> None:
    value = whole(text)
    if value is None or not 0 <= value < 2**32:
        build.fail(f"parameter must be a number between 0 and (4294967295U)): {text}")
    build.dir(CoreDir).read_buffer_size = value


_LIMITS = {
    "rlimitcpu": ("cpu", resource.RLIMIT_CPU),
    "rlimitmem": ("mem", resource.RLIMIT_AS),
    "rlimitnproc": ("nproc", resource.RLIMIT_NPROC),
}


def rlimit(build: Build, soft: str, hard: str | None = None) -> None:
    """RLimitCPU, RLimitMEM, RLimitNPROC: soft and hard limits of scripts; a zero changes nothing."""
    key, number = _LIMITS[build.name.lower()]
    current = resource.getrlimit(number)[1] if soft.lower() == "max" else atol(soft)
    most = None if hard is None else resource.getrlimit(number)[1] if hard.lower() == "max" else atol(hard)
    settings = build.dir(CoreDir)
    settings.rlimits = {**(settings.rlimits or {}), key: (current or None, most or None)}


DIRECTIVES = (
    *directives(
        RSRC_CONF | OR_FILEINFO,
        ("AddDefaultCharset", Shape.TAKE1, add_default_charset,
         "The name of the default charset to add to any Content-Type without one or 'Off' to disable"),
        ("AcceptPathInfo", Shape.TAKE1, accept_path_info,
         "Set to on or off for PATH_INFO to be accepted by handlers, or default for the per-handler preference"),
        ("DefaultType", Shape.TAKE1, default_type, "the default media type for otherwise untyped files (DEPRECATED)"),
        ("FileETag", Shape.RAW_ARGS, file_etag, "Specify components used to construct a file's ETag"),
        ("EnableMMAP", Shape.TAKE1, enable_mmap, "Controls whether memory-mapping may be used to read files"),
        ("EnableSendfile", Shape.TAKE1, enable_sendfile, "Controls whether sendfile may be used to transmit files"),
        ("CGIVar", Shape.TAKE2, cgi_var, "Controls how some CGI variables are set"),
        ("QualifyRedirectURL", Shape.FLAG, qualify_redirect_url,
         "Controls whether the REDIRECT_URL environment variable is fully qualified"),
        ("ForceType", Shape.TAKE1, force_type, "a mime type that overrides other configured type"),
        ("SetHandler", Shape.TAKE1, set_handler, "a handler name that overrides any other configured handler"),
        ("SetOutputFilter", Shape.TAKE1, set_output_filter,
         "filter (or ; delimited list of filters) to be run on the request content"),
        ("SetInputFilter", Shape.TAKE1, set_input_filter,
         "filter (or ; delimited list of filters) to be run on the request body"),
    ),
    *directives(
        RSRC_CONF | OR_OPTIONS,
        ("Options", Shape.RAW_ARGS, options, "Set a number of attributes for a given directory"),
        ("ContentDigest", Shape.FLAG, content_digest, "whether or not to send a Content-MD5 header with each request"),
    ),
    *directives(
        RSRC_CONF | ACCESS_CONF,
        ("ReadBufferSize", Shape.TAKE1, read_buffer_size, "Size (in bytes) of the memory buffers used to read data"),
        ("HostnameLookups", Shape.TAKE1, hostname_lookups,
         '"on" to enable, "off" to disable reverse DNS lookups, or "double" to enable double-reverse DNS lookups'),
        ("UseCanonicalName", Shape.TAKE1, use_canonical_name,
         "How to work out the ServerName : Port when constructing URLs"),
        ("UseCanonicalPhysicalPort", Shape.TAKE1, use_canonical_physical_port,
         "Whether to use the physical Port when constructing URLs"),
        ("MaxRanges", Shape.TAKE1, max_ranges,
         "Maximum number of Ranges in a request before returning the entire resource, or 0 for unlimited"),
        ("MaxRangeOverlaps", Shape.TAKE1, max_ranges,
         "Maximum number of overlaps in Ranges in a request before returning the entire resource, or 0 for unlimited"),
        ("MaxRangeReversals", Shape.TAKE1, max_ranges,
         "Maximum number of reversals in Ranges in a request before returning the entire resource, or 0 for unlimited"),
    ),
    *directives(
        RSRC_CONF | OR_ALL,
        ("ServerSignature", Shape.TAKE1, server_signature, "En-/disable server signature (on|off|email)"),
        ("RLimitCPU", Shape.TAKE12, rlimit, "Soft/hard limits for max CPU usage in seconds"),
        ("RLimitMEM", Shape.TAKE12, rlimit, "Soft/hard limits for max memory usage per process"),
        ("RLimitNPROC", Shape.TAKE12, rlimit, "soft/hard limits for max number of processes per uid"),
    ),
    *directives(
        ACCESS_CONF | OR_AUTHCFG,
        ("CGIPassAuth", Shape.FLAG, cgi_pass_auth,
         "Controls whether HTTP authorization headers, normally hidden, will be passed to scripts"),
    ),
)  # fmt: skip
