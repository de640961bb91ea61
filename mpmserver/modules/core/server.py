"""Directives of a server as a whole: its names, its root, its time limits, what it says about itself.

Each row of the tables is a directive with the function that checks and keeps its argument; the checks and the
complaints are Apache's. Called while the configuration is walked, in the parent.
"""

from __future__ import annotations

import os
import re

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_ALL, RSRC_CONF, Shape
from mpmserver.config.fnmatch import has_wildcards
from mpmserver.config.numbers import atoi, choice
from mpmserver.config.settings import UNSET
from mpmserver.config.syntax import words
from mpmserver.core.errorlog import add_format
from mpmserver.core.settings import CoreServer
from mpmserver.modules.core.table import directives

_SCHEME = re.compile(r"([A-Za-z0-9+.-]+)://")
TOKENS = {
    "off": None, "prod": "Prod", "productonly": "Prod", "major": "Major", "minor": "Minor", "min": "Min",
    "minimal": "Min", "os": "OS", "full": "Full",
}  # fmt: skip
_TOKENS_COMPLAINT = "ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'"
_PROTOCOL_CHOICES = (
    ("strict", "unsafe", "HttpProtocolOptions 'Strict' and 'Unsafe' are mutually exclusive"),
    ("registeredmethods", "lenientmethods",
     "HttpProtocolOptions 'RegisteredMethods' and 'LenientMethods' are mutually exclusive"),
    ("allow0.9", "require1.0", "HttpProtocolOptions 'Allow0.9' and 'Require1.0' are mutually exclusive"),
)  # fmt: skip


def server_name(build: Build, name: str) -> None:
    """ServerName [scheme://]host[:port]."""
    if has_wildcards(name):
        build.fail(f'Invalid ServerName "{name}" use ServerAlias to set multiple server names.')
    server = build.server(CoreServer)
    scheme = _SCHEME.match(name)
    host, colon, port = name[scheme.end() if scheme else 0 :].partition(":")
    if colon and not 0 < atoi(port) < 65536:
        build.fail(f'The port number "{name}" is outside the appropriate range (i.e., 1..65535).')
    server.server_port = atoi(port) if colon else 0  # without one not even <VirtualHost>'s port holds
    server.server_scheme = scheme[1].lower() if scheme else UNSET  # type: ignore[assignment]
    server.server_name = host.lower()


def server_alias(build: Build, arguments: str) -> None:
    """ServerAlias name ..."""
    if "<VirtualHost" not in build.within:
        build.fail("ServerAlias only used in <VirtualHost>")
    server = build.server(CoreServer)
    server.server_aliases = (*(server.server_aliases or ()), *words(arguments))


def server_path(build: Build, path: str) -> None:
    build.server(CoreServer).server_path = path


def server_admin(build: Build, address: str) -> None:
    build.server(CoreServer).server_admin = address


def document_root(build: Build, path: str) -> None:
    """DocumentRoot: has to exist, but in a <VirtualHost> where a warning does."""
    resolved = build.resolve(path)
    if not os.path.isdir(resolved) and build.configuration.check_document_roots:
        if "<VirtualHost" not in build.within:
            build.fail(f"DocumentRoot '{resolved}' is not a directory, or is not readable")
        build.warn(f"AH00112: Warning: DocumentRoot [{resolved}] does not exist")
    build.server(CoreServer).document_root = resolved


def timeout(build: Build, text: str) -> None:
    """Timeout in seconds, which Apache reads without any check."""
    build.server(CoreServer).timeout = float(max(atoi(text), 0))


def access_file_name(build: Build, arguments: str) -> None:
    build.server(CoreServer).access_file_names = tuple(words(arguments))


def allow_encoded_slashes(build: Build, text: str) -> None:
    names = {"on": "On", "off": "Off", "nodecode": "NoDecode"}
    complaint = "AllowEncodedSlashes must be On, Off, or NoDecode"
    build.server(CoreServer).allow_encoded_slashes = choice(build, text, names, complaint)


def error_log(build: Build, *names: str) -> None:
    """ErrorLog: file, "|program", syslog[:facility[:tag]]."""
    (name,) = names
    build.server(CoreServer).error_log = name


def server_tokens(build: Build, text: str) -> None:
    value = choice(build, text, TOKENS, _TOKENS_COMPLAINT)
    if value is None:
        build.fail(_TOKENS_COMPLAINT)
    build.main(CoreServer).server_tokens = value


def trace_enable(build: Build, text: str) -> None:
    names = {"on": "on", "off": "off", "extended": "extended"}
    complaint = "TraceEnable must be one of 'on', 'off', or 'extended'"
    build.server(CoreServer).trace_enable = choice(build, text, names, complaint)


