"""Directives about the server's processes: files it keeps, what its children may take, and knobs without effect here.

What only tunes Apache's own machinery (mutexes, memory pools, output flushing) is checked as Apache checks it,
kept where a report may want it, and changes nothing.
"""

from __future__ import annotations

import os

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Shape
from mpmserver.config.numbers import atoi, whole
from mpmserver.config.syntax import words
from mpmserver.core.mpm_settings import MpmSettings
from mpmserver.core.settings import CoreServer
from mpmserver.modules.core.table import directives

_MECHANISMS = (
    "Mutex mechanisms are: 'none', 'default', 'flock:/path/to/file', 'fcntl:/path/to/file', 'file:/path/to/file', "
    "'pthread', 'sysvsem', 'posixsem', 'sem'"
)
_MUTEX_PLAIN = frozenset(("none", "default", "pthread", "sysvsem", "posixsem", "sem", "file", "flock", "fcntl"))
_MUTEX_FILES = frozenset(("flock", "fcntl", "file"))
_MUTEX_TYPES = frozenset(("default", "mpm-accept", "watchdog-callback"))
_MUTEXES_OF_MODULES = {"auth_digest": "authdigest-client", "rewrite": "rewrite-map"}
_REGEX_OPTIONS = {"ICASE": "i", "DOTALL": "s", "DOLLAR_ENDONLY": "D"}


def pid_file(build: Build, name: str) -> None:
    build.main(CoreServer).pid_file = name


def score_board_file(build: Build, name: str) -> None:
    build.main(MpmSettings).score_board_file = build.resolve(name)


def core_dump_directory(build: Build, name: str) -> None:
    path = build.resolve(name)
    if not os.path.exists(path):
        build.fail(f"CoreDumpDirectory {path} does not exist")
    if not os.path.isdir(path):
        build.fail(f"CoreDumpDirectory {path} is not a directory")
    build.main(CoreServer).core_dump_directory = path


def extended_status(build: Build, on: bool) -> None:
    build.main(CoreServer).extended_status = on


def see_request_tail(build: Build, on: bool) -> None:
    build.main(CoreServer).see_request_tail = on


def max_connections_per_child(build: Build, text: str) -> None:
    build.main(MpmSettings).max_connections_per_child = atoi(text)


def max_mem_free(build: Build, text: str) -> None:
    build.main(MpmSettings).max_mem_free = _not_negative(build, text)


def thread_stack_size(build: Build, text: str) -> None:
    build.main(MpmSettings).thread_stack_size = _not_negative(build, text)


def _not_negative(build: Build, text: str) -> int:
    value = atoi(text)
    if value < 0:
        build.fail(f"Invalid {build.name} value: {text}")
    return value


def accept_filter(build: Build, protocol: str, name: str) -> None:
    main = build.main(MpmSettings)
    main.accept_filters = {**(main.accept_filters or {}), protocol.lower(): name}


def mutex(build: Build, *arguments: str) -> None:
    """Mutex mechanism [name] ...: checked; the processes here share no mutex."""
    if not arguments:
        build.fail(f"Mutex requires at least a mechanism argument ({_MECHANISMS})")
    mechanism, colon, path = arguments[0].partition(":")
    key = mechanism.lower()
    if key not in (_MUTEX_FILES if colon else _MUTEX_PLAIN):
        build.fail(f"Invalid Mutex argument {arguments[0]} ({_MECHANISMS})")
    if colon and not os.path.isdir(build.resolve(path)):
        build.fail(f"Invalid Mutex directory in argument {arguments[0]}")
    names = [name for name in arguments[1:] if name.lower() != "default"] or ["default"]
    loaded = {module.name for module in build.configuration.modules}
    types = _MUTEX_TYPES | {name for module, name in _MUTEXES_OF_MODULES.items() if module in loaded}
    for name in names:
        if name.lower() not in types:
            build.fail(f"Mutex type {name} is not valid")
        if key == "none" and name.lower() != "mpm-accept":
            build.fail(f"None is not allowed for mutex type {name}")


def flush_max_threshold(build: Build, text: str) -> None:
    value = whole(text)
    if value is None or not 0 <= value < 2**32:
        build.fail(f"parameter must be a number between 0 and (4294967295U)): {text}")


def flush_max_pipelined(build: Build, text: str) -> None:
    value = whole(text)
    if value is None or not -1 <= value < 2**31:
        build.fail(f"parameter must be a number between -1 and (2147483647): {text}")


def regex_default_options(build: Build, arguments: str) -> None:
    """RegexDefaultOptions [none] [+|-]option ...: for the expressions that are compiled from here on."""
    policy = build.configuration.regexes
    for word in words(arguments):
        sign, name = (word[0], word[1:]) if word[:1] in ("+", "-") else ("", word)
        if name.lower() == "none" and not sign:
            policy.options = frozenset()
            continue
        option = _REGEX_OPTIONS.get(name.upper())
        if option is None:
            build.fail(f"RegexDefaultOptions: option '{name}' unknown")
        # One without a sign stands alone, whatever the manual says.
        kept = policy.options if sign else frozenset()
        policy.options = kept - {option} if sign == "-" else kept | {option}


DIRECTIVES = (
    *directives(
        RSRC_CONF,
        ("FlushMaxThreshold", Shape.TAKE1, flush_max_threshold,
         "Maximum threshold above which pending data are flushed to the network"),
        ("FlushMaxPipelined", Shape.TAKE1, flush_max_pipelined,
         "Maximum number of pipelined responses (pending) above which they are flushed to the network"),
    ),
    *directives(
        RSRC_CONF,
        ("AcceptFilter", Shape.TAKE2, accept_filter, "Set the Accept Filter to use for a protocol"),
        ("CoreDumpDirectory", Shape.TAKE1, core_dump_directory,
         "The location of the directory Apache changes to before dumping core"),
        ("ExtendedStatus", Shape.FLAG, extended_status,
         '"On" to track extended status information, "Off" to disable'),
        ("SeeRequestTail", Shape.FLAG, see_request_tail,
         'For extended status, "On" to see the last 63 chars of the request line, "Off" (default) to see the first 63'),
        ("PidFile", Shape.TAKE1, pid_file, "A file for logging the server process ID"),
        ("ScoreBoardFile", Shape.TAKE1, score_board_file,
         "A file for Apache to maintain runtime process management information"),
        ("MaxRequestsPerChild", Shape.TAKE1, max_connections_per_child,
         ("Maximum number of connections a particular child serves before dying. "
         "(DEPRECATED, use MaxConnectionsPerChild)")),
        ("MaxConnectionsPerChild", Shape.TAKE1, max_connections_per_child,
         "Maximum number of connections a particular child serves before dying."),
        ("MaxMemFree", Shape.TAKE1, max_mem_free,
         "Maximum number of 1k blocks a particular child's allocator may hold."),
        ("ThreadStackSize", Shape.TAKE1, thread_stack_size,
         "Size in bytes of stack used by threads handling client connections"),
        ("RegexDefaultOptions", Shape.RAW_ARGS, regex_default_options,
         "default options for regexes (prefixed by '+' to add, '-' to del)"),
        ("Mutex", Shape.TAKE_ARGV, mutex, 'mutex (or "default") and mechanism'),
        global_only=True,
    ),
)  # fmt: skip
