"""The directives of mod_remoteip: everything is looked up and compiled here, names of hosts too."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator

from mpmserver.config.build import Build
from mpmserver.config.directive import RSRC_CONF, Directive, Shape
from mpmserver.config.sections import HostConfig
from mpmserver.config.settings import is_set
from mpmserver.config.syntax import words
from mpmserver.core.settings import CoreServer
from mpmserver.core.subnets import BadSubnet, NotAnAddress, Subnet, parse_subnet
from mpmserver.modules.remoteip.settings import Proxy, RemoteipServer, Switch

ANY = "0.0.0.0"


def _header(build: Build, name: str) -> None:
    build.server(RemoteipServer).header = name


def _proxies_header(build: Build, name: str) -> None:
    build.server(RemoteipServer).proxies_header = name


def _proxy(build: Build, text: str) -> None:
    """RemoteIPTrustedProxy and RemoteIPInternalProxy: an address, a network, or the name of a host."""
    _add(build, text, build.name)


def _add(build: Build, text: str, whence: str) -> None:
    internal = build.name.startswith("RemoteIPInternal")
    try:
        subnets = _subnets(text)
    except ValueError as error:
        build.fail(f"RemoteIP: Error parsing IP {text} {error} for {whence}")
    build.server(RemoteipServer).append("proxies", *(Proxy(subnet, internal) for subnet in subnets))


def _subnets(text: str) -> Iterable[Subnet]:
    """What one word stands for; raises ValueError with what is wrong with it."""
    address, slash, mask = text.partition("/")
    try:
        return (parse_subnet(address, mask if slash else None),)
    except BadSubnet as error:
        raise ValueError(f"({error} error)") from None
    except NotAnAddress:
        if not address:
            raise ValueError(f"({os.strerror(errno.EINVAL)} error)") from None
    if slash:
        raise ValueError(f"the subnet /{mask} is invalid")
    try:
        answers = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise ValueError(f"({error.strerror} error)") from None
    except UnicodeError:
        raise ValueError("(Name or service not known error)") from None
    return tuple(parse_subnet(str(answer[4][0])) for answer in answers)


def _proxy_list(build: Build, name: str) -> None:
    """RemoteIPTrustedProxyList and RemoteIPInternalProxyList: a file of such words."""
    path = build.resolve(name)
    try:
        lines = list(_lines(path))
    except OSError as error:
        if error.errno == errno.EBADF:
            build.warn(f"AH00554: Access to file {path} denied by server: not a regular file")
        build.fail(f"{build.name}: Could not open file {path}: {os.strerror(error.errno or 0)}")
    for number, line in lines:
        for word in words(line):
            if word.startswith("#"):
                break
            _add(build, word, f"{build.name} at line {number} of {path}")


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers (the last one's of those that a backslash joins); raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) and path != os.devnull:
        os.close(descriptor)
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        begun = ""
        for number, line in enumerate(file, 1):
            begun += line.rstrip("\r\n")
            if begun.endswith("\\"):
                begun = begun[:-1]
                continue
            yield number, begun
            begun = ""


def _proxy_protocol(build: Build, on: bool) -> None:
    """RemoteIPProxyProtocol: the last word on an address counts, and a change of mind is told."""
    host = build.host
    main = host is build.configuration.main
    addresses = [(ANY, 0)] if main else [(each.ip or ANY, each.port) for each in host.settings(CoreServer).addresses]
    switches: dict[tuple[str, int], Switch] = build.main(RemoteipServer).table("switches")
    for key in addresses:
        present = switches.get(key)
        if present is not None and present.on == on:
            continue
        if present is not None:
            build.warn(
                f"AH03491: RemoteIPProxyProtocol: previous setting for {key[0]}:{key[1]} from virtual host "
                f"{{{_described(build, present.source)}}} is being overridden by virtual host "
                f"{{{_described(build, host)}}}; new setting is '{'On' if on else 'Off'}'"
            )
            del switches[key]
        switches[key] = Switch(on, host)


def _described(build: Build, host: HostConfig) -> str:
    """A server as it is known so far: its name may come later."""
    core = host.settings(CoreServer)
    name = core.server_name if is_set(core.server_name) else None
    if host is build.configuration.main:
        return f"{name or '(null)'}:0 in (null)"
    port = core.addresses[0].port if core.addresses else 0
    return f"{name or '(null)'}:{port} in {host.origin.file}"


def _exceptions(build: Build, *arguments: str) -> None:
    """RemoteIPProxyProtocolExceptions: as in Apache they hold for every server, wherever they stand."""
    if not arguments:
        build.fail("RemoteIPProxyProtocolExceptions requires an argument")
    for text in arguments:
        address, slash, mask = text.partition("/")
        try:
            subnet = parse_subnet(address, mask if slash else None)
        except NotAnAddress:
            build.fail(f"ip address '{address}' appears to be invalid")
        except BadSubnet as error:
            build.fail(f"ip address '{address}' appears to be invalid: {error}")
        build.main(RemoteipServer).append("exceptions", subnet)


DIRECTIVES = (
    Directive("RemoteIPHeader", Shape.TAKE1, RSRC_CONF, _header,
        "Specifies a request header to trust as the client IP, e.g. X-Forwarded-For"),
    Directive("RemoteIPProxiesHeader", Shape.TAKE1, RSRC_CONF, _proxies_header,
        "Specifies a request header to record proxy IP's, e.g. X-Forwarded-By; if not given then do not record"),
    Directive("RemoteIPTrustedProxy", Shape.ITERATE, RSRC_CONF, _proxy,
        "Specifies one or more proxies which are trusted to present IP headers"),
    Directive("RemoteIPInternalProxy", Shape.ITERATE, RSRC_CONF, _proxy,
        "Specifies one or more internal (transparent) proxies which are trusted to present IP headers"),
    Directive("RemoteIPTrustedProxyList", Shape.TAKE1, RSRC_CONF, _proxy_list,
        "The filename to read the list of trusted proxies, see the RemoteIPTrustedProxy directive"),
    Directive("RemoteIPInternalProxyList", Shape.TAKE1, RSRC_CONF, _proxy_list,
        "The filename to read the list of internal proxies, see the RemoteIPInternalProxy directive"),
    Directive("RemoteIPProxyProtocol", Shape.FLAG, RSRC_CONF, _proxy_protocol,
        "Enable PROXY protocol handling ('on', 'off')"),
    Directive("RemoteIPProxyProtocolExceptions", Shape.TAKE_ARGV, RSRC_CONF, _exceptions,
        "Disable PROXY protocol handling for this list of networks in CIDR format"),
)  # fmt: skip
