"""The head of a script's output (RFC 3875 6.2): fields up to an empty line, and what they mean to the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mpmserver.core.ranges import meets_conditions
from mpmserver.core.settings import Level
from mpmserver.http.dates import parse_http_date
from mpmserver.http.errors import HTTPError

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

MOST = 1 << 20
"""A head longer than this is taken for an error of the script."""


@dataclass(slots=True)
class ScriptHead:
    """A script's fields in order, and its Status as a number with its phrase."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    phrase: str | None = None


def split_head(output: bytearray) -> bytes | None:
    """Cut the head with its empty line off the output; None while it is not complete."""
    start = 0
    while True:
        end = output.find(b"\n", start)
        if end < 0:
            return None
        if output[start:end] in (b"", b"\r"):
            head = bytes(output[: end + 1])
            del output[: end + 1]
            return head
        start = end + 1


def parse_script_head(head: bytes, script: str) -> ScriptHead:
    """Parse a script's head; raises HTTPError 500 for a line that is no field, with Apache's words."""
    parsed = ScriptHead()
    for line in head.decode("latin-1").split("\n"):
        line = line.removesuffix("\r")
        if not line:
            break
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPError(
                500, log=f"malformed header from script '{script}': Bad header: {line[:30]}", level="error"
            )
        value = value.strip(" \t")
        if name.lower() == "status":
            _take_status(parsed, value, script)
        else:
            parsed.fields.append((name.rstrip(" \t"), value))
    return parsed


def _take_status(parsed: ScriptHead, value: str, script: str) -> None:
    digits = value.split(" ", 1)[0]
    if not digits.isdecimal() or not 100 <= int(digits) <= 999:
        raise HTTPError(500, log=f"Invalid status line from script '{script}': {value[:30]}", level="error")
    parsed.status = int(digits)
    parsed.phrase = value


def apply_head(x: Exchange, head: ScriptHead) -> None:
    """Put a script's fields where the answer takes them from; raises HTTPError 304 or 412 by the request's conditions."""
    for name, value in head.fields:
        _take_field(x, name, value)
    if head.status is None:
        verdict = meets_conditions(x)
        if verdict is not None:
            raise HTTPError(verdict)


def _take_field(x: Exchange, name: str, value: str) -> None:
    match name.lower():
        case "content-type":
            x.content_type = value
        case "content-length" | "location" | "accept-ranges":
            x.headers_out.set(name, value)
        case "transfer-encoding" | "connection":
            pass  # they are this connection's matter, not the script's
        case "last-modified":
            seconds = parse_http_date(value)
            if seconds is not None:
                x.headers_out.set("Last-Modified", x.world.dates.http_date(seconds))
        case "set-cookie":
            x.err_headers_out.add(name, value)
        case "www-authenticate":
            x.err_headers_out.add(name, value)
        case _:
            x.headers_out.add(name, value)


def premature_end(x: Exchange, script: str) -> HTTPError:
    """The script ended, or was ended, before its head was complete."""
    name = script.rpartition("/")[2]
    x.server.log(Level.ERROR, "cgi", f"End of script output before headers: {name}", x)
    return HTTPError(500)
