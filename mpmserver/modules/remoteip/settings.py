"""The settings of mod_remoteip: whom a server believes, and where connections begin with a PROXY header."""

from __future__ import annotations

from typing import Self

from mpmserver.config.sections import HostConfig
from mpmserver.config.settings import Settings, is_set, setting
from mpmserver.core.subnets import Subnet
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Proxy:
    """One network of proxies; an internal one may name clients with private addresses, and is not recorded."""

    subnet: Subnet
    internal: bool


@dataclass(frozen=True, slots=True)
class Switch:
    """RemoteIPProxyProtocol for one address, and who said so last."""

    on: bool
    source: HostConfig


@dataclass(slots=True)
class RemoteipServer(Settings):
    """What holds for one server; `switches` and `exceptions` are the main server's and hold for the process."""

    header: str | None = setting(None)
    proxies_header: str | None = setting(None)
    proxies: tuple[Proxy, ...] = setting(())
    switches: dict[tuple[str, int], Switch] = setting({})
    """By (ip, port), 0.0.0.0 and 0 standing for all; the last one that was changed is the last."""
    exceptions: tuple[Subnet, ...] = setting(())

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        """A virtual host's proxies are looked at before the main server's."""
        merged = super().merge(outer, inner)
        if is_set(outer.proxies) and is_set(inner.proxies):
            merged.proxies = (*inner.proxies, *outer.proxies)
        return merged
