"""CO: cookies that rules set.

`name:value:domain[:minutes[:path[:secure[:httponly[:samesite]]]]]`, or the same with semicolons where the text begins
with one; separators in a row count as one. A cookie is set once for a request, by the rule that comes first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mpmserver.config.numbers import atoi
from mpmserver.http.text import path_octets
from mpmserver.modules.rewrite.trace import trace

if TYPE_CHECKING:
    from mpmserver.modules.rewrite.state import Run

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIELDS = 8


def set_cookie(run: Run, text: str) -> None:
    """Set the cookie that an expanded CO describes, unless it lacks name, value or domain."""
    separator = ";" if text.startswith(";") else ":"
    fields = [field for field in text.split(separator) if field]
    if len(fields) < 3:
        return
    name = fields[0]
    x = run.x
    while x.main is not None:
        x = x.main
    notes = x.first.notes
    if f"{name}_rewrite" in notes:
        if run.tracing:
            trace(x, 5, f"skipping already set cookie '{name}'")
        return
    cookie = _cookie(fields)
    x.err_headers_out.add("Set-Cookie", path_octets(cookie))
    notes[f"{name}_rewrite"] = "set"
    if run.tracing:
        trace(x, 5, f"setting cookie '{cookie}'")


def _cookie(fields: list[str]) -> str:
    """The value of Set-Cookie."""
    name, value, domain, minutes, path, secure, http_only, same_site = (*fields, *[""] * _FIELDS)[:_FIELDS]
    parts = [f"{name}={value}", f"path={path or '/'}", f"domain={domain}"]
    if lifetime := atoi(minutes):
        parts.append(f"expires={_date(lifetime)}")
    if secure.lower() in ("true", "1", "secure"):
        parts.append("secure")
        if http_only.lower() in ("true", "1", "httponly"):
            parts.append("HttpOnly")  # Apache adds it to secure ones only
    if same_site and same_site.lower() not in ("false", "0"):
        parts.append(f"SameSite={same_site}")
    return "; ".join(parts)


def _date(minutes: int) -> str:
    moment = time.gmtime(int(time.time()) + 60 * minutes)
    day, month = _DAYS[moment.tm_wday], _MONTHS[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday:02}-{month}-{moment.tm_year:04} {time.strftime('%H:%M:%S', moment)} GMT"
