"""The first line of a request head (RFC 9112 3), and what Apache says about a bad one.

A good line costs one match of ``_LINE`` and ``parse_target``; only what it refuses is taken apart again
to find Apache's status and log line. ``HttpProtocolOptions Unsafe`` accepts more white space and line
ends; its lines always go the second way.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mpmserver.http.errors import HTTPError
from mpmserver.http.limits import REGISTERED_METHODS, HeadLimits
from mpmserver.http.syntax import TCHAR, TOKEN
from mpmserver.http.uri import Target, parse_target

_LINE = re.compile(rf"([{TCHAR}]+) ([!-~\x80-\xff]+) (HTTP/([1-9])\.([0-9]))\r\n")
_VISIBLE = re.compile(r"[!-~\x80-\xff]+")
_WORDS = re.compile(
    r"([ \t\n\v\f\r]*)([^ \t\n\v\f\r]*)([ \t\n\v\f\r]*)([^ \t\n\v\f\r]*)([ \t\n\v\f\r]*)([^ \t\n\v\f\r]*)(.*)",
    re.DOTALL,
)
_PROTOCOL = re.compile(r"HTTP/([1-9])\.([0-9])")
_PROTOCOL_UNSAFE = re.compile(_PROTOCOL.pattern, re.IGNORECASE)
_TOKEN_BEFORE = re.compile(rf"[{TCHAR}]*")
_BAD_SPACE = re.compile(r"[\t\v\f\r]")
_SCHEME_ONLY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//)(.*)", re.DOTALL)


class RequestLine(NamedTuple):
    """A request line in parts; ``text`` is what the access log shows of it."""

    method: str
    target: str
    protocol: str
    version: tuple[int, int]
    text: str
    uri: Target


def parse_request_line(line: str, limits: HeadLimits) -> RequestLine:
    """Take a request line apart. ``line`` is latin-1 text with its line end.

    Raises HTTPError 400, 414 or 501 as Apache answers, with what is known of the line on the exception.
    """
    match = _LINE.fullmatch(line)
    if match is None or len(line) > limits.longest_line:
        return _unusual_line(line, limits)
    method, target, protocol, major, minor = match.groups()
    return _with_target(method, target, protocol, (int(major), int(minor)), line[:-2], limits)


def _with_target(
    method: str, target: str, protocol: str, version: tuple[int, int], text: str, limits: HeadLimits
) -> RequestLine:
    def refuse(log: str, status: int = 400) -> HTTPError:
        return refusal(status, _about_line(log), text, method, target, protocol if version[0] else "HTTP/1.0")

    if limits.registered_methods and method not in REGISTERED_METHODS:
        raise refuse(f"AH02423: Unrecognized HTTP method: '{method}' (disallowed by RegisteredMethods)", 501)
    uri = parse_target(target, method)
    if uri is None:
        raise refuse(f"AH03450: Unable to parse URI: '{_unparsed(target)}'")
    if uri.userinfo is not None:
        text = _without_password(text, uri.userinfo)
        if limits.strict:
            raise refuse("AH02422: URI must not contain a username/password")
    if limits.strict and uri.fragment is not None:
        raise refuse("AH02421: URI must not contain a fragment")
    return RequestLine(method, target, protocol, version, text, uri)


def _about_line(log: str) -> str:
    return f"{log[:9]}HTTP Request Line; {log[9:]}"


def _unparsed(target: str) -> str:
    """The part of a target that Apache names as the trouble."""
    match = _SCHEME_ONLY.fullmatch(target)
    return match[1] if match else target.partition(":")[0]


def _without_password(text: str, userinfo: str) -> str:
    user, colon, _ = userinfo.partition(":")
    return text.replace(f"{userinfo}@", f"{user}:XXXXXXXX@", 1) if colon else text


def _unusual_line(line: str, limits: HeadLimits) -> RequestLine:
    """What is no plain request line: HTTP/0.9, Unsafe's liberties, or an error."""
    if len(line) > limits.longest_line:
        raise _too_long(line, limits)
    content = line.removesuffix("\n").removesuffix("\r")
    if "\0" in content or (limits.strict and not line.endswith("\r\n")):
        raise refusal(
            400, "AH00566: request failed: malformed request line", line.removesuffix("\r\n").partition("\0")[0]
        )
    match = _WORDS.fullmatch(content)
    assert match is not None  # every part of the pattern may be empty
    before, method, gap, target, second_gap, protocol, after = match.groups()
    text = " ".join(filter(None, (method, target, protocol)))
    if before and limits.strict and not TOKEN.fullmatch(method):
        text = _TOKEN_BEFORE.match(method)[0]  # type: ignore[index]  # Apache has cut the line there
    version = (_PROTOCOL if limits.strict else _PROTOCOL_UNSAFE).fullmatch(protocol)
    shown = protocol if version or protocol[:5] == "http/" else "HTTP/1.0"
    white = _excess_space if limits.strict else _bad_space
    trouble = white(before, gap, second_gap, after) or _word_trouble(method, target, protocol, bool(version), limits)
    if trouble:
        raise refusal(400, trouble, text, method, target or "/", shown)
    if version is None:
        return _with_target(method, target, "HTTP/0.9", (0, 9), text, limits)
    return _with_target(method, target, protocol.upper(), (int(version[1]), int(version[2])), text, limits)


