"""Host names as clients give them: the Host field and the authority of an absolute target.

The rules are those of Apache's HttpProtocolOptions Strict: dotted names of letters, digits, ``-`` and
``_``, real IPv4 addresses, IPv6 addresses in brackets, ports from 1 to 65535.
"""

from __future__ import annotations

import re
import socket
from typing import Final

from mpmserver.http.cache import Cache
from mpmserver.http.errors import HTTPError
from mpmserver.http.syntax import decimal

# A label is a number in the middle of a name, or starts with a letter; the first one may be anything.
_NAME = re.compile(
    r"[A-Za-z0-9_-]*(?:\.(?:[0-9]+|[A-Za-z][A-Za-z0-9_-]*))*\.[A-Za-z][A-Za-z0-9_-]*"
    r"|(?![0-9]+\Z)[A-Za-z0-9_-]+"
)
_FOUR_NUMBERS = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.(?!\Z)|\Z)){4}")
_PARTS = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]*\]|[^:\[\]/\\]*)(?::(?P<port>[0-9]+))?")
_PARTS_UNSAFE = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]*\]|[^\[\]/\\]*?)(?::(?P<port>[0-9]+))?")
_STRAY = re.compile(r"[^A-Za-z0-9._-]|(?<=.)\.(?![A-Za-z]|[0-9]+\.)")


def split_host(value: str, *, strict: bool = True) -> tuple[str, int | None]:
    """``"Example.org:8080"`` becomes ``("example.org", 8080)``.

    Raises HTTPError 400 where Apache calls the value malformed. ``strict=False`` (HttpProtocolOptions
    Unsafe) lets any name pass that has no path separator or empty label.
    """
    return HOSTS[value] if strict else _split(value, strict=False)


def _split(value: str, strict: bool = True) -> tuple[str, int | None]:
    match = (_PARTS if strict else _PARTS_UNSAFE).fullmatch(value)
    name = match["name"].removesuffix(".").lower() if match else ""
    if match is None or not _is_name(name, value, strict):
        raise _malformed(value, strict)
    digits = match["port"]
    port = decimal(digits, 65535) if digits else None
    if digits and not port:
        raise _malformed(value, False)
    return name, port


def _is_name(name: str, value: str, strict: bool) -> bool:
    if name[:1] == "[":
        return _is_ipv6(name[1:-1])
    if strict:
        return _NAME.fullmatch(name) is not None or _FOUR_NUMBERS.fullmatch(name) is not None
    return ".." not in value


def _is_ipv6(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return False
    return True


HOSTS: Final = Cache(_split, most=256, longest=256)
"""What `split_host` gives for a value; strictly read."""


def _malformed(value: str, explain: bool) -> HTTPError:
    malformed = f"AH00550: Client sent malformed Host header: {value}"
    if not explain or value[:1] == "[" or ".." in value or "/" in value or "\\" in value:
        return HTTPError(400, log=malformed, close=True, level="debug")
    name = value.removesuffix(".")
    if name.isdigit():
        first = f"AH02416: [strict] purely numeric host names not allowed: {name}"
    else:
        stray = _STRAY.search(name)
        near = f", problem near: {name[stray.start() :][:6]}" if stray and not name[:1].isdigit() else ""
        first = f"AH02415: [strict] Invalid host name '{name}'{near}"
    return HTTPError(400, log=first, close=True, level="debug", log_more=(("debug", malformed),))
