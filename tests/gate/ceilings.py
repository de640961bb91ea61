"""How much a request may cost: the one table that is reviewed when something becomes dearer, or cheaper.

Each ceiling is about a tenth above what was counted when it was set. Frames are calls of Python functions, bytecodes
the instructions that CPython executed; both are the same at each run, and differ from one minor version of Python to
the next: a version that has no column here is not held against it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

VERSION = sys.version_info[:2]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one request, on average."""

    frames: float
    bytecodes: float


#: By version of Python, by case of `inside.py`.
INSIDE: Mapping[tuple[int, int], Mapping[str, Cost]] = {
    (3, 11): {
        "recalled": Cost(8, 295),
        "recalled, with a look at the files": Cost(8, 455),
        "recalled by its resource": Cost(11.5, 485),
        "recalled in brief": Cost(14, 680),
        "file": Cost(127, 3_850),
        ".htaccess at four levels": Cost(234, 7_490),
        "redirect": Cost(138, 4_390),
        "redirect on a watched way": Cost(148, 4_500),
        "script": Cost(180, 5_260),
        "script that was found before": Cost(178, 4_950),
        "not found": Cost(127, 3_730),
    },
}

#: Bytes by which memory may have grown behind a thousand recalled answers. Counted: 0.
KEPT_BYTES = 512

#: System calls of a hot keep-alive request, one client that waits for each answer; what is not named may not be made.
CALLS: Mapping[str, Mapping[str, float]] = {
    "prefork": {"recvfrom": 1, "sendto": 1, "newfstatat": 5, "write": 1},
    "worker": {"recvfrom": 1, "sendto": 1, "epoll_wait": 1, "write": 1},
    "event": {"recvfrom": 1, "sendto": 1, "epoll_wait": 1, "write": 1},
    "reactor": {"recvfrom": 1, "sendto": 1, "epoll_wait": 1, "write": 1},
}

#: The same with sixteen clients that ask at once: the log is written, and the poller asked, for several together.
CALLS_TOGETHER: Mapping[str, float] = {"epoll_wait": 0.5, "write": 0.5}

#: What is made now and then, whatever is asked (timers, the allocator), may come to so many calls for a request.
BESIDE = 0.1
