"""The pid file: which process is the server, and whether to believe it.

A file that names a dead process is stale. One that names a living process which is not a server of ours is not
believed either: numbers are used again, and a signal to a stranger would be worse than a second start. A server of
ours is told by its title or command line, which both begin with its name or run this package.
"""

from __future__ import annotations

import os
import re
import time

_OURS = rb"""(?x) \A (?: (?:[^\0]*/)? mpmserver [:\0]                 # the title, or the command itself
    | [^\0]+: [ ] master [ ] [^\0]+ [ ] \([^\0()]+\)                # the title with -n
    | [^\0]*python[^\0]*\0 -P\0 -c\0 [^\0]*'mpmserver[ ]stub'       # between two images
    | [^\0]*python[^\0]*\0 (?:-[^\0]*\0)* (?:[^\0]*/)? mpmserver (?:/__main__\.py)? \0 )  # python -m mpmserver
    """
"""What /proc/PID/cmdline begins with; an editor that has a file of ours open must not match."""


LOOKS, LOOK_SECONDS = 20, 0.005
"""A process that is being executed anew has no command line for a moment (as kernel threads never have one)."""


class CorruptPidFile(Exception):
    """The pid file has no number in it."""


def read(path: str) -> int | None:
    """Return the process id in the file, None without a file. Raises CorruptPidFile, OSError."""
    try:
        with open(path, "rb") as file:
            digits = file.read(64).strip()
    except FileNotFoundError:
        return None
    if not digits.isdigit() or int(digits) == 0:
        raise CorruptPidFile(path)
    return int(digits)


def is_server(pid: int) -> bool:
    """Whether this living process is a server of ours (and not ourselves, after a restart of the machine)."""
    if pid == os.getpid():
        return False
    try:
        for _look in range(LOOKS):
            with open(f"/proc/{pid}/stat", "rb") as file:
                state = file.read().rpartition(b") ")[2][:1]
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read(65536)
            if command or state == b"Z":
                break
            time.sleep(LOOK_SECONDS)
    except OSError:
        return False
    return state != b"Z" and is_ours(command)


def is_ours(command: bytes) -> bool:
    """Whether /proc/PID/cmdline says so: words that end with NUL, or a title that was written over them."""
    return re.match(_OURS, command) is not None


def write(path: str, pid: int) -> None:
    """Write the file anew, never through a link that somebody else has laid. Raises OSError."""
    temporary = f"{path}.{pid}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(temporary, flags, 0o644)
    with open(fd, "w") as file:
        file.write(f"{pid}\n")
    os.replace(temporary, path)


def remove(path: str) -> bool:
    """Remove the file where it names this process; True when it was removed."""
    try:
        if read(path) != os.getpid():
            return False
        os.unlink(path)
    except (CorruptPidFile, OSError):
        return False
    return True
