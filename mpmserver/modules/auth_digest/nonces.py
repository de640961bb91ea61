"""Nonces: a time and a keyed hash that binds it to the server, the realm and the client.

The key is the server's secret, the same in all its children and generations, so that a nonce is good wherever the next
request comes to. The time is in microseconds; for nonces that serve once it is a number that counts up. Both ends of it
are as in Apache: 8 bytes in base64, then 40 hexadecimal digits.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

TIME_LENGTH: Final = 12
MICROSECONDS: Final = 1_000_000
_TIME = struct.Struct("<q")


def make(x: Exchange, realm: str, time: int, opaque: str) -> str:
    """A new nonce."""
    stamp = base64.b64encode(_TIME.pack(time)).decode()
    return stamp + signature(x, realm, stamp, opaque)


def signature(x: Exchange, realm: str, stamp: str, opaque: str) -> str:
    """The hash that belongs to the time at the beginning of a nonce."""
    secret = x.server.site.configuration.secret
    text = b"\0".join(part.encode("utf-8", "surrogateescape") for part in (realm, stamp, opaque))
    return hmac.digest(secret, text, "sha1").hex()


def time_of(nonce: str) -> int:
    """The time in a nonce, 0 where there is none."""
    try:
        return int(_TIME.unpack(base64.b64decode(nonce[:TIME_LENGTH], validate=True))[0])
    except (binascii.Error, ValueError, struct.error):
        return 0


def now(x: Exchange) -> int:
    """The time of the request in microseconds."""
    return int(x.first.request_time * MICROSECONDS)
