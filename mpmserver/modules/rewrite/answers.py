"""What rules can end a request with, in both contexts: a status, a refusal, a request for the proxy, a redirect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_octets, path_text
from mpmserver.http.uri import escape_uri
from mpmserver.modules.rewrite.state import CHANGED_NO_ESCAPE, PROXY, STATUS, Outcome
from mpmserver.modules.rewrite.uris import Absolute, absolute, escaped

if TYPE_CHECKING:
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


def redirect(run: Run, outcome: Outcome, target: Absolute, given_query: str | None) -> int:
    """Send the client to `x.filename`; `given_query` is what the request's query was before the rules.

    Returns the redirect's status.
    """
    x = run.x
    uri = x.filename or ""
    keeps = outcome is CHANGED_NO_ESCAPE
    if not keeps:
        if run.tracing:
            run.trace(1, f"escaping {uri} for redirect")
        uri = escaped(uri, target.length)
    if x.args is not None:
        uri = _with_query(run, uri, x.args, keeps or x.args == given_query)
    x.filename = uri
    status = x.status if 300 <= x.status < 400 else 302
    if run.tracing:
        run.trace(1, f"redirect to {uri} [REDIRECT/{status}]")
    x.headers_out.set("Location", uri if uri.isascii() else path_octets(uri))
    x.status = 200
    return status


def _with_query(run: Run, uri: str, args: str, keeps: bool) -> str:
    query = path_text(args)
    written = query if keeps else escape_uri(query)
    if run.tracing:
        doing, shown = ("copying", "") if keeps else ("escaping", written)
        run.trace(1, f"{doing} {query} to query string for redirect {shown}")
    return f"{uri}?{written}"
