"""Directives that take an expression: ErrorDocument, SetHandler, Redirect, Alias, Require expr, AuthBasicFake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.modules.kit import USUAL, SiteKit

OPEN = "<Directory />\nRequire all granted\n</Directory>\n"


@pytest.mark.parametrize(("document", "status", "body"), [
    ('"%{REQUEST_STATUS} %{REQUEST_URI}', 404, "404 /gone"),
    ("%{tolower:/DOC}", 404, "/doc"),
    ("/%{tolower:DOC}", 404, "document"),
    ('"%{file:/nowhere}"', 404, None),
    ("http://x.test/%{REQUEST_STATUS}", 302, None),
])  # fmt: skip
def test_error_documents(tmp_path: Path, document: str, status: int, body: str | None) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}ErrorDocument 404 {document}\n")
    kit.file("doc", "document")
    answer = kit.get("/gone")
    assert answer.status == status
    assert body in (None, answer.text)
    if status == 302:
        assert answer.headers["Location"] == "http://x.test/200"


def test_an_error_document_that_fails_is_logged(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f'{OPEN}ErrorDocument 404 "%{{file:/nowhere}}"\n')
    assert "404 Not Found" in kit.get("/gone").text
    complaint = "AH02841: core: ErrorDocument: can't evaluate require expression: Cannot open file /nowhere"
    assert [message for _level, _module, message in kit.log].count(complaint) == 2


@pytest.mark.parametrize(("name", "handler", "status"), [
    ("Foo%{toupper:x}", "foox", 200), ("%{tolower:NONE}", None, 200), ("NoNe", None, 200),
    ("%{file:/nowhere}", None, 500), ("expr=%{REQUEST_METHOD}", "expr=get", 200),
])  # fmt: skip
def test_handlers(tmp_path: Path, name: str, handler: str | None, status: int) -> None:
    kit = SiteKit(tmp_path, f'{OPEN}SetHandler "{name}"\n')
    kit.file("x")
    answer = kit.get("/x")
    assert (answer.status, answer.x.handler) == (status, handler)


@pytest.mark.parametrize(("directive", "status", "location"), [
    ('Redirect "http://x.test/%{tolower:A} b?%{REQUEST_METHOD}"', 302, "http://x.test/a%20b?GET"),
    ('Redirect 301 "/to%{REQUEST_URI}"', 301, "http://localhost:8080/to/x"),
    ('Redirect "%{HTTP:Nope}"', 500, None),
    ('Redirect "%{file:/nowhere}"', 500, None),
    ("Redirect gone", 410, None),
])  # fmt: skip
def test_redirects(tmp_path: Path, directive: str, status: int, location: str | None) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}<Location /x>\n{directive}\n</Location>\n")
    answer = kit.get("/x")
    assert (answer.status, answer.headers.get("Location")) == (status, location)


def test_aliases(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f'{OPEN}<LocationMatch "^/a/(?<name>.*)">\n'
        f'Alias "{tmp_path}/htdocs/%{{env:MATCH_NAME}}.txt"\n</LocationMatch>\n'
        f'<Location /b>\nAlias "{tmp_path}/htdocs/%{{tolower:ONE.TXT}}"\n</Location>\n',
    )
    kit.file("one.txt", "1")
    assert [kit.get(path).text for path in ("/a/one", "/b", "/b/any")] == ["1", "1", "1"]


@pytest.mark.parametrize(("expression", "status"), [
    ("true", 200), ("false", 403), ("\"%{REQUEST_URI} == '/x'\"", 200), ("%{REQUEST_METHOD} == 'POST'", 403),
    ("file('/nowhere') == 'x'", 500), ("-U '/y'", 200),
])  # fmt: skip
def test_requirements(tmp_path: Path, expression: str, status: int) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}<Location /x>\nRequire expr {expression}\n</Location>\n")
    kit.file("x")
    assert kit.get("/x").status == status


@pytest.mark.parametrize(("arguments", "field", "status"), [
    ("user%{REQUEST_METHOD} pw", "Basic dXNlckdFVDpwdw==", 200),
    ("user", "Basic dXNlcjpwYXNzd29yZA==", 200),
    ("off", "old", 200),
    ("%{HTTP:Nope} pw", None, 200),
    ("user %{HTTP:Nope}", None, 200),
    ("%{file:/nowhere}", "old", 500),
])  # fmt: skip
def test_fake_credentials(tmp_path: Path, arguments: str, field: str | None, status: int) -> None:
    text = f"{OPEN}<Location /x>\nAuthBasicFake {arguments}\n</Location>\n"
    kit = SiteKit(tmp_path, text, (*USUAL, "authn_core", "auth_basic"))
    kit.file("x")
    answer = kit.get("/x", headers=[("Authorization", "old")])
    assert (answer.status, answer.x.headers_in.get("Authorization")) == (status, field)
