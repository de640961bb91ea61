"""The server's own pages against those that Apache 2.4.71 sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mpmserver.core.errorpage import allow_header, error_page
from mpmserver.core.exchange import Exchange
from mpmserver.core.names import full_content_type
from tests.unit.modules.core_kit import TestSite

PAGES: dict[str, str] = json.loads((Path(__file__).parents[2] / "data" / "error-pages.json").read_text())


def exchange(root: Path, text: str = "", *headers: str, method: str = "GET") -> Exchange:
    x = TestSite(text, root).ask(method, "/nothing", *headers)
    x.notes.clear()
    return x


@pytest.mark.parametrize("status", PAGES)
def test_page(status: str, tmp_path: Path) -> None:
    x = exchange(tmp_path)
    if int(status) < 400:
        x.headers_out.set("Location", "http://x/")
    assert error_page(x, int(status)).decode() == PAGES[status]


@pytest.mark.parametrize("status", [418, 306, 599])
def test_unknown_statuses_are_500(status: int, tmp_path: Path) -> None:
    assert error_page(exchange(tmp_path), status).decode() == PAGES["500"]


def test_location_is_escaped(tmp_path: Path) -> None:
    x = exchange(tmp_path)
    x.headers_out.set("Location", 'http://x/%3ca%3e&b"')
    assert b'<a href="http://x/%3ca%3e&amp;b&quot;">here</a>' in error_page(x, 301)


def test_an_error_on_the_way_to_the_page(tmp_path: Path) -> None:
    page = error_page(exchange(tmp_path), 410, also=410).decode()
    text = "error was encountered while trying to use an ErrorDocument to handle the request."
    assert page.endswith(f"<p>Additionally, a 410 Gone\n{text}</p>\n</body></html>\n")


def test_notes(tmp_path: Path) -> None:
    x = exchange(tmp_path)
    x.notes["error-notes"] = "Request header field is missing ':' separator."
    assert b"could not understand.<br />\nRequest header field is missing ':' separator.</p>" in error_page(x, 400)
    assert b"missing" not in error_page(x, 404)


def test_expectation(tmp_path: Path) -> None:
    page = error_page(exchange(tmp_path, "", "Expect: 100-continue"), 417)
    assert b"<pre>\n    Expect: 100-continue\n</pre>\n" in page


@pytest.mark.parametrize(
    ("text", "footer"),
    [
        ("ServerSignature On", "<hr>\n<address>mpmserver/0.1.0 (Unix) Server at localhost Port 80</address>\n"),
        ("ServerSignature On\nServerTokens Prod", "<hr>\n<address>mpmserver Server at localhost Port 80</address>\n"),
        (
            "ServerTokens Major\nServerSignature On",
            "<hr>\n<address>mpmserver/0 Server at localhost Port 80</address>\n",
        ),
        (
            "ServerSignature EMail\nServerAdmin a@b.c\nServerTokens Min",
            '<hr>\n<address>mpmserver/0.1.0 Server at <a href="mailto:a@b.c">localhost</a> Port 80</address>\n',
        ),
        ("ServerSignature Off", "server.</p>\n"),
    ],
)
def test_signature(text: str, footer: str, tmp_path: Path) -> None:
    assert error_page(exchange(tmp_path, text), 404).decode().endswith(f"{footer}</body></html>\n")


def test_signature_names_an_ipv6_host_without_brackets(tmp_path: Path) -> None:
    page = error_page(exchange(tmp_path, "ServerSignature On", "Host: [::1]:8080"), 404)
    assert b"Server at ::1 Port 8080</address>" in page


def test_allow(tmp_path: Path) -> None:
    x = exchange(tmp_path, "TraceEnable off")
    x.allowed = {"GET", "X-OWN"}
    assert allow_header(x) == "HEAD,GET,X-OWN"


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("AddDefaultCharset utf-8", "text/plain", "text/plain; charset=utf-8"),
        ("AddDefaultCharset On", "text/html", "text/html; charset=iso-8859-1"),
        ("AddDefaultCharset utf-8", "text/html;charset=x", "text/html;charset=x"),
        ("AddDefaultCharset utf-8", "application/json", "application/json"),
        ("AddDefaultCharset Off", "text/html", "text/html"),
        ("", None, None),
    ],
)
def test_default_charset(text: str, kind: str | None, expected: str | None, tmp_path: Path) -> None:
    x = exchange(tmp_path, text)
    x.content_type = kind
    assert full_content_type(x) == expected
