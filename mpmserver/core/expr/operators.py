"""The operators with a dash: -e and its relatives of one word, -ipmatch and its relatives of two.

Each is a function of one evaluation, its words' texts, and what was made of a constant argument when the expression was
parsed.
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final

from mpmserver.config.fnmatch import Match, compile_fnmatch
from mpmserver.core.expr.run import Run
from mpmserver.core.settings import Level
from mpmserver.core.subnets import Address, BadSubnet, NotAnAddress, Subnet, client_address, parse_subnet
from mpmserver.core.subrequest import lookup_file, lookup_uri
from mpmserver.http.errors import HTTPError
from mpmserver.net.waits import offload

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_ASKING = "expression-subrequest"
"""The request's note of what its expression asks at the moment."""
NEED_NETWORK: Final = frozenset({"R", "ipmatch"})
ASYNC: Final = frozenset("FUA")
NUMERIC_VARIABLES: Final = frozenset({"REMOTE_ADDR", "CONN_REMOTE_ADDR"})
"""Variables that are addresses, never names."""
PURE_UNARY: Final = frozenset("nzTdefsLh")
"""Operators that look at nothing but their word, and the file that it names."""
_NUMERIC = re.compile(r"[0-9a-fA-FxX.]+", re.ASCII)
_FALSE = frozenset({"", "0", "off", "false", "no"})

UnaryOperator = Callable[[Run, str, Any], bool]
BinaryOperator = Callable[[Run, str, str, Any], bool]


def _status(run: Run, name: str, follow: bool = True) -> os.stat_result | None:
    files = run.x.files
    try:
        return files.stat(name) if follow else files.lstat(name)
    except (OSError, ValueError):
        return None


def _exists(run: Run, name: str, data: Any) -> bool:
    return bool(name) and _status(run, name) is not None


def _is_directory(run: Run, name: str, data: Any) -> bool:
    status = _status(run, name)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _is_file(run: Run, name: str, data: Any) -> bool:
    status = _status(run, name)
    return status is not None and stat.S_ISREG(status.st_mode)


def _is_link(run: Run, name: str, data: Any) -> bool:
    status = _status(run, name, follow=False)
    return status is not None and stat.S_ISLNK(status.st_mode)


def _has_size(run: Run, name: str, data: Any) -> bool:
    status = _status(run, name)
    return status is not None and stat.S_ISREG(status.st_mode) and status.st_size > 0


def _from_network(run: Run, text: str, network: Subnet) -> bool:
    return network.has(client_address(run.x.client_ip))


def _ip_match(run: Run, left: str, right: str, network: Subnet) -> bool:
    """Whether an address is in a network; of a name, the first of its addresses."""
    address = _address(left)
    if address is None:
        address = _address(run.answer(("ipmatch", left), lambda: _resolved(left)))
    return address is not None and network.has(address)


def _address(text: str) -> Address | None:
    """The address that a text is, also in the forms that inet_aton() takes (127.1)."""
    try:
        return client_address(text)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(text)) if _NUMERIC.fullmatch(text) else None
    except OSError:
        return None


async def _resolved(name: str) -> str:
    """The first address of a name, "" where it has none."""
    return await offload(_first_address, name) if name else ""


def _first_address(name: str) -> str:
    octets = os.fsencode(name)  # text would go through the codec "idna", which is imported on its first use
    try:
        found = socket.getaddrinfo(octets, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError:
        return ""
    return str(found[0][4][0])


def network_of(text: str) -> Subnet | None:
    """The network that -R or -ipmatch names, None where it is none."""
    address, slash, mask = text.partition("/")
    try:
        return parse_subnet(address, mask if slash else None)
    except (NotAnAddress, BadSubnet):
        return None


def _uri_accessible(run: Run, uri: str, data: Any) -> bool:
    """-U: whether a subrequest for the URI would be let through; asked in a subrequest for its own URI, it is not."""
    if run.x.main is not None and run.x.main.uri == run.x.uri:
        return False
    status: int = run.answer(("U", uri), lambda: _status_of_uri(run.x, uri))
    run.messages.append((Level.TRACE5, f"Subrequest for -U {uri} at {run.origin} gave status: {status}"))
    return status < 400


async def _status_of_uri(x: Exchange, uri: str) -> int:
    return (await _looked_up(x, f"-U {uri}", lambda: lookup_uri(x, os.fsencode(uri).decode("latin-1")), times=2)).status


async def _looked_up(
    x: Exchange, question: str, look_up: Callable[[], Awaitable[Exchange]], times: int = 1
) -> Exchange:
    """Ask by a subrequest; one that comes to the same question itself is told 508, where Apache would crash.

    `times` is how often a question may be asked in one another: -U answers itself the second time, for its own URI.
    """
    asking: Exchange | None = x
    while asking is not None:
        times -= asking.notes.get(_ASKING) == question
        if not times:
            x.server.log(Level.ERROR, "core", f"{question} is asked again by its own subrequest", x)
            raise HTTPError(508)
        asking = asking.main
    x.notes[_ASKING] = question
    try:
        return await look_up()
    finally:
        del x.notes[_ASKING]


def _file_accessible(run: Run, name: str, data: Any) -> bool:
    """-F: whether a subrequest for the file would be let through, and it is there."""
    status, there = run.answer(("F", name), lambda: _status_of_file(run.x, name))
    run.messages.append((Level.TRACE5, f"Subrequest for -F {name} at {run.origin} gave status: {status}"))
    return bool(status == 200 and there)


async def _status_of_file(x: Exchange, name: str) -> tuple[int, bool]:
    sub = await _looked_up(x, f"-F {name}", lambda: lookup_file(x, name))
    return sub.status, sub.finfo is not None


def _glob(how: Match) -> BinaryOperator:
    def matches(run: Run, left: str, right: str, data: Any) -> bool:
        return _compiled(right, how)(left)

    return matches


@lru_cache(maxsize=1024)
def _compiled(pattern: str, how: Match) -> Callable[[str], bool]:
    return compile_fnmatch(pattern, how)


UNARY: Final[Mapping[str, UnaryOperator]] = {
    "d": _is_directory,
    "e": _exists,
    "f": _is_file,
    "s": _has_size,
    "L": _is_link,
    "h": _is_link,
    "F": _file_accessible,
    "U": _uri_accessible,
    "A": _uri_accessible,
    "n": lambda run, text, data: bool(text),
    "z": lambda run, text, data: not text,
    "T": lambda run, text, data: text.lower() not in _FALSE,
    "R": _from_network,
}
BINARY: Final[Mapping[str, BinaryOperator]] = {
    "ipmatch": _ip_match,
    "strmatch": _glob(Match.PLAIN),
    "strcmatch": _glob(Match.CASE_BLIND),
    "fnmatch": _glob(Match.PATHNAME),
}
