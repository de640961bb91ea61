"""Text as Apache changes it: escapes for HTML pages and log files, the case of letters, base64, octets and paths."""

from __future__ import annotations

import base64
import re
import string

_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_NAMED = {"\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_ERROR_LOG = str.maketrans(
    {chr(c): f"\\x{c:02x}" for c in (*range(32), *range(127, 256))}
    | {chr(0xDC00 + c): f"\\x{c:02x}" for c in range(128, 256)}
    | _NAMED
)
_ACCESS_LOG = {**_ERROR_LOG, ord('"'): '\\"'}
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


def escape_html(text: str) -> str:
    """Text for HTML content and quoted attributes (ap_escape_html)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


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


def to_lower(text: str) -> str:
    """ASCII letters in lower case; others are no letters to Apache (ap_str_tolower)."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def to_upper(text: str) -> str:
    """ASCII letters in upper case (ap_str_toupper)."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def decode_base64(text: str) -> str:
    """What base64 stands for, as far as it is base64 and up to a NUL, whatever follows. (ap_pbase64decode)"""
    match = _BASE64.match(text)
    digits = "" if match is None else match[0]
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    octets = base64.b64decode(digits + "=" * (-len(digits) % 4))
    return octets.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def path_octets(text: str) -> str:
    """A path (text with surrogate escapes) as latin-1 text: one character for each octet that it stands for."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def path_text(received: str) -> str:
    """The way back: what was received (latin-1) as paths and expressions have text, UTF-8 with surrogate escapes."""
    if received.isascii():
        return received
    return received.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _octets(text: str) -> str:
    """Latin-1 text as it is; a path (anything beyond latin-1) as one character per octet."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return path_octets(text)
    return text
