"""How many descriptors a process may have open: each connection is one.

Systems give processes 1024 at first, for the sake of programs that use select(), and let them ask for more. This server
asks for as many as it may have, up to ENOUGH: beyond, programs that close every possible descriptor before they do
anything (scripts inherit the limit) would become slow.
"""

from __future__ import annotations

import contextlib
import resource
from typing import Final

ENOUGH: Final = 65_536


def allow_many() -> None:
    """Raise this process's limit as far as its hard limit and ENOUGH allow; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
