"""Listening sockets: what `Listen` says, and the sockets that the parent opens for it.

`parse_listen` reads the directive's address, `resolve` turns it into the socket addresses it stands for, and
`open_listeners` binds them all or none. The parent does this once, while it is still root; children inherit the
sockets through fork, and a re-executed parent by descriptor (`inherited`), so that no connection is refused meanwhile.

As in Apache: an address without a host means every interface, by one IPv6 socket that takes IPv4 too and, where the
machine has no IPv6, by an IPv4 one. TCP_NODELAY and the buffer sizes are set on the listener and inherited by what it
accepts; TCP_DEFER_ACCEPT (AcceptFilter) lets the kernel keep a connection until its first bytes have come. Listening
sockets are non-blocking: several processes wake up for one connection, and all but one go back to wait.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mpmserver.records import dataclass, field

DEFERRING_PROTOCOLS: Mapping[str, str] = {"http": "data", "https": "data"}
"""AcceptFilter of the protocols for which nothing is configured."""


class ListenError(Exception):
    """`Listen` can't be understood; the text is Apache's. `detail` is what Apache logs besides, if anything."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ListenFailed(Exception):
    """A socket could not be opened; `lines` are what Apache prints, the shutdown's included."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = (*lines, *NO_SOCKETS)


NO_SOCKETS = ("no listening sockets available, shutting down", "AH00015: Unable to open logs")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One socket to listen on. `wildcard` is true where no host was given (then `address` is "::")."""

    address: str
    port: int
    family: socket.AddressFamily
    protocol: str = "http"
    """Lower case; what AcceptFilter and mod_ssl look at."""
    wildcard: bool = False
    scope: int = 0

    @property
    def text(self) -> str:
        """As Apache's messages name it: 127.0.0.1:80, [::1]:80."""
        return address_text(self.address, self.port)

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        if self.family == socket.AF_INET6:
            return (self.address, self.port, 0, self.scope)
        return (self.address, self.port)


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How the sockets are set up; sizes in bytes, 0 for the system's default."""

    backlog: int = 511
    send_buffer: int = 0
    receive_buffer: int = 0
    defer_seconds: int = 30
    filters: Mapping[str, str] = field(default_factory=dict)
    """Protocol to AcceptFilter: "none", or a name that means deferring on this system."""


class Listener:
    """An open listening socket with the address it is bound to; `protocol` is as in ListenAddress."""

    __slots__ = ("accept", "address", "family", "fd", "local", "port", "protocol", "socket", "wildcard")

    def __init__(self, sock: socket.socket, protocol: str = "http") -> None:
        name = sock.getsockname()
        self.socket = sock
        self.accept: Callable[[], tuple[int, Any]] = sock._accept  # type: ignore[attr-defined]
        """The system call: (descriptor, remote address), without an object of Python's for the connection."""
        self.fd = sock.fileno()
        self.family = int(sock.family)
        self.address: str = name[0]
        self.port: int = name[1]
        self.local = self.address, self.port
        """The local address of all that it accepts, unless it is a wildcard."""
        self.protocol = protocol
        self.wildcard = self.address in ("::", "0.0.0.0")
        """Every interface: an accepted socket has to be asked which address it was reached by."""

    @property
    def text(self) -> str:
        return address_text(self.address, self.port)

    def close(self) -> None:
        """Close this process's descriptor; other processes may go on listening."""
        self.socket.close()


def address_text(address: str, port: int) -> str:
    """Join address and port as URLs do."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# Reading the directive


def parse_listen(text: str) -> tuple[str | None, int]:
    """Split `Listen`'s first argument into host (None for every interface) and port. Raises ListenError."""
    host, port = _split_port(text)
    if host.startswith("["):
        host = _bracketed(host)
    if port is None:
        raise ListenError("Port must be specified")
    return (None if host in ("", "*") else host), port


def _split_port(text: str) -> tuple[str, int | None]:
    rest = text.rstrip("0123456789")
    digits = text[len(rest) :]
    if not digits or not text.isascii() or (rest and rest[-1] != ":"):
        return text, None
    if rest == ":" or not 1 <= int(digits) <= 65535:
        raise ListenError("Invalid address or port")
    return rest[:-1], int(digits)


def _bracketed(host: str) -> str:
    """The IPv6 address within brackets, with its %scope."""
    if not host.endswith("]"):
        raise ListenError("Invalid address or port")
    inner = host[1:-1]
    try:
        ipaddress.IPv6Address(inner)
    except ValueError:
        raise ListenError("Invalid address or port") from None
    return inner


