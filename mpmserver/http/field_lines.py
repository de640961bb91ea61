"""The field lines of a head or a trailer section (RFC 9112 5), and what Apache says about bad ones.

A clean section is known by one match of ``_CLEAN`` over all of it and split without further checks.
Anything else is read line by line, as Apache does, so that the first error wins.
"""

from __future__ import annotations

import re

from mpmserver.http.errors import HTTPError
from mpmserver.http.limits import HeadLimits
from mpmserver.http.syntax import FIELD_LINE, TOKEN

Field = tuple[str, str, str]

_CLEAN = re.compile(rf"(?:{FIELD_LINE}\r\n)*\r\n")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_SPACE = re.compile(r"[\r\v\f]")
_ANY_SPACE = re.compile(r"[ \t\r\v\f]")
_SPACE = " \t"
_SHOWN = 80

_TOO_MANY = "The number of request header fields exceeds this server's limit."
_TOO_BIG = "Size of a request header field exceeds server limit."
_READING = ("debug", "AH00567: request failed: error reading the headers")


def parse_fields(section: str, limits: HeadLimits) -> list[Field]:
    """The fields of a section (latin-1 text up to and with its blank line) as (lower name, name, value).

    Raises HTTPError 400. Folded lines become one value, joined by a space (RFC 9112 5.2).
    """
    if len(section) <= limits.longest_field and _CLEAN.fullmatch(section):
        return _split_clean(section, limits)
    return _read_lines(section, limits)


def check_line(line: str, limits: HeadLimits) -> None:
    """Raise HTTPError 400 where a field line, complete or not, is longer than LimitRequestFieldSize allows."""
    if len(line) > limits.longest_field:
        shown = line.partition(":")[0][:_SHOWN]
        raise _refused(f"AH00561: Request header exceeds LimitRequestFieldSize: {shown}", _TOO_BIG, "info")


def _split_clean(section: str, limits: HeadLimits) -> list[Field]:
    fields: list[Field] = []
    for line in section[:-4].split("\r\n") if len(section) > 2 else ():
        name, _, value = line.partition(":")
        fields.append((name.lower(), name, value.strip(_SPACE)))
    if limits.fields and len(fields) > limits.fields:
        raise too_many()
    return fields


def _read_lines(section: str, limits: HeadLimits) -> list[Field]:
    fields: list[Field] = []
    pending: str | None = None
    for line in section.split("\n")[:-1]:
        content = _content(line, limits)
        if content[:1] in _SPACE and content:
            pending = _folded(pending, content, limits)
            continue
        if pending is not None:
            if limits.fields and len(fields) >= limits.fields:
                raise too_many()
            fields.append(_field(pending, limits))
        if not content:
            break
        pending = content
    return fields


def _content(line: str, limits: HeadLimits) -> str:
    """A line (whose LF is gone) without its CR."""
    check_line(f"{line}\n", limits)
    if "\0" in line or (limits.strict and line[-1:] != "\r"):
        raise unreadable()
    return line.removesuffix("\r")


def _folded(before: str | None, content: str, limits: HeadLimits) -> str:
    """Append a continuation line, all white space around the fold as one space."""
    if before is None:
        raise _refused("AH03442: Line folding encountered before first header line")
    content = content.strip(_SPACE)
    if not content:
        raise _refused("AH03443: Empty folded line encountered")
    # what Apache's buffer holds: both parts, the space between them and the terminating NUL
    if len(before) + len(content) + 2 >= limits.field_size:
        shown = before.partition(":")[0][:_SHOWN]
        raise _refused(
            f"AH00562: Request header exceeds LimitRequestFieldSize after folding: {shown}", _TOO_BIG, "info"
        )
    return f"{before.rstrip(_SPACE)} {content}"


def _field(line: str, limits: HeadLimits) -> Field:
    name, colon, value = line.partition(":")
    value = value.strip(_SPACE)
    trouble = (_strict_trouble if limits.strict else _unsafe_trouble)(line, name, colon, value)
    if trouble:
        raise _refused(trouble)
    return name.lower(), name, value


def _strict_trouble(line: str, name: str, colon: str, value: str) -> str:
    if not colon or not TOKEN.fullmatch(name):
        return f"AH02426: Request header field name is malformed: {line[:_SHOWN]}"
    if _BAD_VALUE.search(value):
        return f"AH02427: Request header value is malformed: {value[:_SHOWN]}"
    return ""


def _unsafe_trouble(line: str, name: str, colon: str, value: str) -> str:
    if not colon:
        return f"AH00564: Request header field is missing ':' separator: {line[:_SHOWN]}"
    if not name:
        return "AH03453: Request header field name was empty"
    if _ANY_SPACE.search(name):
        return "AH03452: Request header field name presented invalid whitespace"
    if _BAD_SPACE.search(value):
        return "AH03451: Request header field value presented bad whitespace"
    return ""


def too_many() -> HTTPError:
    """The refusal of a head with more fields than LimitRequestFields."""
    return _refused("AH00563: Number of request headers exceeds LimitRequestFields", _TOO_MANY, "info")


def unreadable() -> HTTPError:
    """The refusal of a section that cannot be read as lines: bare LF, NUL, a missing end."""
    return _refused("")


def _refused(log: str, message: str = "", level: str = "debug") -> HTTPError:
    if not log:
        return HTTPError(400, message, log=_READING[1], close=True, level=_READING[0])
    return HTTPError(400, message, log=log, close=True, level=level, log_more=(_READING,))
