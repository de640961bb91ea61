"""What every child sets in the interpreter before it serves."""

from __future__ import annotations

import gc
import sys

GC_THRESHOLDS = (50_000, 20, 100)
"""Allocations that survive before a generation is collected. Requests leave next to no cycles behind, while a full
collection with thousands of parked coroutines takes milliseconds: loops run one when nothing is to do."""


def tune(switch_interval: float) -> None:
    """Set the interpreter's switch interval, in seconds, and make the garbage collector patient."""
    sys.setswitchinterval(switch_interval)
    gc.set_threshold(*GC_THRESHOLDS)
