"""What core adds to a request by its settings: filters by name, and this end's name where UseCanonicalName is DNS."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from mpmserver.core.names import LOCAL_NAME_NOTE
from mpmserver.core.settings import CoreDir, Level
from mpmserver.net.waits import offload

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


def has_filters(settings: Any) -> bool:
    """Whether SetOutputFilter or SetInputFilter named any."""
    core = settings[CoreDir]
    return bool(core.output_filters or core.input_filters)


def insert_filters(x: Exchange) -> None:
    """SetOutputFilter and SetInputFilter; a name that no module has is logged and left out, as in Apache."""
    core = x.settings[CoreDir]
    known = x.server.site.filters
    for name in core.output_filters or ():
        found = known.get(name.lower())
        if found is not None:
            x.filters.append(found)
        else:
            _unknown(x, name)
    for name in core.input_filters or ():
        _unknown(x, name)


def _unknown(x: Exchange, name: str) -> None:
    x.server.log(Level.ERROR, "core", f"AH00082: an unknown filter was not added: {name}", x)


def wants_local_name(settings: Any) -> bool:
    """Whether UseCanonicalName is DNS."""
    return bool(settings[CoreDir].use_canonical_name == "dns")


async def look_up_local_name(x: Exchange) -> None:
    """Have the name of the connection's own address ready: looked up once for each connection."""
    if LOCAL_NAME_NOTE not in x.peer.notes:
        x.peer.note(LOCAL_NAME_NOTE, await offload(_reverse, x.peer.local[0]))


def _reverse(address: str) -> str:
    try:
        return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0].lower()
    except OSError:
        return ""
