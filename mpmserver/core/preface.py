"""What a connection has to send before its first request: the hook of the PROXY protocol.

A module's `pre_connection(site)` gives, for a site that needs it, a function that sees each new connection and
answers with a `Preface` or None. The connection feeds the preface with what has arrived until it has taken its
part, on the thread that drives the connection; a `Preface` never waits itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mpmserver.core.exchange import Peer

if TYPE_CHECKING:
    from mpmserver.core.settings import Level

LogConnection = Callable[["Level", str, str], None]
"""Writes a message about the connection to its server's error log: level, module, message."""


class Refused(Exception):
    """What came is no preface: the connection ends without an answer; the reason has been logged."""


class Preface(Protocol):
    """The bytes before the first request, for one connection."""

    def take(self, buffer: bytearray) -> bool:
        """Remove the preface from the beginning of `buffer`; False where more must come first. Raises Refused."""

    def cut_short(self) -> None:
        """The client has closed the connection before the preface was complete: log it."""

    def late(self) -> None:
        """The client has let its time pass: log it."""


PreConnection = Callable[[Peer, LogConnection], Preface | None]
