"""Heads as nearly all are, read in one go: whole, clean, for a path. ``head.py`` has the rest.

The parts of a plain head mean the same under every setting of HttpProtocolOptions, so what they mean is kept by their
text, for all servers of a process: request lines (a site is asked for the same paths again) and field lines (a client
repeats most of them). Where anything is out of the ordinary ``plain_parts`` says nothing, and the exact parser begins
anew: it alone knows errors.
"""

from __future__ import annotations

import re

from mpmserver.http.cache import Cache
from mpmserver.http.field_lines import Field
from mpmserver.http.headers import Headers
from mpmserver.http.limits import REGISTERED_METHODS, HeadLimits
from mpmserver.http.request_line import RequestLine
from mpmserver.http.syntax import TCHAR
from mpmserver.http.uri import Target

_LINE = re.compile(rf"([{TCHAR}]+) ((/(?!/)[!\"$->@-~\x80-\xff]*)(?:\?([!\"$-~\x80-\xff]*))?) (HTTP/1\.[01])")
_CLEAN = re.compile(rf"([{TCHAR}]+):([\t -~\x80-\xff]*)")
_METHODS = {method: method for method in REGISTERED_METHODS if method != "CONNECT"}
_PROTOCOLS = {"HTTP/1.0": ("HTTP/1.0", (1, 0)), "HTTP/1.1": ("HTTP/1.1", (1, 1))}
"""By themselves, so that all lines that are kept have these texts in common."""
_new = tuple.__new__
"""Makes a named tuple without the Python function that would only call this."""


class _NotPlainError(Exception):
    """Something that the exact parser has to look at."""


def plain_parts(data: bytes | bytearray, limits: HeadLimits) -> tuple[RequestLine, Headers] | None:
    """The request line and the fields of a plain head that is all of `data`; None for anything else, good or bad."""
    if len(data) > limits.plain or not data.endswith(b"\r\n\r\n"):
        return None
    lines = data[:-4].decode("latin-1").split("\r\n")
    if len(lines) > limits.most_lines:
        return None
    try:
        line = _LINES[lines.pop(0)]
        return line, Headers.of_fields(list(map(_FIELD, lines)))
    except _NotPlainError:
        return None


def _plain_line(text: str) -> RequestLine:
    """A request line for a path with a method that everybody allows."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise _NotPlainError
    name, target, path, query, protocol = match.groups()
    method = _METHODS.get(name)
    if method is None:
        raise _NotPlainError
    protocol, version = _PROTOCOLS[protocol]
    if query is None:
        path = target
    uri = _new(Target, (path, query, None, None, None, None, None, None))
    return _new(RequestLine, (method, target, protocol, version, text, uri))


def _plain_field(line: str) -> Field:
    """A field line without anything that any setting refuses; an empty one ends a head before its end."""
    match = _CLEAN.fullmatch(line)
    if match is None:
        raise _NotPlainError
    name, value = match.groups()
    return name.lower(), name, value.strip(" \t")


_LINES = Cache(_plain_line)
_FIELDS = Cache(_plain_field)
_FIELD = _FIELDS.__getitem__
