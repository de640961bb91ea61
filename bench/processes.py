"""What processes use: the CPU time and the memory of a server with all its children, from /proc.

CPU time is user plus system time of every process of a tree, those that ended and were waited for included, in
ticks of 10 ms: a measurement should last a second or more.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _UTIME, _CSTIME = 1, 11, 15
"""Fields of /proc/PID/stat behind the command's closing parenthesis (proc_pid_stat(5))."""
_IDLE = (3, 4)
"""Fields of the first line of /proc/stat that are no work: idle and iowait."""


def tree(root: int) -> list[int]:
    """The process `root` and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _fields(int(entry))):
            children.setdefault(int(fields[_PARENT]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time that a process tree has used so far."""
    return sum(sum(map(int, _fields(pid)[_UTIME : _CSTIME + 1])) for pid in tree(root)) / TICK


def machine_seconds() -> float:
    """What all processors have worked so far, for whomever."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    return sum(int(ticks) for number, ticks in enumerate(fields) if number not in _IDLE) / TICK


def own_seconds() -> float:
    """What this process and the children that it has waited for have used so far."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def private_kib(pid: int) -> int:
    """Memory that a process shares with nobody, in KiB."""
    return _rollup(pid, "Private_Clean:", "Private_Dirty:")


def resident_kib(pid: int) -> int:
    """All memory of a process that is in RAM, what it shares included, in KiB."""
    return _rollup(pid, "Rss:")


def _rollup(pid: int, *names: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
