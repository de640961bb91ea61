"""The settings of mod_log_config."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mpmserver.config.node import Origin
from mpmserver.config.settings import Settings, setting
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.log_config.buffer import LineBuffer
    from mpmserver.modules.log_config.format import Format, Formatter


class Wanted(Protocol):
    """A log's condition."""

    @property
    def is_pure(self) -> bool:
        """Whether the same request is always logged, or never."""

    def __call__(self, x: Exchange) -> bool:
        """Whether a request that has been answered is logged."""


COMMON = '%h %l %u %t "%r" %>s %b'
"""The format of a TransferLog where no LogFormat says otherwise; its nickname is CLF."""


@dataclass(frozen=True, slots=True)
class CustomLog:
    """One CustomLog, TransferLog or GlobalLog as written; `format` is None for the default LogFormat's."""

    target: str
    format: str | None
    wanted: Wanted | None
    """Which requests are logged; None is all."""
    everywhere: bool
    """GlobalLog: virtual hosts with logs of their own write it too."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class CompiledLog:
    """One log of a server, ready to be written."""

    wanted: Wanted | None
    format: Format
    render: Formatter
    """The format's."""
    write: Callable[[bytes], None]
    """Takes a line."""


@dataclass(slots=True)
class LogServer(Settings):
    """Logs, formats by nickname, and what `open_logs` made of them."""

    formats: dict[str, str] = setting({}, merge="update")
    default_format: str = setting(COMMON)
    logs: tuple[CustomLog, ...] = setting(())
    """A virtual host with logs of its own has none of the main server's but the global ones."""
    buffered: bool = setting(False)
    """BufferedLogs, the main server's: lines are written when there are many, or their child ends."""
    buffers: tuple[LineBuffer, ...] = setting(())
    """What they are kept in."""
    compiled: tuple[CompiledLog, ...] = setting(())
