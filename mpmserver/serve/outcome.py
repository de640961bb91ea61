"""What has become of a connection."""

from __future__ import annotations

import enum
from typing import Final


class Outcome(enum.Enum):
    """What has become of a connection when its coroutine ends."""

    IDLE = enum.auto()
    CLOSED = enum.auto()


IDLE: Final = Outcome.IDLE
CLOSED: Final = Outcome.CLOSED
