"""mod_usertrack: which cookies are taken, how new ones look, what CookieExpires means (expectations from httpd)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpmserver.modules.usertrack import UsertrackServer
from tests.unit.modules.kit import USUAL, Answer, SiteKit, refusal

MODULES = (*USUAL, "usertrack")
GRANTED = "<Directory />\nRequire all granted\n</Directory>\n"
ON = GRANTED + "CookieTracking on\n"


def ask(root: Path, config: str, *cookies: str) -> Answer:
    kit = SiteKit(root, config, MODULES)
    kit.file("a.txt")
    return kit.get("/a.txt", headers=[("Cookie", cookie) for cookie in cookies])


ATTRIBUTES = [
    ("", "Set-Cookie", ""),
    ("CookieStyle Cookie\nCookieExpires 100", "Set-Cookie", "; max-age=100"),
    ("CookieStyle RFC2109\nCookieExpires 0", "Set-Cookie", ""),
    ("CookieStyle Cookie2", "Set-Cookie2", ""),
    ("CookieStyle rfc2965\nCookieDomain .a.b", "Set-Cookie2", "; domain=.a.b; version=1"),
    ("CookieDomain .a.b\nCookieSameSite LAX", "Set-Cookie", "; domain=.a.b; SameSite=Lax"),
    ("CookieSecure on\nCookieHTTPOnly on\nCookieSameSite strict", "Set-Cookie", "; SameSite=Strict; Secure; HttpOnly"),
]


@pytest.mark.parametrize(("config", "field", "attributes"), ATTRIBUTES)
def test_a_new_cookie(tmp_path: Path, config: str, field: str, attributes: str) -> None:
    x = ask(tmp_path, f"{ON}{config}\n").x
    value = x.notes["cookie"]
    assert re.fullmatch(r"[0-9a-f]{1,8}\.[0-9a-f]+", value)
    assert x.err_headers_out.get_all(field) == [f"Apache={value}; path=/{attributes}"]


def test_a_date_in_netscapes_form(tmp_path: Path) -> None:
    x = ask(tmp_path, f"{ON}CookieExpires '1 week'\n").x
    text = x.err_headers_out.get("Set-Cookie") or ""
    assert re.search(r"; expires=[A-Z][a-z]{2}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$", text)


BROUGHT = [
    ("Apache=abc", "abc"), ("a=b; Apache=abc; c=d", "abc"), ("a=b;Apache=abc", "abc"), ("a=b, Apache=abc", "abc"),
    ("a=b; \tApache=a=b", "a=b"), ("Apache=a,b", "a"), ("Apache=1; Apache=2", "1"),
    ("apache=abc", None), ("Apache=", None), ("Apache", None), ("XApache=abc", None), ("x=Apache=abc", None),
    ("a=b Apache=abc", None),
]  # fmt: skip


@pytest.mark.parametrize(("cookie", "value"), BROUGHT)
def test_a_cookie_that_is_brought(tmp_path: Path, cookie: str, value: str | None) -> None:
    x = ask(tmp_path, ON, cookie).x
    assert (x.err_headers_out.get("Set-Cookie") is None) == (value is not None)
    assert value is None or x.notes["cookie"] == value


def test_a_name_is_a_literal(tmp_path: Path) -> None:
    assert ask(tmp_path, f"{ON}CookieName a.b\n", "a.b=x").x.notes["cookie"] == "x"
    assert ask(tmp_path, f"{ON}CookieName a.b\n", "aXb=x").x.notes["cookie"] != "x"


def test_sections_stand_alone(tmp_path: Path) -> None:
    inner = f"<Location /a.txt>\nCookieName x\n</Location>\n{ON}"
    assert "cookie" not in ask(tmp_path, inner).x.notes
    x = ask(tmp_path, f"{ON}CookieName outer\n<Location /a.txt>\nCookieTracking on\n</Location>\n").x
    assert (x.err_headers_out.get("Set-Cookie") or "").startswith("Apache=")


SECONDS = [
    ("100", 100), ("010", 10), ("2 weeks 3", 2), ("'2 weeks 3 days 7 hours'", 1494000), ("'plus 2 weeks'", 1209600),
    ("'p 1 y 1 mo 1 mi 1 s'", 34128061), ("'1 WEEK 2 DAYS'", 777600), ("' 5 s 5 s'", 10),
    ("'100000 years'", 1094004736), ("2147483648", -2147483648), ("99999999999999", 276447231), ("'12x s'", 12),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), SECONDS)
def test_expires(tmp_path: Path, text: str, seconds: int) -> None:
    quoted = f'"{text.strip(chr(39))}"'
    kit = SiteKit(tmp_path, f"<Directory />\nCookieExpires {quoted}\n</Directory>\n", MODULES)
    assert kit.site.main[UsertrackServer].expires == seconds


def test_a_virtual_host_has_its_own_expiry(tmp_path: Path) -> None:
    config = "CookieExpires 5\n<VirtualHost *:1>\nServerName a\nCookieName x\n</VirtualHost>\n"
    config += "<VirtualHost *:1>\nServerName b\n</VirtualHost>\n"
    servers = SiteKit(tmp_path, config, MODULES).site.servers
    assert [server[UsertrackServer].expires for server in servers] == [5, 0, 5]


REFUSALS = [
    ("CookieDomain example.com", "CookieDomain values must begin with a dot"),
    ("CookieDomain .com", "CookieDomain values must contain at least one embedded dot"),
    ("CookieExpires abc", "bad expires code, numeric value expected."),
    ('CookieExpires "2 parsecs"', "bad expires code, unrecognized type"),
    ("CookieExpires 12abc", "bad expires code, missing <type>"),
    ('CookieExpires "2 m"', "bad expires code, unrecognized type"),
    ("CookieStyle Cookie3", "Invalid CookieStyle keyword: 'Cookie3'"),
    ("CookieSameSite foo", "CookieSameSite accepts 'Strict', 'Lax', or 'None'"),
]


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, line, MODULES) == message
