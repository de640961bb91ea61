"""What the server calls itself: UseCanonicalName, UseCanonicalPhysicalPort, absolute URLs, ServerTokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.names import (
    LOCAL_NAME_NOTE,
    construct_url,
    scheme,
    server_name,
    server_name_for_url,
    server_port,
    server_product,
)
from tests.unit.modules.core_kit import TestSite


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        ("", "Host: x", "http://x/a"),
        ("", "Host: x:8080", "http://x:8080/a"),
        ("", "Host: X:80", "http://x/a"),
        ("", "Host: [::1]:81", "http://[::1]:81/a"),
        ("ServerName n:99", "Host: x", "http://x:99/a"),
        ("ServerName n:99\nUseCanonicalName On", "Host: x:8080", "http://n:99/a"),
        ("UseCanonicalName On", "Host: x:8080", "http://localhost/a"),
        ("UseCanonicalPhysicalPort On", "Host: x", "http://x:7777/a"),
        ("UseCanonicalPhysicalPort On", "Host: x:8080", "http://x:8080/a"),
        ("UseCanonicalPhysicalPort On\nUseCanonicalName On", "Host: x:8080", "http://localhost:7777/a"),
        ("UseCanonicalPhysicalPort On\nUseCanonicalName On\nServerName n:99", "Host: x", "http://n:99/a"),
        ("ServerName https://n\nUseCanonicalName On", "Host: x", "https://n/a"),
        ("ServerName https://n:80\nUseCanonicalName On", "Host: x", "https://n:80/a"),
    ],
)
def test_url(text: str, host: str, url: str, tmp_path: Path) -> None:
    x = TestSite(text, tmp_path).ask("GET", "/nothing", host)
    x.peer.local = ("127.0.0.1", 7777)
    assert construct_url(x, "/a") == url


def test_name_by_dns(tmp_path: Path) -> None:
    x = TestSite("", tmp_path).ask("GET", "/nothing", "Host: x")
    x.settings = TestSite("UseCanonicalName DNS", tmp_path).world.site.main.defaults
    assert server_name(x) == "localhost"
    x.peer.note(LOCAL_NAME_NOTE, "by.dns")
    assert server_name(x) == "by.dns"


def test_ipv6(tmp_path: Path) -> None:
    x = TestSite("", tmp_path).ask("GET", "/nothing", "Host: [::1]")
    assert (server_name(x), server_name_for_url(x), server_port(x), scheme(x)) == ("::1", "[::1]", 80, "http")


@pytest.mark.parametrize(
    ("tokens", "product"),
    [
        ("Prod", "mpmserver"),
        ("ProductOnly", "mpmserver"),
        ("Major", "mpmserver/0"),
        ("Minor", "mpmserver/0.1"),
        ("Min", "mpmserver/0.1.0"),
        ("Minimal", "mpmserver/0.1.0"),
        ("OS", "mpmserver/0.1.0 (Unix)"),
        ("Full", "mpmserver/0.1.0 (Unix)"),
    ],
)
def test_tokens(tokens: str, product: str, tmp_path: Path) -> None:
    assert server_product(TestSite(f"ServerTokens {tokens}", tmp_path).world.site) == product
