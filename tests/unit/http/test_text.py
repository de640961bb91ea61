"""Escapes for pages and logs, as Apache writes them."""

from __future__ import annotations

import pytest

from mpmserver.http.text import escape_errorlog_item, escape_html, escape_logitem


def test_escape_html() -> None:
    assert escape_html('<a href="x">&amp;\'</a>') == "&lt;a href=&quot;x&quot;&gt;&amp;amp;'&lt;/a&gt;"


@pytest.mark.parametrize(
    ("text", "access", "error"),
    [
        ("GET /a HTTP/1.1", "GET /a HTTP/1.1", "GET /a HTTP/1.1"),
        ('"\\', '\\"\\\\', '"\\\\'),
        ("\n\r\t\v\b", "\\n\\r\\t\\v\\b", "\\n\\r\\t\\v\\b"),
        ("\x00\x01\x07\x0c\x1b\x7f", "\\x00\\x01\\x07\\x0c\\x1b\\x7f", "\\x00\\x01\\x07\\x0c\\x1b\\x7f"),
        ("\xe4\xff\x80", "\\xe4\\xff\\x80", "\\xe4\\xff\\x80"),
        ("/\udce4", "/\\xe4", "/\\xe4"),
        ("/ł", "/\\xc5\\x82", "/\\xc5\\x82"),
    ],
)
def test_log_items(text: str, access: str, error: str) -> None:
    assert escape_logitem(text) == access
    assert escape_errorlog_item(text) == error
