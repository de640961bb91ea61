"""Which connections must begin with a PROXY header, and what becomes of it.

`proxy_protocol(site)` is asked once; where no server has RemoteIPProxyProtocol on it answers None and no connection is
looked at. What a header says is kept in the connection's notes until the first hook of each request reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.settings import is_set
from mpmserver.core.exchange import Peer
from mpmserver.core.preface import LogConnection, PreConnection, Refused
from mpmserver.core.settings import Level
from mpmserver.core.subnets import Subnet, is_in
from mpmserver.modules.remoteip.proxy_header import BadHeader, NotAHeader, read_header
from mpmserver.modules.remoteip.settings import RemoteipServer

if TYPE_CHECKING:
    from mpmserver.config.build import Configuration
    from mpmserver.core.site import Site

CLIENT_NOTE = "proxy-protocol-client"
"""Connection note: (address, port) of the client that the PROXY header named, or of the connection."""
EVERY = ("0.0.0.0", "::")


class ProxyPreface:
    """The PROXY header of one connection."""

    __slots__ = ("_log", "_peer")

    def __init__(self, peer: Peer, log: LogConnection) -> None:
        self._peer = peer
        self._log = log
        local, port = peer.local
        log(Level.DEBUG, "remoteip", f"AH03503: RemoteIPProxyProtocol: enabled on connection to {local}:{port}")

    def take(self, buffer: bytearray) -> bool:
        try:
            header = read_header(buffer)
        except NotAHeader:
            raise Refused from None
        except BadHeader as error:
            self._log(Level.ERROR, "remoteip", str(error))
            raise Refused from None
        if header is None:
            return False
        del buffer[: header.size]
        client = header.client or self._peer.remote
        self._peer.note(CLIENT_NOTE, client)
        message = f"AH03511: RemoteIPProxyProtocol: received valid PROXY header: {client[0]}:{client[1]}"
        self._log(Level.DEBUG, "remoteip", message)
        return True

    def cut_short(self) -> None:
        message = "AH10634: RemoteIPProxyProtocol: connection closed before a complete header was received"
        self._log(Level.INFO, "remoteip", f"(70014)End of file found: {message}")

    def late(self) -> None:
        self._log(Level.ERROR, "remoteip", "(70007)The timeout specified has expired: AH10184: failed reading input")


class _Addresses:
    """The addresses with RemoteIPProxyProtocol Off, which count first, and On; and the clients that need no header."""

    __slots__ = ("_exceptions", "_off", "_on")

    def __init__(self, settings: RemoteipServer) -> None:
        self._on = tuple(key for key, switch in settings.switches.items() if switch.on)
        self._off = tuple(key for key, switch in settings.switches.items() if not switch.on)
        self._exceptions: tuple[Subnet, ...] = settings.exceptions

    def preface(self, peer: Peer, log: LogConnection) -> ProxyPreface | None:
        """The hook: what a new connection has to send first."""
        if _fits(self._off, peer.local) or not _fits(self._on, peer.local):
            return None
        if self._exceptions and is_in(peer.remote[0], self._exceptions):
            return None
        return ProxyPreface(peer, log)


def _fits(addresses: tuple[tuple[str, int], ...], local: tuple[str, int]) -> bool:
    return any((ip == local[0] or ip in EVERY) and port in (0, local[1]) for ip, port in addresses)


def is_used(configuration: Configuration) -> bool:
    """Whether any connection may have to begin with a PROXY header."""
    switches = configuration.main.settings(RemoteipServer).switches
    return is_set(switches) and any(switch.on for switch in switches.values())


def proxy_protocol(site: Site) -> PreConnection | None:
    """The `pre_connection` of mod_remoteip."""
    if not is_used(site.configuration):
        return None
    return _Addresses(site.main[RemoteipServer]).preface


def announce(site: Site, _opener: object) -> None:
    """Say in the error log what is easily overlooked: joined lists, and where the PROXY protocol is on and off.

    Of its addresses the last that was set comes first, and those with it on before the others.
    """
    _warn_of_merging(site)
    switches = [*site.main[RemoteipServer].switches.items()][::-1]
    for wanted, number, word in ((True, "AH03492", "enabled"), (False, "AH03494", "disabled")):
        for (ip, port), switch in switches:
            if switch.on is wanted:
                message = f"{number}: RemoteIPProxyProtocol: {word} on {ip}:{port}"
                site.main.log(Level.NOTICE, "remoteip", message)


def _warn_of_merging(site: Site) -> None:
    """Lists of proxies in the main server and in a virtual host are joined."""
    configuration = site.configuration
    if not configuration.main.settings(RemoteipServer).proxies:
        return
    for host in reversed(configuration.virtual_hosts):
        if host.settings(RemoteipServer).proxies:
            where = f"the virtual host defined at {host.origin.file}:{host.origin.line}"
            message = f"AH10633: RemoteIP proxy entries are configured in both the main server and {where}"
            site.main.log(Level.WARN, "remoteip", f"{message}, they are merged")
