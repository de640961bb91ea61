"""What holds for all expressions of one configuration: the default options, and whom to tell of a match given up."""

from __future__ import annotations

import time
from collections.abc import Callable

from mpmserver.records import dataclass

APACHE_OPTIONS = frozenset("sD")
"""RegexDefaultOptions' default: DOTALL and DOLLAR_ENDONLY."""

REPORT_INTERVAL = 10.0
"""Seconds between two messages about matches given up."""


@dataclass(slots=True, eq=False)
class RegexPolicy:
    """Changed while the configuration is read: an expression is compiled with the options of that moment."""

    options: frozenset[str] = APACHE_OPTIONS
    report: Callable[[str], None] | None = None
    """Called with a message for the error log, on the thread that matched."""
    _next_report: float = 0.0
    _unreported: int = 0

    def given_up(self, pattern: str, length: int) -> None:
        """Report that `pattern` was given up on a text of `length` octets; a client can't fill the log with it."""
        now = time.monotonic()
        if self.report is None:
            return
        if now < self._next_report:
            self._unreported += 1
            return
        self._next_report = now + REPORT_INTERVAL
        others = f" ({self._unreported} more since the last message)" if self._unreported else ""
        self._unreported = 0
        self.report(
            f"the regular expression '{pattern}' took too long with a text of {length} octets "
            f"and counts as not matching{others}"
        )
