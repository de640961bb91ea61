"""-v, -V and -l: answered without importing a module of the server."""

from __future__ import annotations

import os
import platform
import struct
import time

from mpmserver import __version__
from mpmserver.commands.options import DEFAULT_FILE, Options, default_root
from mpmserver.modules.standard import BUILT_IN, DEFAULT_MPM, is_mpm, source_of

APACHE_VERSION = "2.4.71"
MAGIC_NUMBER = "20120211:142"


def version(options: Options) -> int:
    """-v"""
    _print_version()
    return 0


def _print_version() -> None:
    built = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(os.stat(__file__).st_mtime))
    print(f"Server version: Apache/{APACHE_VERSION} (mpmserver {__version__})")
    print(f"Server built:   {built}")


def settings(options: Options) -> int:
    """-V"""
    from mpmserver.commands.peek import chosen_mpm  # noqa: PLC0415 (it reads the configuration: -v and -l don't)

    mpm = chosen_mpm(options)
    runtime = f"{platform.python_implementation()} {platform.python_version()}"
    _print_version()
    print(f"Server's Module Magic Number: {MAGIC_NUMBER}")
    print(f"Server loaded:  {runtime}")
    print(f"Compiled using: {runtime}")
    print(f"Architecture:   {struct.calcsize('P') * 8}-bit")
    print(f"Server MPM:     {mpm or ''}")
    if mpm:
        threads, forked = THREADED.get(mpm, THREADED[DEFAULT_MPM])
        print(f"  threaded:     {threads}")
        print(f"    forked:     {forked}")
    print("Server compiled with....")
    for define in DEFINES:
        print(f" -D {define}")
    for name, value in PATHS.items():
        print(f' -D {name}="{value}"')
    return 0


_FIXED, _VARIABLE = "yes (fixed thread count)", "yes (variable process count)"
THREADED = {
    "prefork": ("no", _VARIABLE),
    "worker": (_FIXED, _VARIABLE),
    "event": (_FIXED, _VARIABLE),
    "reactor": (_FIXED, "yes (fixed process count)"),
}
DEFINES = (
    "APR_HAS_SENDFILE",
    "APR_HAS_MMAP",
    "APR_HAVE_IPV6 (IPv4-mapped addresses enabled)",
    "SINGLE_LISTEN_UNSERIALIZED_ACCEPT",
    "APR_HAS_OTHER_CHILD",
    "AP_HAVE_RELIABLE_PIPED_LOGS",
)
PATHS = {
    "HTTPD_ROOT": default_root(),
    "DEFAULT_PIDLOG": "logs/httpd.pid",
    "DEFAULT_ERRORLOG": "logs/error_log",
    "AP_TYPES_CONFIG_FILE": "conf/mime.types",
    "SERVER_CONFIG_FILE": DEFAULT_FILE,
}


def built_in(options: Options) -> int:
    """-l"""
    print("Compiled in modules:")
    for identifier in BUILT_IN:
        if not is_mpm(identifier) or identifier == f"mpm_{options.mpm or DEFAULT_MPM}_module":
            print(f"  {source_of(identifier)}")
    return 0
