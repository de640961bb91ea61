"""Process titles: what ps shows of the parent and its children."""

from __future__ import annotations

from collections.abc import Callable

from setproctitle import setproctitle


def title_master(name: str, file: str, mpm: str) -> None:
    """`mpmserver: master /path/conf (event)`; `name` is -n's. `pidfile.py` knows a server by this."""
    setproctitle(f"{name}: master {file} ({mpm})")


def worker_title(name: str, slot: int, generation: int) -> Callable[[int], None]:
    """Return the function that shows how many workers of a child are busy."""

    def show(busy: int) -> None:
        setproctitle(f"{name}: worker {slot} generation {generation} [{busy} busy]")

    return show
