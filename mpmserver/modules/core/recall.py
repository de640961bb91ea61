"""Recall, RecallSize, RecallRevalidate: what is remembered, how much of it, and for how long without a look."""

from __future__ import annotations

import re

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Shape
from mpmserver.config.numbers import seconds
from mpmserver.core.settings import CoreServer
from mpmserver.modules.core.table import directives

_SIZE = re.compile(r"([0-9]{1,15})([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def recall(build: Build, on: bool) -> None:
    build.main(CoreServer).recall = on


def recall_size(build: Build, text: str) -> None:
    """RecallSize auto|bytes[K|M|G]: for each process."""
    match = _SIZE.fullmatch(text)
    if match is None and text.lower() != "auto":
        build.fail("RecallSize must be 'auto' or a number of bytes, with K, M or G behind it for larger units")
    build.main(CoreServer).recall_size = None if match is None else int(match[1]) * _UNITS[match[2].lower()]


def recall_revalidate(build: Build, text: str) -> None:
    value = seconds(text)
    if value is None:
        build.fail("RecallRevalidate must be a time in seconds, or with a unit (ms, s, min, h)")
    build.main(CoreServer).recall_revalidate = value


DIRECTIVES = directives(
    RSRC_CONF,
    ("Recall", Shape.FLAG, recall, "On (the default) to answer what has been answered before from memory, or Off"),
    ("RecallSize", Shape.TAKE1, recall_size,
     "How many bytes of answers each process remembers, or 'auto'"),
    ("RecallRevalidate", Shape.TAKE1, recall_revalidate,
     "After how many seconds files of a remembered answer are looked at again whatever the kernel says of them"),
    global_only=True,
)  # fmt: skip
