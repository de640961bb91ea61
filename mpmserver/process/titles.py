"""Process titles: what ps shows of the parent and its children."""

from __future__ import annotations

from collections.abc import Callable

from setproctitle import setproctitle

NAME = "mpmserver"


def title_master(file: str, mpm: str) -> None:
    """`mpmserver: master /path/conf (event)`."""
    setproctitle(f"{NAME}: master {file} ({mpm})")


def worker_title(slot: int, generation: int) -> Callable[[int], None]:
    """Return the function that shows how many workers of a child are busy."""

    def show(busy: int) -> None:
        setproctitle(f"{NAME}: worker {slot} generation {generation} [{busy} busy]")

    return show
