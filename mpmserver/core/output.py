"""From what a handler answered to what is sent: the output filters and the byte ranges, in that order.

Called by the connection for the last Exchange of a request, before its head is written; an error in here is
still answered by its ErrorDocument or page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mpmserver.core.errors import send_page
from mpmserver.core.pipeline import crashed, fail, without_length
from mpmserver.core.ranges import apply_ranges
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


async def deliverable(x: Exchange) -> Exchange:
    """Return the Exchange whose response is ready to be sent: `x`, or that of the error that came up."""
    try:
        _filter(x)
        _check_fields(x)
    except HTTPError as error:
        return await _failed(x, error)
    except Exception:  # noqa: BLE001 - a bug in a filter costs its request and nothing else
        return await _failed(x, crashed(x))
    return x


def _filter(x: Exchange) -> None:
    """Pass the response through the request's filters, then cut it to the ranges asked for."""
    for each in sorted(x.filters, key=lambda each: each.order):
        assert x.response is not None
        x.response = each.apply(x, x.response)
    assert x.response is not None
    x.response = apply_ranges(x, x.response)
    x.status = x.response.status


def _check_fields(x: Exchange) -> None:
    """Refuse header fields that could end a line or are none at all; raises HTTPError 500."""
    for name, value in (*x.headers_out.items(), *x.err_headers_out.items()):
        if _FIELD_NAME.fullmatch(name) is None:
            fault = f"AH02429: Response header name '{name}' contains invalid characters, aborting request"
        elif _CONTROL.search(value) is not None:
            fault = f"AH02430: Response header '{name}' value of '{value}' contains invalid characters, "
            fault += "aborting request"
        else:
            continue
        x.server.log(Level.ERROR, "http", fault, x)
        x.headers_out.clear()
        x.err_headers_out.clear()
        raise HTTPError(500)


async def _failed(x: Exchange, error: HTTPError) -> Exchange:
    """Answer an error of the output; as it comes so late its page is sent without a length, as in Apache."""
    if x.response is not None:
        x.response.body.close()
    first = x.status
    failed = await fail(x, error)
    if failed is x and first >= 300:
        send_page(x, x.status, also=first)
    without_length(failed)
    return failed
