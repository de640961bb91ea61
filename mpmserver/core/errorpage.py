"""The server's own pages for errors and redirects, word for word Apache's, and the Allow field of 405 and 501.

`error_page` makes the page that is sent where no ErrorDocument says otherwise. What a parser or a module wanted to
tell the client is in the request's note "error-notes" and is shown by the pages that have room for it, as are
"variant-list" (300, 506) and the client's Expect field (417). Pure functions of the request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from mpmserver.core.names import signature
from mpmserver.core.settings import CoreServer
from mpmserver.http.status import is_known, reason, status_line
from mpmserver.http.text import escape_html, path_text

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_DOCTYPE = '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">\n'
_AUTHORIZE = (
    "<p>This server could not verify that you\n"
    "are authorized to access the document\n"
    "requested.  Either you supplied the wrong\n"
    "credentials (e.g., bad password), or your\n"
    "browser doesn't understand how to supply\n"
    "the credentials required.</p>\n"
)
_PLAIN: dict[int, str] = {
    305: (
        "<p>This resource is only accessible through the proxy\n"
        "<br />\n"
        "You will need to configure your client to use that proxy.</p>\n"
    ),
    400: "<p>Your browser sent a request that this server could not understand.<br />\n{notes}</p>\n",
    401: _AUTHORIZE,
    403: "<p>You don't have permission to access this resource.{notes}</p>\n",
    404: "<p>The requested URL was not found on this server.</p>\n",
    405: "<p>The requested method {method} is not allowed for this URL.</p>\n",
    406: (
        "<p>An appropriate representation of the requested resource could not be found on this server.</p>\n{variants}"
    ),
    407: _AUTHORIZE,
    408: "<p>Server timeout waiting for the HTTP request from the client.</p>\n",
    410: (
        "<p>The requested resource is no longer available on this server and there is no forwarding address.\n"
        "Please remove all references to this resource.</p>\n"
    ),
    411: "<p>A request of the requested method {method} requires a valid Content-length.<br />\n{notes}</p>\n",
    412: "<p>The precondition on the request for this URL evaluated to false.</p>\n",
    413: (
        "The requested resource does not allow request data with {method} requests, or the amount of data provided in\n"
        "the request exceeds the capacity limit.\n"
    ),
    414: "<p>The requested URL's length exceeds the capacity\nlimit for this server.<br />\n{notes}</p>\n",
    415: (
        "<p>The supplied request data is not in a format\n"
        "acceptable for processing by this resource.</p>\n"
    ),
    416: (
        "<p>None of the range-specifier values in the Range\n"
        "request-header field overlap the current extent\n"
        "of the selected resource.</p>\n"
    ),
    421: (
        "<p>The client needs a new connection for this\n"
        "request as the requested host name does not match\n"
        "the Server Name Indication (SNI) in use for this\n"
        "connection.</p>\n"
    ),
    422: (
        "<p>The server understands the media type of the\n"
        "request entity, but was unable to process the\n"
        "contained instructions.</p>\n"
    ),
    423: (
        "<p>The requested resource is currently locked.\n"
        "The lock must be released or proper identification\n"
        "given before the method can be applied.</p>\n"
    ),
    424: (
        "<p>The method could not be performed on the resource\n"
        "because the requested action depended on another\n"
        "action and that other action failed.</p>\n"
    ),
    426: (
        "<p>The requested resource can only be retrieved\n"
        "using SSL.  The server is willing to upgrade the current\n"
        "connection to SSL, but your client doesn't support it.\n"
        "Either upgrade your client, or try requesting the page\n"
        "using https://\n"
    ),
    428: "<p>The request is required to be conditional.</p>\n",
    429: "<p>The user has sent too many requests\nin a given amount of time.</p>\n",
    431: (
        "<p>The server refused this request because\n"
        "the request header fields are too large.</p>\n"
    ),
    451: "<p>Access to this URL has been denied for legal reasons.<br />\n{notes}</p>\n",
    501: "<p>{method} not supported for current URL.<br />\n{notes}</p>\n",
    502: "<p>The proxy server received an invalid\r\nresponse from an upstream server.<br />\r\n{notes}</p>\n",
    503: (
        "<p>The server is temporarily unable to service your\n"
        "request due to maintenance downtime or capacity\n"
        "problems. Please try again later.</p>\n"
    ),
    504: (
        "<p>The gateway did not receive a timely response\n"
        "from the upstream server or application.</p>\n"
    ),
    506: (
        "<p>A variant for the requested resource\n"
        "<pre>\n{variants}\n</pre>\n"
        "is itself a negotiable resource. This indicates a configuration error.</p>\n"
    ),
    507: (
        "<p>The method could not be performed on the resource\n"
        "because the server is unable to store the\n"
        "representation needed to successfully complete the\n"
        "request.  There is insufficient free space left in\n"
        "your storage allocation.</p>\n"
    ),
    508: "<p>The server terminated an operation because\nit encountered an infinite loop.</p>\n",
    510: (
        "<p>A mandatory extension policy in the request is not\n"
        "accepted by the server for this resource.</p>\n"
    ),
    511: "<p>The client needs to authenticate to gain\nnetwork access.</p>\n",
}  # fmt: skip
_MOVED = '<p>The document has moved <a href="{location}">here</a>.</p>\n'
_WITH_LOCATION = {
    301: _MOVED,
    302: _MOVED,
    303: '<p>The answer to your request is located <a href="{location}">here</a>.</p>\n',
    307: _MOVED,
    308: _MOVED,
}
_INTERNAL = (
    "<p>The server encountered an internal error or\n"
    "misconfiguration and was unable to complete\n"
    "your request.</p>\n"
    "<p>Please contact the server administrator at \n"
    " {admin} to inform them of the time this error occurred,\n"
    " and the actions you performed just before this error.</p>\n"
    "<p>More information about this error may be available\n"
    "in the server error log.</p>\n"
)


_END = "</body></html>\n"


@cache
def _heading(status: int) -> str:
    """How the page of a status begins."""
    title, heading = escape_html(status_line(status)), escape_html(reason(status))
    return f"{_DOCTYPE}<html><head>\n<title>{title}</title>\n</head><body>\n<h1>{heading}</h1>\n"


@cache
def _around_location(status: int) -> tuple[str, str]:
    """The page of a redirect up to the place where the location stands, and behind it."""
    before, _mark, behind = _WITH_LOCATION[status].partition("{location}")
    return _heading(status) + before, behind


def error_page(x: Exchange, status: int, also: int | None = None) -> bytes:
    """The page for `status`; where `also` is given it says that an error of that status came before."""
    if status in _WITH_LOCATION:
        location = x.headers_out.joined.get("location", x.err_headers_out.joined.get("location"))
        before, behind = _around_location(status)
        text = f"{before}{escape_html(path_text(location or ''))}{behind}"
    else:
        if not is_known(status):
            status = 500
        text = _heading(status) + _text(x, status)
    if also is not None:
        text += (
            f"<p>Additionally, a {escape_html(status_line(also))}\n"
            "error was encountered while trying to use an ErrorDocument to handle the request.</p>\n"
        )
    if x.settings.core.server_signature != "off":
        text += signature(x, "<hr>\n")
    return (text + _END).encode("utf-8", "surrogateescape")


def _text(x: Exchange, status: int) -> str:
    form = _PLAIN.get(status)
    if form is not None and "{" not in form:
        return form
    if status == 300:
        return str(x.notes.get("variant-list", ""))
    if status == 417:
        return _expectation(x)
    return _filled(x, form or _INTERNAL)


def _filled(x: Exchange, form: str) -> str:
    values: dict[str, Callable[[], str]] = {
        "notes": lambda: _notes(x),
        "method": lambda: escape_html(x.method),
        "variants": lambda: str(x.notes.get("variant-list", "")),
        "admin": lambda: escape_html(x.server[CoreServer].server_admin),
    }
    for name, value in values.items():
        mark = "{" + name + "}"
        if mark in form:
            form = form.replace(mark, value())
    return form


def _notes(x: Exchange) -> str:
    return str(x.notes.get("error-notes") or "")


def _expectation(x: Exchange) -> str:
    expect = x.headers_in.get("Expect")
    if expect is None:
        seen = "<p>No expectation was seen, the Expect request-header \nfield was not presented by the client.\n"
    else:
        seen = (
            "<p>The expectation given in the Expect request-header\n"
            "field could not be met by this server.\n"
            f"The client sent<pre>\n    Expect: {escape_html(expect)}\n</pre>\n"
        )
    return seen + "</p><p>Only the 100-continue expectation is supported.</p>\n"


_ALLOW_ORDER = (
    "OPTIONS", "HEAD", "GET", "POST", "PUT", "DELETE", "CONNECT", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
    "MOVE", "LOCK", "UNLOCK", "VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT",
    "MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
)  # fmt: skip


def allow_header(x: Exchange) -> str:
    """The methods that `x.allowed` names, as the Allow field has them: HEAD goes with GET, TRACE with TraceEnable."""
    allowed = set(x.allowed)
    if "GET" in allowed:
        allowed.add("HEAD")
    known = [method for method in _ALLOW_ORDER if method in allowed]
    others = sorted(allowed.difference(_ALLOW_ORDER) - {"TRACE"})
    trace = ["TRACE"] if x.server[CoreServer].trace_enable != "off" else []
    return ",".join(known + others + trace)
