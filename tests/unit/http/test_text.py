"""Escapes for pages and logs, as Apache writes them."""

from __future__ import annotations

import pytest

from mpmserver.http.text import (
    decode_base64,
    escape_errorlog_item,
    escape_html,
    escape_logitem,
    path_octets,
    path_text,
    to_lower,
    to_upper,
)


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


@pytest.mark.parametrize(
    ("received", "text"), [("plain", "plain"), ("\xc3\xa4", "ä"), ("\xe4\xff", "\udce4\udcff"), ("", "")]
)
def test_octets_and_paths(received: str, text: str) -> None:
    assert path_text(received) == text
    assert path_octets(text) == received


def test_what_was_never_received_is_no_error() -> None:
    assert path_text("ł\udce4") == "??"


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("YTpi", "a:b"), ("YTpi ", "a:b"), ("YTpi junk", "a:b"), ("YTo", "a:"), ("YT!pi", "a"), ("", ""), ("=", ""),
        ("Y", ""), ("\tYTpi", ""), ("YQBi", "a"), ("w6k6", "é:"), ("/zo=", "\udcff:"), ("éYTpi", ""),
    ],
)  # fmt: skip
def test_decode_base64(token: str, text: str) -> None:
    assert decode_base64(token) == text


def test_case_is_of_ascii_letters() -> None:
    assert to_lower("ABZ É\udcff") == "abz É\udcff"
    assert to_upper("abz éß") == "ABZ éß"
    assert (to_lower("AbC"), to_upper("aBc")) == ("abc", "ABC")
