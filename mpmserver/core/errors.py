"""What an error turns into: a custom text, a redirect to an ErrorDocument, or the canned page.

Apache's rules: headers that were prepared for a success are dropped, those for errors (`err_headers_out`) and a
Location survive; some statuses end the connection; an ErrorDocument that fails itself is not tried twice, and
the page says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mpmserver.core.body import Content, Response
from mpmserver.core.errorpage import allow_header, error_page
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.headers import Headers
from mpmserver.http.status import DROPS_CONNECTION, LINES, NO_BODY
from mpmserver.http.text import path_octets

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_MOST_STATUSES = 1024
LEVELS = {level.name.lower(): level for level in Level}


@lru_cache(maxsize=_MOST_STATUSES)
def of_status(status: int) -> HTTPError:
    """The error of a hook that has nothing to say but a status. It is one for all requests, and never raised."""
    return HTTPError(status)


def prepare(x: Exchange, error: HTTPError) -> str | None:
    """Set up the answer to an error; returns the URI of a local ErrorDocument, None where `x.response` is made.

    A request that was redirected and has a status already (a rule has left it behind) counts as its own ErrorDocument:
    the page speaks of both. (ap_die)
    """
    status = error.status
    if error.log or error.log_more:
        log_error(x, error)
    if error.message:
        x.notes["error-notes"] = error.message
    for name, value in error.headers:
        (x.headers_out if name.lower() == "location" else x.err_headers_out).set(name, value)
    also = x.status if x.prev is not None and x.status != 200 else None
    document = None
    if status in x.settings.core.error_documents and also is None and not _is_recursive(x):
        document = _document(x, status)
    x.status = status
    if error.close or status in DROPS_CONNECTION:
        x.keep_alive = False
    if document is None or document.startswith('"'):
        send_page(x, status, also)
    elif document.startswith("/"):
        location = x.headers_out.get("Location")
        if location is not None and (300 <= status < 400 or status == 201):
            x.err_headers_out.set("Location", location)
        if "error-notes" in x.notes:
            x.env["ERROR_NOTES"] = str(x.notes["error-notes"])
        return path_octets(document)
    else:
        x.status = 302
        x.headers_out.set("Location", path_octets(document))
        send_page(x, 302)
    return None


def first_failure(x: Exchange) -> Exchange:
    """For a request that has a status other than 200 already: the first of those that led to it and have one, too."""
    while x.status != 200 and x.prev is not None and x.prev.status != 200:
        x = x.prev
    return x


def recursive(x: Exchange, failed: Exchange, error: HTTPError) -> Exchange:
    """The ErrorDocument failed too: answer the first error, and say so on the page.

    As in Apache 2.4.71 the page names the first error there, too, not the second one; what is logged as the last
    of the chain is the document that failed.
    """
    log_error(failed, error)
    failed.status = error.status
    method, x.method = x.method, "GET"  # what the document was asked for with
    send_page(x, x.status, also=x.status)
    x.method = method
    return x


def send_page(x: Exchange, status: int, also: int | None = None) -> None:
    """Make the response to an error: the text of its ErrorDocument, where that is one, else the canned page."""
    location = x.headers_out.joined.get("location", x.err_headers_out.joined.get("location"))
    if x.filters:
        x.filters = []
    for step in x.plan.insert_error_filters:
        step.function(x)
    if status in NO_BODY:
        x.response = Response(status)
        return
    fields = x.headers_out = x.err_headers_out
    x.err_headers_out = Headers()
    if location is not None and (300 <= status < 400 or status == 201):
        fields.set("Location", location)
    x.content_languages = []
    x.content_encoding = None
    x.charset = None
    if x.protocol != "HTTP/0.9":  # without a head nothing says what the page is
        x.content_type = "text/html" if "suppress-error-charset" in x.env else "text/html; charset=iso-8859-1"
    if status in (405, 501):
        fields.set("Allow", allow_header(x))
    if status not in LINES:
        x.server.log(Level.ERROR, "http", f"AH01579: Invalid response status {status}", x)
    x.response = Response(status if status in LINES else 500, Content(_body(x, status, also)))
    if not location:
        fields.unset("Location")  # an empty one is named on the page only


def _body(x: Exchange, status: int, also: int | None) -> bytes:
    """The text or page; nothing for HEAD, whose head then names no length, as Apache's.

    A text is made anew, for what it says of the answer (REQUEST_STATUS) is only known by now.
    """
    documents = x.settings.core.error_documents
    document = _document(x, status) if documents and status in documents else None
    if x.request.method == "HEAD":
        return b""
    if document is not None and document.startswith('"'):
        return document[1:].encode("utf-8", "surrogateescape")
    return error_page(x, status, also)


def _is_recursive(x: Exchange) -> bool:
    """True where this request is itself an ErrorDocument, or came from one."""
    return x.prev is not None and x.prev.status >= 300


def _document(x: Exchange, status: int) -> str | None:
    """The configured ErrorDocument as text: '"...' a message, '/...' a local path, else a URL."""
    expression = x.settings.core.error_documents.get(status)
    if expression is None:
        return None
    if x.memo is not None and not expression.is_pure:
        x.memo.refuse("ErrorDocument")
    document, failure = expression.evaluate(x)
    if failure is not None:
        message = f"AH02841: core: ErrorDocument: can't evaluate require expression: {failure}"
        x.server.log(Level.ERROR, "core", message, x)
        return None
    return document


def log_error(x: Exchange, error: HTTPError) -> None:
    """Write what an error has to say of itself."""
    if error.log:
        x.server.log(LEVELS[error.level], "core", error.log, x)
    for level, line in error.log_more:
        x.server.log(LEVELS[level], "core", line, x)
