"""Request heads: where one ends in a buffer, and what it says (RFC 9112 2 to 6, Apache 2.4's choices).

Called by the connection on every request, on whatever thread holds it; nothing here keeps state. A
buffer is asked for its head's end (``find_head_end``), an incomplete one for a broken limit
(``check_partial``), a complete head is parsed (``parse_head``). Every refusal is an HTTPError that closes
the connection and carries what was known for the access log.
"""

from __future__ import annotations

import re

from mpmserver.http.connection import OPTIONS
from mpmserver.http.errors import HTTPError
from mpmserver.http.field_lines import check_line, parse_fields, too_many, unreadable
from mpmserver.http.framing import CHUNKED, NO_BODY, Framing, Length, body_framing
from mpmserver.http.headers import Headers
from mpmserver.http.host import HOSTS, split_host
from mpmserver.http.limits import HeadLimits
from mpmserver.http.plain import plain_parts
from mpmserver.http.request import Request
from mpmserver.http.request_line import RequestLine, parse_request_line
from mpmserver.http.uri import Target

__all__ = [
    "HeadLimits",
    "check_partial",
    "cut_short",
    "exact_parts",
    "find_head_end",
    "parse_head",
    "skip_blank_lines",
    "whole_head",
]

BLANK_LINES = 10
"""Apache ignores so many empty lines before a request line."""

_BLANK = re.compile(rb"(?:\r\n){0,%d}" % BLANK_LINES)
_BLANK_UNSAFE = re.compile(rb"(?:\r?\n){0,%d}" % BLANK_LINES)
_VERSIONED = re.compile(rb"[^\n]*[ \t\v\f\r]HTTP/[1-9]\.[0-9][ \t\v\f\r]*\n")
_VERSIONED_UNSAFE = re.compile(_VERSIONED.pattern, re.IGNORECASE)
_USUAL = re.compile(rb"[!-~]+ [!-~\x80-\xff]+ HTTP/[1-9]\.[0-9]\r\n")
_FOLD = re.compile(rb"\n[ \t]")
_EMPTY = Length(0)
_ABOUT_BODIES = frozenset({"content-length", "transfer-encoding"})
_SCHEMES = frozenset({None, "http", "https"})


def skip_blank_lines(buffer: bytearray | bytes, strict: bool = True) -> int:
    """How many octets of ignorable empty lines a buffer starts with."""
    if buffer[:1] not in (b"\r", b"\n"):
        return 0
    match = (_BLANK if strict else _BLANK_UNSAFE).match(buffer)
    return match.end() if match else 0


def find_head_end(buffer: bytearray | bytes, start: int, strict: bool = True) -> int:
    """The index after a head's blank line, or -1 where the head is not complete.

    ``start`` is how much of the buffer earlier calls have seen (0 at first). A first line without an
    HTTP version is a head by itself: HTTP/0.9, or an error that need not wait for more. So is, in strict
    mode, a first line that ends in a bare LF.
    """
    usual = _USUAL.match(buffer)
    if usual:
        first = usual.end() - 1
    else:
        first = buffer.find(b"\n", skip_blank_lines(buffer, strict))
        if first < 0:
            return -1
        if (first >= start or start == 0) and _is_all(buffer, first, strict):
            return first + 1
    begin = max(first, start - 2)
    end = buffer.find(b"\n\r\n", begin)
    bare = buffer.find(b"\n\n", begin, len(buffer) if end < 0 else end + 1)
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else -1


def _is_all(buffer: bytearray | bytes, first: int, strict: bool) -> bool:
    """Whether a first line, which ends at `first`, is a head by itself."""
    line = buffer[buffer.rfind(b"\n", 0, first) + 1 : first + 1]
    versioned = _VERSIONED if strict else _VERSIONED_UNSAFE
    return not versioned.fullmatch(line) or (strict and not line.endswith(b"\r\n"))


def check_partial(buffer: bytearray, limits: HeadLimits) -> None:
    """Raise HTTPError (414, 400) where an incomplete head already breaks a limit."""
    if len(buffer) <= min(limits.longest_line, limits.longest_field):
        return
    begin = skip_blank_lines(buffer, limits.strict)
    first = buffer.find(b"\n", begin) + 1
    if not first:
        if len(buffer) - begin >= limits.longest_line:
            parse_request_line(buffer[begin:].decode("latin-1") + "\n", limits)
        return
    last = buffer.rfind(b"\n") + 1
    if len(buffer) - last < limits.longest_field and not _too_much(buffer, first, limits):
        return
    line = parse_request_line(buffer[begin:first].decode("latin-1"), limits)
    try:
        parse_fields(buffer[first:last].decode("latin-1"), limits)
        check_line(buffer[last:].decode("latin-1") + "\n", limits)
        raise too_many()
    except HTTPError as error:
        raise _with_line(error, line) from None


def _too_much(buffer: bytearray, first: int, limits: HeadLimits) -> bool:
    """Whether there are too many field lines, or more octets than any allowed head has."""
    if not limits.fields:
        return False
    if len(buffer) > limits.longest_line + (limits.fields + 1) * limits.longest_field:
        return True
    lines = buffer.count(b"\n", first)
    return lines > limits.fields and lines - len(_FOLD.findall(buffer, first)) > limits.fields


