"""What rules can end a request with, in both contexts: a status, a refusal, a request for the proxy, a redirect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets, path_text
from mpmserver.http.uri import escape_uri
from mpmserver.modules.rewrite.engine import CHANGED_NO_ESCAPE, STATUS, Outcome
from mpmserver.modules.rewrite.state import PROXY
from mpmserver.modules.rewrite.uris import Absolute, absolute, escaped

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.modules.rewrite.state import Run

_UNWANTED = re.compile(r"[\x00-\x20\x7f]")


def end_if_settled(run: Run, outcome: Outcome, numbers: tuple[str, str]) -> Absolute | None:
    """Raise HTTPError where the outcome is an answer already; returns what kind of URL is to be redirected to, if any.

    `numbers` are Apache's for a query with blanks and for a missing proxy.
    """
    x = run.x
    uri = x.filename or ""
    target = absolute(uri)
    if x.args and (target is None or outcome is CHANGED_NO_ESCAPE) and _UNWANTED.search(x.args):
        message = f"{numbers[0]}: Rewritten query string contains control characters or spaces"
        x.server.log(Level.ERROR, "rewrite", message, x)
        raise HTTPError(403)
    if outcome is STATUS:
        status, x.status = x.status, 200
        raise HTTPError(status)
    if uri.startswith(PROXY) and uri != PROXY:
        message = f"{numbers[1]}: attempt to make remote request from mod_rewrite without proxy enabled: {uri}"
        x.server.log(Level.ERROR, "rewrite", message, x)
        raise HTTPError(403)
    return target


def redirect(run: Run, outcome: Outcome, target: Absolute, given_query: str | None) -> NoReturn:
    """Send the client to `x.filename`; `given_query` is what the request's query was before the rules.

    Raises HTTPError with the redirect's status.
    """
    x = run.x
    keeps = outcome is CHANGED_NO_ESCAPE
    if not keeps:
        if run.tracing:
            run.trace(1, f"escaping {x.filename} for redirect")
        x.filename = escaped(x.filename or "", target.length)
    if x.args is not None:
        _append_query(run, x, keeps or x.args == given_query)
    status = x.status if 300 <= x.status < 400 else 302
    if run.tracing:
        run.trace(1, f"redirect to {x.filename} [REDIRECT/{status}]")
    x.headers_out.set("Location", path_octets(x.filename or ""))
    x.status = 200
    raise HTTPError(status)


def _append_query(run: Run, x: Exchange, keeps: bool) -> None:
    query = path_text(x.args or "")
    written = query if keeps else escape_uri(query)
    x.filename = f"{x.filename}?{written}"
    if run.tracing:
        doing, shown = ("copying", "") if keeps else ("escaping", written)
        run.trace(1, f"{doing} {query} to query string for redirect {shown}")
