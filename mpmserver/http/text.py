"""Text made safe for HTML pages and log files, with Apache's escapes."""

from __future__ import annotations

import re

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})

_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_NAMED = {"\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_ERROR_LOG = str.maketrans(
    {chr(c): f"\\x{c:02x}" for c in (*range(32), *range(127, 256))}
    | {chr(0xDC00 + c): f"\\x{c:02x}" for c in range(128, 256)}
    | _NAMED
)
_ACCESS_LOG = {**_ERROR_LOG, ord('"'): '\\"'}


def escape_html(text: str) -> str:
    """Text for HTML content and quoted attributes (ap_escape_html)."""
    return text.translate(_HTML)


def escape_logitem(text: str) -> str:
    """Text for the access log (ap_escape_logitem): ``\\xhh``, ``\\"``, ``\\\\`` and C's letters.

    ``text`` is latin-1, or a path with surrogate escapes; a character beyond both becomes its UTF-8
    octets.
    """
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _octets(text).translate(_ACCESS_LOG)


def escape_errorlog_item(text: str) -> str:
    """As ``escape_logitem``, for the error log, which leaves quotes alone."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return _octets(text).translate(_ERROR_LOG)


def escape_quotes(text: str) -> str:
    """Text for a quoted string: a backslash before each quote that has none (ap_escape_quotes)."""
    return _QUOTE.sub(lambda match: match[0] if len(match[0]) > 1 else '\\"', text)


def path_octets(text: str) -> str:
    """A path (text with surrogate escapes) as latin-1 text: one character for each octet that it stands for."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _octets(text: str) -> str:
    """Latin-1 text as it is; a path (anything beyond latin-1) as one character per octet."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text