def resolve(host: str | None, port: int, protocol: str = "") -> list[ListenAddress]:
    """Return the addresses of a host, an IPv4-mapped one as IPv4. Raises ListenError when it has none."""
    protocol = protocol.lower() or ("https" if port == 443 else "http")
    if host is None:
        return [ListenAddress("::", port, socket.AF_INET6, protocol, wildcard=True)]
    try:
        found = socket.getaddrinfo(_octets(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        detail = f"(EAI {-(error.errno or 0)}){error.strerror}" if isinstance(error, socket.gaierror) else str(error)
        raise ListenError(
            "Listen setup failed", f"{detail}: AH00077: alloc_listener: failed to set up sockaddr for {host}"
        ) from None
    addresses = [_resolved(family, sockaddr, protocol) for family, _kind, _number, _name, sockaddr in found]
    return list(dict.fromkeys(addresses))


def _octets(host: str) -> str | bytes:
    """An address as octets: a text would go through the codec "idna", which only names need."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return host.encode("ascii")


def _resolved(family: socket.AddressFamily, sockaddr: tuple[object, ...], protocol: str) -> ListenAddress:
    address, port = str(sockaddr[0]), int(str(sockaddr[1]))
    if family != socket.AF_INET6:
        return ListenAddress(address, port, family, protocol)
    mapped = ipaddress.IPv6Address(address).ipv4_mapped
    if mapped is not None:
        return ListenAddress(str(mapped), port, socket.AF_INET, protocol)
    scope = int(str(sockaddr[3]))
    if scope:
        address = f"{address.partition('%')[0]}%{socket.if_indextoname(scope)}"
    return ListenAddress(address, port, family, protocol, scope=scope)


# Opening


def open_listeners(
    addresses: Iterable[ListenAddress], options: ListenOptions, inherited: Iterable[int] = ()
) -> list[Listener]:
    """Open a socket for each address, or none: raises ListenFailed with Apache's words.

    `inherited` are descriptors of a former self; one that is bound to a wanted address is taken over, and those that
    nobody wants any more are closed. When opening fails they are left as they are.
    """
    former = {_bound(fd): fd for fd in inherited}
    opened: list[Listener] = []
    made: list[Listener] = []
    try:
        for address in addresses:
            listener = _take_over(address, former, options)
            if listener is None:
                listener = _open(address, options)
                made.append(listener)
            opened.append(listener)
        if not opened:
            raise ListenFailed(())
    except BaseException:
        for listener in opened:
            if listener in made:
                listener.close()
            else:
                listener.socket.detach()
        raise
    kept = {listener.fd for listener in opened}
    for fd in former.values():
        if fd not in kept:
            os.close(fd)
    return opened


def _bound(fd: int) -> tuple[str, int]:
    probe = socket.socket(fileno=fd)
    try:
        name = probe.getsockname()
    finally:
        probe.detach()
    return name[0], name[1]


def _take_over(
    address: ListenAddress, former: Mapping[tuple[str, int], int], options: ListenOptions
) -> Listener | None:
    names = ["::", "0.0.0.0"] if address.wildcard else [address.address]
    for name in names:
        fd = former.get((name, address.port))
        if fd is not None:
            sock = socket.socket(fileno=fd)
            try:
                _tune(sock, address, options)
                sock.listen(options.backlog)
            except OSError:
                sock.detach()  # or the descriptor would be closed with it
                raise
            return Listener(sock, address.protocol)
    return None


def _open(address: ListenAddress, options: ListenOptions) -> Listener:
    choices = [address]
    if address.wildcard:
        choices.append(ListenAddress("0.0.0.0", address.port, socket.AF_INET, address.protocol))
    lines = []
    for choice in choices:
        try:
            return _make_sock(choice, options)
        except OSError as error:
            lines.append(f"({error.errno}){os.strerror(error.errno or 0)}: {error.filename}")
    raise ListenFailed(lines)


def _make_sock(address: ListenAddress, options: ListenOptions) -> Listener:
    """Create, bind and listen; an OSError carries Apache's message as its `filename`."""
    step = f"AH00078: alloc_listener: failed to get a socket for {address.address}"
    sock: socket.socket | None = None
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        step = f"AH00067: make_sock: for address {address.text}, apr_socket_opt_set: (SO_REUSEADDR)"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.family == socket.AF_INET6:
            step = f"AH00069: make_sock: for address {address.text}, apr_socket_opt_set: (IPV6_V6ONLY)"
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        _tune(sock, address, options)
        step = f"AH00072: make_sock: could not bind to address {address.text}"
        sock.bind(address.sockaddr)
        step = f"AH00073: make_sock: unable to listen for connections on address {address.text}"
        sock.listen(options.backlog)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise OSError(error.errno, error.strerror, step) from None
    return Listener(sock, address.protocol)


def _tune(sock: socket.socket, address: ListenAddress, options: ListenOptions) -> None:
    """Set what may change from one configuration to the next."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer)
    if options.receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)
    deferring = options.filters.get(address.protocol, DEFERRING_PROTOCOLS.get(address.protocol, "none"))
    seconds = 0 if deferring == "none" else options.defer_seconds
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)
