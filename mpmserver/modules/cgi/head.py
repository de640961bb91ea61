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
    from mpmserver.http.headers import Headers

LINE_MOST = 8190
HEADS_MOST = 256
"""Heads that are kept with what they mean: a script says much the same each time. Then they are read anew."""
HEAD_MOST = 512
"""Bytes of a head that is kept."""
_NUMBER = re.compile(r"[ \t]*([+-]?\d{1,9})")
_OF_CONTENT = frozenset({"location", "content-length", "content-range", "etag"})
"""Fields that describe the content: an error page of ours drops them. All others survive errors."""
_NOT_SIMPLE = _OF_CONTENT | {"last-modified", "transfer-encoding"}

Fields = list[tuple[str, str]]
_heads: dict[bytes, tuple[Fields, str | None, tuple[str | None, Fields] | None]] = {}


@dataclass(slots=True)
class ScriptHead:
    """A script's fields in order (nobody changes the list: other requests may have it too), and what it said behind
    Status:."""

    fields: Fields = field(default_factory=list)
    status: str | None = None
    simple: tuple[str | None, Fields] | None = field(default=None, compare=False)
    """Of a head that was seen before and says nothing out of the ordinary: the content's type, and the other fields."""
    begun: bool = False
    """Whether a whole line has been read."""
    complete: bool = False
    bad_line: str | None = None
    """A line that is no field: the script's output is worth nothing."""
    overlong: bool = False
    decided: bool = False
    """Whether more output can't change anything: the head is complete, overlong, or has a bad line."""

    def feed(self, output: bytes | bytearray) -> int:
        """Read whole lines of what has come, as far as the head goes; returns how many bytes that were."""
        if self.begun or not output:
            return self._feed(output)
        end = output.find(b"\n\n", 0, HEAD_MOST) + 2
        if end < 2:
            end = output.find(b"\n\r\n", 0, HEAD_MOST) + 3
        text = bytes(output[:end])
        known = _heads.get(text)
        if known is not None:
            self.fields, self.status, self.simple = known
            self.begun = self.complete = self.decided = True
            return end
        begin = self._feed(output)
        if self.complete and (self.fields or self.status is not None) and begin == end:
            if len(_heads) >= HEADS_MOST:
                _heads.clear()
            _heads[text] = self.fields, self.status, _simple(self.fields, self.status)
        return begin

    def _feed(self, output: bytes | bytearray) -> int:
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
        return begin

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


def _simple(fields: Fields, status: str | None) -> tuple[str | None, Fields] | None:
    """The type and the other fields of a head that says nothing else of what it describes; None for any other."""
    names = {name.lower() for name, _ in fields}
    if status is not None or not names.isdisjoint(_NOT_SIMPLE):
        return None
    types = [value for name, value in fields if name.lower() == "content-type"]
    kept = [pair for pair in fields if pair[0].lower() != "content-type"]
    return (_media_type(types[-1]) if types else None), kept


def apply_description(x: Exchange, head: ScriptHead) -> list[tuple[str, str]]:
    """Take over the status and the fields that describe the content; returns the other fields."""
    if head.status is not None:
        x.status = head.status_number or 0
    return [pair for pair in head.fields if not _describe(x, *pair)]


def apply_head(x: Exchange, head: ScriptHead) -> None:
    """Put a script's fields where the answer takes them from; raises HTTPError 304 or 412 as the request asks."""
    simple = head.simple
    if simple is None:
        others = apply_description(x, head)
    else:
        kind, others = simple
        if kind is not None:
            x.content_type = kind
    verdict = meets_conditions(x) if head.status is None and x.method in ("GET", "HEAD") else None
    if others or x.err_headers_out.joined:
        _keep(x.err_headers_out, others)
    if verdict is not None:
        raise HTTPError(verdict)


def _keep(kept: Headers, others: Fields) -> None:
    """Join fields to those that errors have, too; cookies are never joined to one."""
    cookies = kept.get_all("Set-Cookie")
    for name, value in others:
        if name.lower() == "set-cookie":
            cookies.append(value)
        else:
            kept.merge(name, value)
    if cookies:
        kept.unset("Set-Cookie")
        kept.extend(("Set-Cookie", value) for value in cookies)


def _media_type(value: str) -> str:
    """A media type as it is sent: in lower case but for its parameters."""
    kind, semicolon, parameters = value.rstrip(" \t").partition(";")
    return kind.lower() + semicolon + parameters


def _describe(x: Exchange, name: str, value: str) -> bool:
    """Take a field that describes the content, or the framing, which is this server's business; False for others."""
    key = name.lower()
    if key == "content-type":
        x.content_type = _media_type(value)
    elif key in _OF_CONTENT:
        x.headers_out.set(name, value)
    elif key == "last-modified":
        seconds = parse_http_date(value) or 0
        x.headers_out.set("Last-Modified", http_date(min(seconds, int(x.request_time))))
    else:
        return key == "transfer-encoding"
    return True