def _excess_space(before: str, gap: str, second_gap: str, after: str) -> str:
    """What HttpProtocolOptions Strict has against the white space of a line."""
    if not after and (before or (gap + second_gap).strip(" ")):
        return _about_line("AH03447: Invalid whitespace")
    if after or len(gap) > 1 or len(second_gap) > 1:
        return _about_line("AH03448: Excess whitespace (disallowed by HttpProtocolOptions Strict)")
    return ""


def _bad_space(before: str, gap: str, second_gap: str, after: str) -> str:
    """As ``_excess_space``, for Unsafe: any number of spaces, and nothing but spaces."""
    if before or (gap + second_gap).strip(" ") or _BAD_SPACE.search(after):
        return _about_line("AH03447: Invalid whitespace")
    extra = after.strip(" ")
    if not extra:
        return ""
    return _about_line(f"AH03449: Extraneous text found '{extra}' (perhaps whitespace was injected?)")


def _word_trouble(method: str, target: str, protocol: str, versioned: bool, limits: HeadLimits) -> str:
    """What is wrong with the words of a line, in the order in which Apache looks."""
    checks = (
        (
            protocol and not versioned,
            f"AH02418: Unrecognized protocol '{protocol}' (perhaps whitespace was injected?)",
        ),
        (not (TOKEN.fullmatch(method) if limits.strict else method), f"AH03445: Invalid method token: '{method}'"),
        (not target, "AH03454: URI incorrectly encoded: ''"),
        (not protocol and not limits.allow09, "AH02401: Rejected HTTP/0.9 request"),
        (
            not protocol and method != "GET" and limits.strict,
            f"AH03444: Invalid method token: '{method}' (only GET is allowed for HTTP/0.9 requests)",
        ),
        (not _VISIBLE.fullmatch(target), f"AH03454: URI incorrectly encoded: '{target}'"),
    )
    return next((_about_line(text) for wrong, text in checks if wrong), "")


def _too_long(line: str, limits: HeadLimits) -> HTTPError:
    shown = line[: limits.line + 1].partition("\0")[0]
    error = refusal(
        414,
        f"AH00565: request failed: client's request-line exceeds LimitRequestLine (longer than {limits.line})",
        shown,
    )
    error.level = "info"
    return error


def refusal(
    status: int,
    log: str,
    request_line: str,
    method: str | None = None,
    target: str | None = None,
    protocol: str = "HTTP/1.0",
) -> HTTPError:
    """An HTTPError that ends the connection and knows what the access log wants to know."""
    error = HTTPError(status, log=log, close=True, level="debug")
    error.request_line, error.method, error.target, error.protocol = request_line, method, target, protocol
    return error
