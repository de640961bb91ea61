"""How long a client may take to send its request: RequestReadTimeout, or Timeout where that is off.

A limit `header=20-40,MinRate=500` gives 20 seconds, one more for each 500 bytes that came, and never more than
40 in all. Waits are for what is left of that, so one byte a second doesn't hold a connection for ever.
"""

from __future__ import annotations

import time

from mpmserver.core.settings import CoreServer, ReadLimit, ReadLimits
from mpmserver.net.waits import TimedOut, TimeoutClass


class HeadDeadline:
    """The clock of one request, started when its connection began to wait for it."""

    __slots__ = ("_began", "_body_began", "_body_from", "_limits", "_timeout")

    def __init__(self, core: CoreServer) -> None:
        self._began = time.monotonic()
        self._timeout = core.timeout
        self._limits: ReadLimits = core.request_read_timeout or ReadLimits()
        self._body_began = 0.0
        self._body_from = 0

    def first_wait(self) -> float:
        """Seconds to wait for a connection's first byte."""
        return self._limits.head.initial or self._timeout

    def head_wait(self, received: int) -> float:
        """Seconds that the next wait for the head may last; raises TimedOut where there is no time left."""
        return self._left(self._limits.head, self._began, received, TimeoutClass.HEAD)

    def body_wait(self, received: int) -> float:
        """Seconds that the next wait for the body may last; raises TimedOut where there is no time left."""
        if not self._body_began:
            self._body_began = time.monotonic()
            self._body_from = received
        return self._left(self._limits.body, self._body_began, received - self._body_from, TimeoutClass.BODY)

    def _left(self, limit: ReadLimit, began: float, received: int, kind: TimeoutClass) -> float:
        if not limit.initial:
            return self._timeout
        allowed = limit.initial
        if limit.min_rate:
            allowed += received / limit.min_rate
        if limit.most:
            allowed = min(allowed, limit.most)
        left = began + allowed - time.monotonic()
        if left <= 0:
            raise TimedOut(kind)
        return min(left, self._timeout)
