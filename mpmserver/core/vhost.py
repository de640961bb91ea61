"""Virtual hosts: which server answers, by the address a connection came to and the name a request gave.

`compile_vhosts` makes the table once, after the configuration was read and before any fork; nothing in it
changes afterwards. A connection asks `for_address` when it begins and keeps the answer; each of its requests
asks `choose`. The rules are Apache's (server/vhost.c in words): among the addresses of all <VirtualHost>s those
that name the local address win over wildcards, the port has to fit in either case; among the hosts of that
address the first whose ServerName or ServerAlias is the request's host answers, else the first of all.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mpmserver.config.errors import ConfigError
from mpmserver.config.fnmatch import translate
from mpmserver.config.node import Origin
from mpmserver.config.syntax import words
from mpmserver.core.settings import CoreServer, Level
from mpmserver.http.errors import HTTPError
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from mpmserver.core.site import Server, Site

Report = Callable[[Level, str], None]
ANY = ""
MOST_ADDRESSES = 1024
"""Local addresses whose hosts are kept at hand: 127.0.0.0/8 alone has millions."""
_PORT = re.compile(r"(?P<host>.*):(?P<port>[0-9]+)", re.DOTALL)
_INVALID = "The address or port is invalid"


@dataclass(frozen=True, slots=True)
class HostAddress:
    """One address of a <VirtualHost>: `ip` is ANY for a wildcard, `port` 0 for every port, `name` as written."""

    ip: str
    port: int
    name: str

    @property
    def is_any(self) -> bool:
        return self.ip in (ANY, "0.0.0.0", "::")

    def takes(self, port: int) -> bool:
        return self.port in (0, port)


def parse_addresses(text: str, origin: Origin, default_port: int, report: Report) -> tuple[HostAddress, ...]:
    """The addresses in the argument of <VirtualHost>; names are looked up, with `report` for those that fail.

    Raises ConfigError for what is no address.
    """
    found: list[HostAddress] = []
    for word in words(text):
        host, port = _split(word, origin)
        port = default_port if port is None else port
        found += _resolved(host, port, report)
    return tuple(found)


def _split(word: str, origin: Origin) -> tuple[str, int | None]:
    """(host, port) of one word: port None where none was given, 0 for ':*'. (apr_parse_addr_port)"""
    port: int | None = None
    if len(word) > 2 and word.endswith(":*"):
        word, port = word[:-2], 0
    if word.isdigit():
        raise ConfigError("Missing address for VirtualHost" if 0 < int(word) < 65536 else _INVALID, origin)
    match = _PORT.fullmatch(word)
    if match is not None:
        word, port = match["host"], port if port == 0 else int(match["port"])
        if not word or not 0 < int(match["port"]) < 65536:
            raise ConfigError(_INVALID, origin)
    if word.startswith("["):
        address = word[1:-1].partition("%")[0]
        if not word.endswith("]") or _address(address) is None or ":" not in address:
            raise ConfigError(_INVALID, origin)
        return word[1:-1], port
    return word, port


def _address(text: str) -> str | None:
    """An IP address in its usual spelling, None for what is none."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _resolved(host: str, port: int, report: Report) -> list[HostAddress]:
    if host == "*" or host.lower() == "_default_":
        return [HostAddress(ANY, port, host)]
    literal = _address(host)
    if literal is not None:
        return [HostAddress(literal, port, host)]
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, socket.gaierror) else socket.EAI_NONAME
        report(Level.ERROR, f"{_resolver_error(number)}: AH00547: Could not resolve host name {host} -- ignoring!")
        return []
    ips = dict.fromkeys(_address(str(answer[4][0])) or "" for answer in answers)
    return [HostAddress(ip, port, host) for ip in ips]


