"""Character classes of RFC 9110 5.6 that several parsers share."""

from __future__ import annotations

import re

TCHAR = r"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""The characters of a token (RFC 9110 5.6.2), for use inside a regular expression's brackets."""

TOKEN = re.compile(f"[{TCHAR}]+")

FIELD_LINE = rf"[{TCHAR}]+:[\t -~\x80-\xff]*"
"""A field line as every setting allows it, without its end (RFC 9112 5), inside a regular expression."""


def token_pattern(token: str) -> re.Pattern[str]:
    """A pattern that finds ``token`` as Apache does: any separator ends a token, not only a comma."""
    return re.compile(rf"(?<![{TCHAR}\x80-\xff]){re.escape(token)}(?![{TCHAR}\x80-\xff])", re.IGNORECASE | re.ASCII)


def decimal(digits: str, most: int) -> int | None:
    """The number that decimal ``digits`` write, None above ``most``. Cheap for any number of digits."""
    significant = digits.lstrip("0")
    if len(significant) > len(str(most)):
        return None
    number = int(significant or "0")
    return number if number <= most else None