def http_protocol_options(build: Build, text: str) -> None:
    """HttpProtocolOptions, one word at a time: of each pair only one may be said."""
    server = build.server(CoreServer)
    said = set(server.http_protocol_words or ())
    word = text.lower()
    for one, other, complaint in _PROTOCOL_CHOICES:
        if word in (one, other):
            if (other if word == one else one) in said:
                build.fail(complaint)
            break
    else:
        build.fail(
            "HttpProtocolOptions accepts 'Unsafe' or 'Strict' (default), 'RegisteredMethods' or 'LenientMethods' "
            "(default), and 'Require1.0' or 'Allow0.9' (default)"
        )
    server.http_protocol_words = frozenset((*said, word))
    if word in ("strict", "unsafe"):
        server.http_strict = word == "strict"
    elif word in ("registeredmethods", "lenientmethods"):
        server.http_registered_methods = word == "registeredmethods"
    else:
        server.http_allow_09 = word == "allow0.9"


def register_http_method(build: Build, method: str) -> None:
    main = build.main(CoreServer)
    main.http_methods = (*(main.http_methods or ()), method)


def protocols(build: Build, name: str) -> None:
    server = build.server(CoreServer)
    if name not in (server.protocols or ()):
        server.protocols = (*(server.protocols or ()), name)


def protocols_honor_order(build: Build, text: str) -> None:
    choice(build, text, {"on": True, "off": False}, "ProtocolsHonorOrder must be 'on' or 'off'")


def protocol(build: Build, name: str) -> None:
    """Protocol http|https: what the listeners of this server speak."""
    build.server(CoreServer).protocol = name.lower()


def merge_slashes(build: Build, on: bool) -> None:
    build.server(CoreServer).merge_slashes = on


def merge_trailers(build: Build, on: bool) -> None:
    build.server(CoreServer).merge_trailers = on


def strict_host_check(build: Build, on: bool) -> None:
    build.server(CoreServer).strict_host_check = on


def name_virtual_host(build: Build, _address: str) -> None:
    build.warn(f"AH00548: NameVirtualHost has no effect and will be removed in the next release {build.origin}")


def port(build: Build, _port: str) -> None:
    build.fail("Port was replaced with Listen in Apache 2.0")


def error(build: Build, arguments: str) -> None:
    """Error message: refuses the configuration with it."""
    if not arguments:
        build.fail("The Error directive was used with no message.")
    given = words(arguments)
    build.fail(given[0] if len(given) == 1 else arguments)


DIRECTIVES = directives(
    RSRC_CONF,
    ("AccessFileName", Shape.RAW_ARGS, access_file_name,
     "Name(s) of per-directory config files (default: .htaccess)"),
    ("DocumentRoot", Shape.TAKE1, document_root, "Root directory of the document tree"),
    ("Port", Shape.TAKE1, port, "Port was replaced with Listen in Apache 2.0"),
    ("Protocol", Shape.TAKE1, protocol, "Set the Protocol for httpd to use."),
    ("ServerAdmin", Shape.TAKE1, server_admin, "The email address of the server administrator"),
    ("ServerName", Shape.TAKE1, server_name, "The hostname and port of the server"),
    ("ErrorLog", Shape.TAKE1, error_log, "The filename of the error log"),
    ("ErrorLogFormat", Shape.TAKE12, add_format, "Format string for the ErrorLog"),
    ("ServerAlias", Shape.RAW_ARGS, server_alias, "A name or names alternately used to access the server"),
    ("ServerPath", Shape.TAKE1, server_path, "The pathname the server can be reached at"),
    ("Timeout", Shape.TAKE1, timeout, "Timeout duration (sec)"),
    ("NameVirtualHost", Shape.TAKE1, name_virtual_host, "A numeric IP address:port, or the name of a host"),
    ("AllowEncodedSlashes", Shape.TAKE1, allow_encoded_slashes, "Allow URLs containing '/' encoded as '%2F'"),
    ("TraceEnable", Shape.TAKE1, trace_enable, "'on' (default), 'off' or 'extended' to trace request body content"),
    ("MergeTrailers", Shape.FLAG, merge_trailers, "merge request trailers into request headers or not"),
    ("Protocols", Shape.ITERATE, protocols, "Controls which protocols are allowed"),
    ("ProtocolsHonorOrder", Shape.TAKE1, protocols_honor_order,
     ("'off' (default) or 'on' to respect given order of protocols, by default the client specified order determines "
     "selection")),
    ("HttpProtocolOptions", Shape.ITERATE, http_protocol_options,
     ("'Allow0.9' or 'Require1.0' (default); 'RegisteredMethods' or 'LenientMethods' (default); 'Unsafe' or 'Strict' "
     "(default). Sets HTTP acceptance rules")),
    ("MergeSlashes", Shape.FLAG, merge_slashes,
     "Controls whether consecutive slashes in the URI path are merged"),
    ("StrictHostCheck", Shape.FLAG, strict_host_check, "Controls whether a hostname match is required"),
) + directives(
    RSRC_CONF,
    ("ServerTokens", Shape.TAKE1, server_tokens,
     "Determine tokens displayed in the Server: header - Min(imal), Major, Minor, Prod(uctOnly), OS, or Full"),
    ("RegisterHttpMethod", Shape.ITERATE, register_http_method, "Registers non-standard HTTP methods"),
    global_only=True,
) + directives(
    OR_ALL | RSRC_CONF,
    ("Error", Shape.RAW_ARGS, error, "Generate error message from within configuration"),
)  # fmt: skip