def name_of(addresses: tuple[HostAddress, ...], report: Report) -> str | None:
    """The name of a <VirtualHost> without ServerName: None for the main server's. (ap_fini_vhost_config)"""
    if any(address.is_any for address in addresses):
        return None
    if not addresses:
        return "bogus_host_without_forward_dns"
    ip = addresses[0].ip
    try:
        return socket.getnameinfo((ip, 0), socket.NI_NAMEREQD)[0]
    except OSError as error:
        number = error.errno if isinstance(error, socket.gaierror) else socket.EAI_NONAME
        shown = addresses[0].name if "%" in addresses[0].name else ip
        report(
            Level.ERROR,
            f"{_resolver_error(number)}: AH00549: Failed to resolve server name for {shown} (check DNS) -- or specify "
            "an explicit ServerName",
        )
        return "bogus_host_without_reverse_dns"


def _resolver_error(number: int | None) -> str:
    """The resolver's complaint as APR prints it: "(EAI 2)Name or service not known"."""
    number = socket.EAI_NONAME if number is None else number
    words_of = {
        socket.EAI_NONAME: "Name or service not known",
        socket.EAI_AGAIN: "Temporary failure in name resolution",
        socket.EAI_FAIL: "Non-recoverable failure in name resolution",
    }
    return f"(EAI {-number}){words_of.get(number, 'Unknown resolver error')}"


class _Chain:
    """All hosts of one address and port, in the order of the text; the first is the default."""

    __slots__ = ("address", "entries")

    def __init__(self, address: HostAddress) -> None:
        self.address = address
        self.entries: list[tuple[HostAddress, Server]] = []


class AddressHosts:
    """The hosts that a connection to one local address and port can reach."""

    __slots__ = ("_entries", "_exact", "_fallback", "_wild", "default")

    def __init__(self, default: Server, entries: Iterable[tuple[HostAddress, Server]]) -> None:
        self.default = default
        """The server of requests that name no host, or none that is known."""
        self._entries = tuple(dict.fromkeys(server for _address, server in entries))
        self._exact: dict[str, int] = {}
        self._wild: list[tuple[int, re.Pattern[str]]] = []
        self._fallback: dict[str, Server] = {}
        """Names in <VirtualHost name:port> itself: asked last."""
        for index, server in enumerate(self._entries):
            for name in server_names(server):
                if is_wild(name):
                    self._wild.append((index, re.compile(translate(name.lower()), re.DOTALL)))
                else:
                    self._exact.setdefault(name.lower(), index)
        for address, server in entries:
            self._fallback.setdefault(address.name.lower(), server)

    def choose(self, hostname: str | None, path: str = "/") -> Server:
        """The server for a request: `hostname` in lower case and without port, None for old clients' requests.

        Those are told apart by ServerPath. The port that a Host field names decides nothing, as in Apache: the
        connection's does. Raises HTTPError 400 where StrictHostCheck finds no server of that name.
        """
        if hostname is None:
            return self._by_path(path)
        found = self._named(hostname)
        if found is not None:
            return found
        if self.default[CoreServer].strict_host_check:
            raise _unmatched(hostname, self.default)
        return self.default

    def _named(self, hostname: str) -> Server | None:
        index = self._exact.get(hostname)
        for other, pattern in self._wild:
            if index is not None and other >= index:
                break
            if pattern.fullmatch(hostname):
                index = other
                break
        if index is not None:
            return self._entries[index]
        return self._fallback.get(hostname.strip("[]"))

    def _by_path(self, path: str) -> Server:
        for server in self._entries:
            if under_server_path(server[CoreServer].server_path, path):
                return server
        return self.default


def _unmatched(hostname: str, default: Server) -> HTTPError:
    """What StrictHostCheck says to a name that no server has."""
    if default.is_virtual:
        where = f"the matching virtual host (default vhost for current connection is {default.origin})"
        log = f"AH10157: Requested hostname '{hostname}' did not match any ServerName/ServerAlias in {where}"
    else:
        log = (
            f"AH10156: Requested hostname '{hostname}' did not match any ServerName/ServerAlias in the global server "
            "configuration "
        )
    return HTTPError(400, log=log, level="warn")


def under_server_path(server_path: str | None, path: str) -> bool:
    """True where `path` lies below a ServerPath."""
    if not server_path or not path.startswith(server_path):
        return False
    return server_path.endswith("/") or path[len(server_path) : len(server_path) + 1] in ("", "/")


def is_wild(name: str) -> bool:
    """Whether a ServerAlias has wildcards."""
    return "*" in name or "?" in name


