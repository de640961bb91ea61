"""What an error turns into: a custom text, a redirect to an ErrorDocument, or the canned page.

Apache's rules: headers that were prepared for a success are dropped, those for errors (`err_headers_out`) and a
Location survive; some statuses end the connection; an ErrorDocument that fails itself is not tried twice, and
the page says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.body import Content, Response
from mpmserver.core.errorpage import allow_header, error_page
from mpmserver.core.settings import CoreDir, Level
from mpmserver.http.errors import HTTPError
from mpmserver.http.headers import Headers
from mpmserver.http.status import drops_connection, has_no_body, is_known

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

LEVELS = {level.name.lower(): level for level in Level}


def prepare(x: Exchange, error: HTTPError) -> str | None:
    """Set up the answer to an error; returns the URI of a local ErrorDocument, None where `x.response` is made."""
    _log(x, error)
    if error.message:
        x.notes["error-notes"] = error.message
    for name, value in error.headers:
        (x.headers_out if name.lower() == "location" else x.err_headers_out).set(name, value)
    x.status = error.status
    if error.close or drops_connection(error.status):
        x.keep_alive = False
    document = None if _is_recursive(x) else _document(x, error.status)
    if document is None:
        send_page(x, error.status)
    elif document.startswith('"'):
        send_page(x, error.status, text=document[1:])
    elif document.startswith("/"):
        if "error-notes" in x.notes:
            x.env["ERROR_NOTES"] = str(x.notes["error-notes"])
        return document
    else:
        x.status = 302
        x.headers_out.set("Location", document)
        send_page(x, 302)
    return None


def recursive(x: Exchange, failed: Exchange, error: HTTPError) -> Exchange:
    """The ErrorDocument failed too: answer the first error, and say so on the page.

    As in Apache 2.4.71 the page names the first error there, too, not the second one; what is logged as the last
    of the chain is the document that failed.
    """
    _log(failed, error)
    failed.status = error.status
    method, x.method = x.method, "GET"  # what the document was asked for with
    send_page(x, x.status, also=x.status)
    x.method = method
    return x


def send_page(x: Exchange, status: int, text: str | None = None, also: int | None = None) -> None:
    """Make the response to an error: `text` where a custom one is configured, else the canned page."""
    location = x.headers_out.get("Location", x.err_headers_out.get("Location"))
    if has_no_body(status):
        x.response = Response(status)
        return
    x.headers_out = x.err_headers_out
    x.err_headers_out = Headers()
    if location is not None and (300 <= status < 400 or status == 201):
        x.headers_out.set("Location", location)
    x.content_languages = []
    x.content_encoding = None
    x.charset = None
    if x.protocol != "HTTP/0.9":  # without a head nothing says what the page is
        x.content_type = "text/html" if "suppress-error-charset" in x.env else "text/html; charset=iso-8859-1"
    if status in (405, 501):
        x.headers_out.set("Allow", allow_header(x))
    x.filters = []
    x.response = Response(status if is_known(status) else 500, Content(_body(x, status, text, also)))
    if not location:
        x.headers_out.unset("Location")  # an empty one is named on the page only


def _body(x: Exchange, status: int, text: str | None, also: int | None) -> bytes:
    """The page; nothing for HEAD, whose head then names no length, as Apache's."""
    if x.header_only:
        return b""
    return text.encode("utf-8", "surrogateescape") if text is not None else error_page(x, status, also)


def _is_recursive(x: Exchange) -> bool:
    """True where this request is itself an ErrorDocument, or came from one."""
    return x.prev is not None and x.prev.status >= 300


def _document(x: Exchange, status: int) -> str | None:
    """The configured ErrorDocument as text: '"...' a message, '/...' a local path, else a URL."""
    document = x.settings[CoreDir].error_documents.get(status)
    if document is None or document == "default":
        return None
    return str(document)


def _log(x: Exchange, error: HTTPError) -> None:
    if error.log:
        x.server.log(LEVELS[error.level], "core", error.log, x)
    for level, line in error.log_more:
        x.server.log(LEVELS[level], "core", line, x)
