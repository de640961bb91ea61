"""The head of a script's output (RFC 3875 6.2): fields up to an empty line, read as it comes, and what they mean.

Lines end with LF or CRLF. A line may have LINE_MOST bytes with its end; what is longer ends the head like the end of
the output does. As Apache keeps a line as a C string, nothing behind a NUL counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mpmserver.core.ranges import meets_conditions
from mpmserver.http.dates import http_date, parse_http_date
from mpmserver.http.errors import HTTPError
from mpmserver.http.status import LINES
from mpmserver.records import dataclass, field

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

LINE_MOST = 8190
HEADS_MOST = 256
"""Heads that are kept with what they mean: a script says much the same each time. Then they are read anew."""
HEAD_MOST = 512
"""Bytes of a head that is kept."""
_NUMBER = re.compile(r"[ \t]*([+-]?\d{1,9})")
_OF_CONTENT = frozenset({"location", "content-length", "content-range", "etag"})
"""Fields that describe the content: an error page of ours drops them. All others survive errors."""


_heads: dict[bytes, tuple[list[tuple[str, str]], str | None]] = {}


@dataclass(slots=True)
class ScriptHead:
    """A script's fields in order (nobody changes the list: other requests may have it too), and what it said behind
    Status:."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    status: str | None = None
    begun: bool = False
    """Whether a whole line has been read."""
    complete: bool = False
    bad_line: str | None = None
    """A line that is no field: the script's output is worth nothing."""
    overlong: bool = False
    decided: bool = False
    """Whether more output can't change anything: the head is complete, overlong, or has a bad line."""

    def feed(self, output: bytearray) -> None:
        """Cut whole lines off `output` as far as the head goes."""
        if self.begun or not output:
            self._feed(output)
            return
        end = output.find(b"\n\n", 0, HEAD_MOST) + 2
        if end < 2:
            end = output.find(b"\n\r\n", 0, HEAD_MOST) + 3
        text = bytes(output[:end])
        known = _heads.get(text)
        if known is not None:
            self.fields, self.status = known
            self.begun = self.complete = self.decided = True
            del output[:end]
            return
        whole = len(output)
        self._feed(output)
        if self.complete and (self.fields or self.status is not None) and len(output) == whole - end:
            if len(_heads) >= HEADS_MOST:
                _heads.clear()
            _heads[text] = self.fields, self.status

    def _feed(self, output: bytearray) -> None:
        begin = 0
        while not self.decided:
            end = output.find(b"\n", begin, begin + LINE_MOST)
            if end < 0:
                self.overlong = self.decided = len(output) - begin >= LINE_MOST
                break
            line = output[begin:end].removesuffix(b"\r").partition(b"\0")[0].decode("latin-1")
            begin = end + 1
            if line:
                self._take(line)
            else:
                self.complete = self.decided = True
        del output[:begin]

    def _take(self, line: str) -> None:
        self.begun = True
        name, colon, value = line.partition(":")
        if not colon:
            self.bad_line, self.decided = line, True
            return
        value = value.lstrip(" \t\v\f\r")
        if name.lower() == "status":
            self.status = value
        else:
            self.fields.append((name, value))

    @property
    def status_number(self) -> int | None:
        """The number behind Status:, 0 where there is none; None without that field."""
        if self.status is None:
            return None
        match = _NUMBER.match(self.status)
        return int(match[1]) if match else 0

    @property
    def status_line(self) -> str | None:
        """Number and phrase as they are sent; None where the script said nothing, or the number alone for a known one.

        What is no three-digit number goes out as 500, though it is logged as it is.
        """
        line = self.status
        if line is None:
            return None
        if len(line) < 3 or not line[:3].isdecimal() or line[0] == "0" or line[3:4] not in ("", " "):
            return LINES[500]
        return line if len(line) > 3 else LINES.get(int(line)) or f"{line} "


def apply_description(x: Exchange, head: ScriptHead) -> list[tuple[str, str]]:
    """Take over the status and the fields that describe the content; returns the other fields."""
    if head.status is not None:
        x.status = head.status_number or 0
    return [pair for pair in head.fields if not _describe(x, *pair)]


def apply_head(x: Exchange, head: ScriptHead) -> None:
    """Put a script's fields where the answer takes them from; raises HTTPError 304 or 412 as the request asks."""
    kept = x.err_headers_out
    cookies = kept.get_all("Set-Cookie")
    others = apply_description(x, head)
    verdict = meets_conditions(x) if head.status is None and x.method in ("GET", "HEAD") else None
    for name, value in others:
        if name.lower() == "set-cookie":
            cookies.append(value)
        else:
            kept.merge(name, value)
    if cookies:
        kept.unset("Set-Cookie")
        kept.extend(("Set-Cookie", value) for value in cookies)
    if verdict is not None:
        raise HTTPError(verdict)


def _describe(x: Exchange, name: str, value: str) -> bool:
    """Take a field that describes the content, or the framing, which is this server's business; False for others."""
    key = name.lower()
    if key == "content-type":
        kind, semicolon, parameters = value.rstrip(" \t").partition(";")
        x.content_type = kind.lower() + semicolon + parameters
    elif key in _OF_CONTENT:
        x.headers_out.set(name, value)
    elif key == "last-modified":
        seconds = parse_http_date(value) or 0
        x.headers_out.set("Last-Modified", http_date(min(seconds, int(x.request_time))))
    else:
        return key == "transfer-encoding"
    return True