def server_names(server: Server) -> tuple[str, ...]:
    """ServerName (where there is one) and the aliases."""
    core = server[CoreServer]
    return (*((core.server_name,) if core.server_name else ()), *core.server_aliases)


class VhostTable:
    """All virtual hosts by address; see the module's docstring."""

    __slots__ = ("_any", "_by_ip", "_known", "_main", "_without")

    def __init__(self, main: Server, servers: Iterable[Server]) -> None:
        self._main = main
        self._by_ip: dict[str, list[_Chain]] = {}
        self._any: list[_Chain] = []
        for server in servers:
            self._add(server)
        self._without = AddressHosts(main, [(HostAddress(ANY, 0, ""), main)])
        self._known: dict[tuple[str, int], AddressHosts] = {}
        """Answers of `for_address`, as many as the machine has addresses."""

    def _add(self, server: Server) -> None:
        before: HostAddress | None = None
        for address in server[CoreServer].addresses:
            chains = self._any if address.is_any else self._by_ip.setdefault(address.ip, [])
            chain = next((chain for chain in chains if chain.address.port == address.port), None)
            if chain is None:
                chain = _Chain(address)
                chains.insert(len(chains) if address.is_any else 0, chain)
            elif address.is_any and before is not None and before.is_any and before.port == address.port:
                continue
            chain.entries.append((address, server))
            before = address

    def for_address(self, local: tuple[str, int]) -> AddressHosts:
        """The hosts for a connection that came to this address and port; keep the answer with the connection."""
        known = self._known.get(local)
        if known is None:
            if len(self._known) >= MOST_ADDRESSES:
                self._known.clear()
            known = self._known[local] = self._found(*local)
        return known

    def _found(self, local_ip: str, port: int) -> AddressHosts:
        chain = _fitting(self._by_ip.get(_address(local_ip) or "", ()), port) or _fitting(self._any, port)
        if chain is None:
            return self._without
        return AddressHosts(chain.entries[0][1], [entry for entry in chain.entries if entry[0].takes(port)])

    def describe(self) -> str:
        """What `-S` prints of the virtual hosts."""
        chains = [chain for ip in sorted(self._by_ip, key=_bucket) for chain in self._by_ip[ip]]
        lines = ["VirtualHost configuration:"]
        for chain in (*chains, *self._any):
            lines += _describe_chain(chain)
        return "\n".join(lines) + "\n"


def compile_vhosts(site: Site) -> VhostTable:
    """The table of a site's virtual hosts."""
    return VhostTable(site.main, site.servers[1:])


def _fitting(chains: Iterable[_Chain], port: int) -> _Chain | None:
    """The chain for exactly this port, else the one for every port."""
    every: _Chain | None = None
    for chain in chains:
        if chain.address.port == port:
            return chain
        if not chain.address.port:
            every = chain
    return every


def _bucket(ip: str) -> int:
    """Apache lists addresses in the order of its hash table."""
    key = int.from_bytes(ipaddress.ip_address(ip).packed[-4:], "little")
    key ^= key >> 16
    return ((key >> 8) ^ key) % 256


def _describe_chain(chain: _Chain) -> list[str]:
    address = chain.address
    host = "*" if address.is_any else f"[{address.ip}]" if ":" in address.ip else address.ip
    where = f"{host}:{address.port or '*'}"
    if len(chain.entries) == 1:
        return [f"{where:<22} {_described(chain.entries[0][1])}"]
    lines = [f"{where:<22} is a NameVirtualHost", f"{'':9}default server {_described(chain.entries[0][1])}"]
    for each, server in chain.entries:
        port = f"port {each.port}" if each.port else "port *"
        lines.append(f"{'':9}{port} namevhost {_described(server)}")
        lines += _described_aliases(server)
    return lines


def _described(server: Server) -> str:
    return f"{server[CoreServer].server_name} ({server.origin})"


def _described_aliases(server: Server) -> list[str]:
    aliases = server[CoreServer].server_aliases
    plain = [f"{'':17}alias {name}" for name in aliases if not is_wild(name)]
    return plain + [f"{'':17}wild alias {name}" for name in aliases if is_wild(name)]
