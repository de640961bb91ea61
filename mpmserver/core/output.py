"""From what a handler answered to what is sent: the output filters and the byte ranges, in that order.

Called by the connection for the last Exchange of a request, before its head is written; an error in here is
still answered by its ErrorDocument or page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.body import Content, Unmeasured
from mpmserver.core.pipeline import crashed, fail
from mpmserver.core.ranges import apply_ranges
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange


async def deliverable(x: Exchange) -> Exchange:
    """Return the Exchange whose response is ready to be sent: `x`, or that of the error that came up."""
    try:
        _filter(x)
    except HTTPError as error:
        return await _failed(x, error)
    except Exception:
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


async def _failed(x: Exchange, error: HTTPError) -> Exchange:
    """Answer an error of the output; as it comes so late its page is sent without a length, as in Apache."""
    if x.response is not None:
        x.response.body.close()
    failed = await fail(x, error)
    response = failed.response
    if response is not None and type(response.body) is Content and not failed.header_only:
        response.body = Unmeasured(response.body.data)
    return failed
