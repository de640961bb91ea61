"""From what a handler answered to what is sent: the output filters and the byte ranges, in that order.

Called by the connection for the last Exchange of a request, before its head is written. The filters are those that
INSERT_FILTERS hooks have added, or INSERT_ERROR_FILTERS hooks where the answer is a page of the server's own:
mod_expires and mod_headers change the head here. An error in here is still answered by its ErrorDocument or page,
which passes through its own filters; an error in that again is a 500 without anything.
"""

from __future__ import annotations

import re
from functools import partial
from operator import attrgetter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.body import EMPTY, Content, Response
from mpmserver.core.errors import send_page
from mpmserver.core.pipeline import crashed, fail, without_length
from mpmserver.core.ranges import apply_ranges
from mpmserver.core.settings import Level
from mpmserver.core.steps import Waiting, then, waited
from mpmserver.http.errors import HTTPError
from mpmserver.http.text import path_text

if TYPE_CHECKING:
    from mpmserver.core.body import Filter
    from mpmserver.core.exchange import Exchange

_KNOWN: Final = {
    "accept-ranges", "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age", "age", "allow", "alt-svc",
    "cache-control", "connection", "content-disposition", "content-encoding", "content-language", "content-length",
    "content-location", "content-md5", "content-range", "content-security-policy", "content-type",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "date", "etag", "expires", "keep-alive",
    "last-modified", "link", "location", "permissions-policy", "pragma", "referrer-policy", "refresh", "retry-after",
    "server", "set-cookie", "strict-transport-security", "tcn", "vary", "www-authenticate", "x-content-type-options",
    "x-frame-options", "x-powered-by", "x-robots-tag",
}  # fmt: skip
"""Names that need no look, for they are well formed: those that are usual, and more that this process has seen."""
_MOST_KNOWN: Final = 1024
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FOLD = re.compile(r"\r\n[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ORDER: Final = attrgetter("order")


def deliverable(x: Exchange) -> Exchange | Waiting:
    """The Exchange whose response is ready to be sent, `x` or that of the error that came up; or a coroutine of it."""
    error = _filtered(x) if x.filters else None
    return _finish(x, error) if type(error) is not CoroutineType else then(error, partial(_finish, x))


def _finish(x: Exchange, error: Any) -> Exchange | Waiting:
    """Go on with `deliverable` behind the filters, and the `error` that there was in one."""
    error = error or _finished(x)
    return x if error is None else _failed(x, error)


def _filtered(x: Exchange) -> HTTPError | Waiting | None:
    """Pass the response through the request's filters; returns what has gone wrong."""
    assert x.response is not None
    filters = sorted(x.filters, key=_ORDER)
    try:
        for index, each in enumerate(filters):
            response = each.apply(x, x.response)
            if each.is_async:
                return _filtered_waiting(x, filters[index:], response)
            x.response = response
    except Exception as error:  # noqa: BLE001 - a bug in a filter costs its request and nothing else
        return error if isinstance(error, HTTPError) else crashed(x)
    return None


async def _filtered_waiting(x: Exchange, filters: list[Filter], begun: Any) -> HTTPError | None:
    """Go on with `_filtered`, from the first of these filters on: it has `begun` already."""
    try:
        for each in filters:
            response = each.apply(x, x.response) if begun is None else begun  # type: ignore[arg-type]
            begun = None
            x.response = await response if each.is_async else response
    except Exception as error:  # noqa: BLE001 - a bug in a filter costs its request and nothing else
        return error if isinstance(error, HTTPError) else crashed(x)
    return None


def _finished(x: Exchange) -> HTTPError | None:
    """Cut the response to the ranges asked for and look at the fields; returns what is wrong."""
    try:
        response = x.response
        assert response is not None
        if response.status == 200 and x.main is None and "Range" in x.headers_in:
            response = x.response = apply_ranges(x, response)
        x.status = response.status
        others = x.err_headers_out.joined
        if not (
            _is_plain(x.headers_out.joined) and (not others or _is_plain(others))
            and (x.content_type or "").isprintable()
        ):  # fmt: skip
            _check_fields(x)
    except HTTPError as error:
        return error
    except Exception:  # noqa: BLE001 - a bug costs its request and nothing else
        return crashed(x)
    return None


def _is_plain(fields: dict[str, str]) -> bool:
    """Whether the names of fields are known, and their values printable: then there is nothing else to look for."""
    return _KNOWN.issuperset(fields) and "".join(fields.values()).isprintable()


def _check_fields(x: Exchange) -> None:
    """Unfold header fields, refuse those that could end a line or are none at all; raises HTTPError 500."""
    folded = False
    content_type = () if x.content_type is None else (("Content-Type", x.content_type),)
    for name, value in (*x.headers_out.items(), *x.err_headers_out.items(), *content_type):
        if not name:
            fault = "AH02428: Empty response header name, aborting request"
        elif _FIELD_NAME.fullmatch(name) is None:
            fault = f"AH02429: Response header name '{name}' contains invalid characters, aborting request"
        elif _CONTROL.search(value) is not None:
            if _CONTROL.search(_FOLD.sub(" ", value)) is None:
                folded = True
                continue
            shown = path_text(value)
            fault = f"AH02430: Response header '{name}' value of '{shown}' contains invalid characters, "
            fault += "aborting request"
        elif name.lower() == "transfer-encoding" and value.rpartition(",")[2].strip().lower() != "chunked":
            fault = ""  # a body framed in another way can't be sent; Apache says nothing about it
        else:
            if len(_KNOWN) < _MOST_KNOWN and name.lower() != "transfer-encoding":
                _KNOWN.add(name.lower())
            continue
        if fault:
            x.server.log(Level.ERROR, "http", fault, x)
        _count_in_vain(x)
        raise HTTPError(500)
    if folded:
        for fields in (x.headers_out, x.err_headers_out):
            fields.replace_values(partial(_FOLD.sub, " "))
        x.content_type = x.content_type and _FOLD.sub(" ", x.content_type)


def _count_in_vain(x: Exchange) -> None:
    """Count a body that won't be sent: as in Apache, which has counted it when it comes to look at the fields."""
    body = EMPTY if x.response is None or x.header_only else x.response.body
    x.sent_body += len(body.data) if isinstance(body, Content) else body.length or 0


async def _failed(x: Exchange, error: HTTPError) -> Exchange:
    """Answer an error of the output: nothing of what was prepared is left.

    As it comes so late its page is sent without a length, as in Apache.
    """
    if x.response is not None:
        x.response.body.close()
    x.headers_out.clear()
    x.err_headers_out.clear()
    first = x.status
    failed: Exchange = await waited(fail(x, error))
    if failed is x and first >= 300:
        send_page(x, x.status, also=first)
    without_length(failed)
    again = (await waited(_filtered(failed)) if failed.filters else None) or _finished(failed)
    if again is not None:
        _bare(failed)
    return failed


def _bare(x: Exchange) -> None:
    """Answer by a status alone, as even the page could not be sent; the connection ends."""
    if x.response is not None:
        x.response.body.close()
    x.headers_out.clear()
    x.err_headers_out.clear()
    x.content_type, x.content_encoding, x.content_languages = None, None, []
    x.status, x.keep_alive = 500, False
    x.response = Response(500, EMPTY)