def cut_short(data: bytes, limits: HeadLimits) -> HTTPError | None:
    """The refusal of a head that its client ended too early; None where not even a line of it came (no answer)."""
    begin = skip_blank_lines(data, limits.strict)
    split = data.find(b"\n", begin) + 1
    if not split:
        return None
    try:
        line = parse_request_line(data[begin:split].decode("latin-1"), limits)
        check_line(data[split:].rpartition(b"\n")[2].decode("latin-1") + "\n", limits)
        parse_fields(data[split : data.rfind(b"\n") + 1].decode("latin-1"), limits)
    except HTTPError as error:
        return error
    return _with_line(unreadable(), line)


def whole_head(data: bytes, limits: HeadLimits) -> Request | None:
    """The request of a plain head that is all of `data`: nothing to cut off, nothing to say against it.

    None for anything else: what is incomplete, wrong, unusual, or followed by more.
    """
    parts = plain_parts(data, limits)
    if parts is None:
        return None
    try:
        return _request(*parts, limits, len(data))
    except HTTPError:
        return None


def parse_head(data: bytes, limits: HeadLimits) -> Request:
    """Parse a head that ``find_head_end`` found, with the blank lines before it.

    Raises HTTPError 400, 414, 417 or 501.
    """
    line, headers = plain_parts(data, limits) or exact_parts(data, limits)
    try:
        return _request(line, headers, limits, len(data))
    except HTTPError as error:
        error.headers_in = headers
        raise _with_line(error, line) from None


def exact_parts(data: bytes, limits: HeadLimits) -> tuple[RequestLine, Headers]:
    """The request line and the fields of any head, with the right words for what is wrong with it."""
    begin = skip_blank_lines(data, limits.strict)
    split = data.find(b"\n", begin) + 1
    text = data.decode("latin-1")
    line = parse_request_line(text[begin:split], limits)
    if not line.version[0]:
        return line, Headers()
    try:
        return line, Headers.of_fields(parse_fields(text[split:], limits))
    except HTTPError as error:
        error.headers_in = Headers()
        raise _with_line(error, line) from None


def _request(line: RequestLine, headers: Headers, limits: HeadLimits, size: int) -> Request:
    host: str | None
    method, target, protocol, version, text, uri = line
    fields = headers.joined
    framing: Framing = NO_BODY
    smuggled = expects_continue = False
    if not _ABOUT_BODIES.isdisjoint(fields):
        framing, smuggled = body_framing(headers, uri.path_raw)
        if smuggled:
            headers.unset("Content-Length")
    given = fields.get("host")
    if given and uri.authority is None and limits.strict:
        host, port = HOSTS[given]
    else:
        host, port = _host(line, given, headers, limits)
    asked, closes = OPTIONS[fields.get("connection", "")]
    if "expect" in fields:
        expects_continue = _expects_continue(line, headers, host)
    if uri.scheme not in _SCHEMES:
        raise HTTPError(400, close=True)
    persistent = version >= (1, 1) or (asked and framing is not CHUNKED)
    if expects_continue and framing in (NO_BODY, _EMPTY):
        persistent = False  # as Apache: an expectation that nothing will meet ends the connection
    return Request(
        method,
        target,
        protocol,
        version,
        headers,
        text,
        size,
        uri,
        host,
        port,
        persistent and not closes and not smuggled,
        asked,
        expects_continue,
        framing,
        smuggled,
    )


def _host(line: RequestLine, given: str | None, headers: Headers, limits: HeadLimits) -> tuple[str | None, int | None]:
    """The host and port that the request is for; an absolute target overrules Host and replaces it."""
    uri = line.uri
    if given is None:
        if line.version >= (1, 1):
            raise _no_host(uri)
        named = None
    else:
        named = _checked_host(given, headers, line, limits)
    if uri.authority is None or uri.scheme == "https":
        return named or (None, None)
    if given is not None:
        headers.set("Host", uri.authority.encode("latin-1").lower().decode("latin-1"))
    return _target_host(uri, limits)


def _checked_host(given: str, headers: Headers, line: RequestLine, limits: HeadLimits) -> tuple[str, int | None] | None:
    # RFC 9112 3.2: an invalid or repeated Host is refused even where an absolute target overrules it
    if given:
        return split_host(given, strict=limits.strict)
    if len(headers.get_all("Host")) > 1 or (line.version >= (1, 1) and line.uri.authority is None):
        raise _no_host(line.uri)
    return None


def _target_host(uri: Target, limits: HeadLimits) -> tuple[str | None, int | None]:
    if not uri.host:
        if uri.scheme is not None:
            raise HTTPError(400, log="Absolute target without a host (RFC 9110 4.2.1)", close=True, level="debug")
        return None, uri.port
    return split_host(uri.host, strict=limits.strict)[0], uri.port


def _no_host(uri: Target) -> HTTPError:
    log = f"AH00569: client sent HTTP/1.1 request without hostname (see RFC2616 section 14.23): {uri.path_raw}"
    return HTTPError(400, log=log, close=True, level="debug")


def _expects_continue(line: RequestLine, headers: Headers, host: str | None) -> bool:
    expect = headers.get("Expect")
    if not expect:
        return False
    if expect.lower() != "100-continue":
        log = f"AH00570: client sent an unrecognized expectation value of Expect: {expect}"
        error = HTTPError(417, log=log, close=True, level="info")
        error.host = host
        raise error
    return line.version >= (1, 1)


def _with_line(error: HTTPError, line: RequestLine) -> HTTPError:
    error.request_line, error.method, error.target, error.protocol = line.text, line.method, line.target, line.protocol
    error.uri = line.uri
    return error
