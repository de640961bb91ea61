"""mod_status: what the server is doing, at a handler called "server-status".

`snapshot.py` reads the scoreboard into plain values, `report.py` writes them as `?auto` has them, and the page is
`data/templates/status.html`. Query words, found anywhere as in Apache: `auto`, `notable`,
`refresh` or `refresh=N`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mpmserver.config.build import Configuration
from mpmserver.config.numbers import atol
from mpmserver.config.settings import is_set
from mpmserver.core.body import Content, Response
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Order, Phase
from mpmserver.core.names import server_name
from mpmserver.core.settings import CoreServer, Level
from mpmserver.core.templates import Page
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import escape_html
from mpmserver.modules.status.figures import FIGURES
from mpmserver.modules.status.report import report
from mpmserver.modules.status.snapshot import snapshot
from mpmserver.records import dataclass

if TYPE_CHECKING:
    from jinja2 import Environment

HANDLERS = ("server-status", "application/x-httpd-status")
DEFAULT_REFRESH = 10


def _extend(configuration: Configuration) -> None:
    """Turn ExtendedStatus on where nobody has said otherwise: loading this module does."""
    core = configuration.main.settings(CoreServer)
    if not is_set(core.extended_status):
        core.extended_status = True


def _environment() -> Environment:
    """jinja2 with Apache's number formats as filters."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (before the fork, where a server starts)

    environment = Environment(
        autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(FIGURES)
    environment.filters["html"] = escape_html
    return environment


PAGE: Final = Page("status.html", _environment)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the query asks for."""

    auto: bool
    table: bool
    refresh: int | None


def wanted(query: str | None) -> Wanted:
    """Read the query as Apache does: each word may stand anywhere in it."""
    text = query or ""
    refresh = None
    if "refresh" in text:
        match = re.search(r"refresh=\s*([0-9]+)", text, re.ASCII)
        refresh = atol(match[1]) if match else 0
        refresh = refresh if refresh > 0 else DEFAULT_REFRESH
    return Wanted("auto" in text, "notable" not in text, refresh)


def _show(x: Exchange) -> Response | None:
    """Answer GET with the present figures."""
    x.allowed.add("GET")
    if x.method not in ("GET", "HEAD"):
        return None
    child = x.world.child
    if child is None:
        x.server.log(Level.ERROR, "status", "AH01237: Server status unavailable in inetd mode", x)
        raise HTTPError(500)
    asked = wanted(x.args)
    if asked.refresh is not None:
        x.headers_out.set("Refresh", str(asked.refresh))
    figures = snapshot(child, x.world.recall)
    name = escape_html(server_name(x))
    if asked.auto:
        x.content_type = "text/plain; charset=ISO-8859-1"
        text = report(figures, name)
    else:
        x.content_type = "text/html; charset=ISO-8859-1"
        text = PAGE.render(s=figures, name=name, address=x.peer.local[0], table=asked.table)
    return Response(200, Content(text.encode("utf-8", "replace")))


MODULE = Module(
    "status",
    hooks=tuple(Hook(Phase.HANDLER, _show, Order.MIDDLE, handler=name) for name in HANDLERS),
    post_config=_extend,
    pages=(PAGE,),
)  # fmt: skip
