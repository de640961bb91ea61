"""-k: signals for the server that the pid file names, in Apache's words (ap_signal_server)."""

from __future__ import annotations

import errno
import os
import signal

from mpmserver.commands.common import complain
from mpmserver.process import pidfile

SIGNALS = {
    "stop": signal.SIGTERM,
    "graceful-stop": signal.SIGWINCH,
    "restart": signal.SIGHUP,
    "graceful": signal.SIGUSR1,
}
STARTING = frozenset({"start", "restart", "graceful"})


def signal_server(word: str, path: str, shown_path: str) -> int | None:
    """Do what -k says to a running server; returns the exit status, None where a server must be started now.

    `path` is the pid file, `shown_path` as the configuration names it.
    """
    try:
        pid = pidfile.read(path)
    except pidfile.CorruptPidFile:
        complain(
            "(20014)Internal error (specific information not available): "
            f"AH00058: Error retrieving pid file {shown_path}"
        )
        complain("AH00059: Remove it before continuing if it is corrupted.")
        return 1
    except OSError as error:
        complain(f"({error.errno}){error.strerror}: AH00058: Error retrieving pid file {shown_path}")
        complain("AH00059: Remove it before continuing if it is corrupted.")
        return 1
    running = pid is not None and pidfile.is_server(pid)
    if word == "start":
        if running:
            print(f"httpd (pid {pid}) already running")
        return 0 if running else None
    if running:
        assert pid is not None
        return _send(pid, SIGNALS[word])
    if word in STARTING:
        print("httpd not running, trying to start")
        return None
    print(f"httpd ({'no pid file' if pid is None else f'pid {pid}?'}) not running")
    return 0


def _send(pid: int, number: int) -> int:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return 0
    except PermissionError:
        complain(f"({errno.EPERM}){os.strerror(errno.EPERM)}: AH00061: sending signal to server")
        return 1
    return 0
