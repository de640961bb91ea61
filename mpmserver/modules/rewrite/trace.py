"""What mod_rewrite tells at LogLevel rewrite:trace1 to trace8: Apache's lines, word for word.

Each line names the client, the server, the request and how the request came to be (initial, subrequest, after so many
internal redirects), and the directory whose rules are being applied. The numbers behind `sid#` and `rid#` tell servers
and requests apart and mean nothing else. Rule sets and maps call `trace`; whoever would have to work for the text
asks `tracing` first.
"""

from __future__ import annotations

from typing import Final

from mpmserver.core.exchange import Exchange
from mpmserver.core.names import server_name
from mpmserver.core.settings import Level
from mpmserver.core.site import Merged

_LEAST: Final = Level.TRACE1


def is_told(settings: Merged) -> bool:
    """Whether anything is to be told at all for requests with these settings."""
    return settings.logs(_LEAST, "rewrite")


def tracing(x: Exchange) -> bool:
    """Whether anything is to be told at all for this request."""
    return x.server.logs(_LEAST, "rewrite", x)


def trace(x: Exchange, level: int, text: str, directory: str | None = None) -> None:
    """Tell one thing at trace level 1 to 8; `directory` is that of the rules, None in the server's."""
    severity = Level(Level.DEBUG + level)
    if x.server.logs(severity, "rewrite", x):
        place = "" if directory is None else f"[perdir {directory}] "
        x.server.log(severity, "rewrite", f"{_request(x)} {place}{text}", x)


def _request(x: Exchange) -> str:
    redirects = 0
    first = x
    while first.prev is not None:
        first = first.prev
        redirects += 1
    kind = "initial" if x.main is None else "subreq"
    again = f"/redir#{redirects}" if redirects else ""
    user = "-" if x.user is None else x.user or '""'
    server, request = f"sid#{id(x.server):x}", f"rid#{id(x):x}"
    return f"{x.client_ip} - {user} [{server_name(x)}/{server}][{request}/{kind}{again}]"
