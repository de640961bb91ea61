"""mod_setenvif: attributes, values, order, phases (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.modules.kit import SiteKit, refusal

OPEN = "<Directory />\nRequire all granted\nAllowOverride All\n</Directory>\n"

HEADERS = (
    ("X-A1", "one"), ("X-A2", "two"), ("X-B", "zbbcx"), ("X-D", "d1"), ("X-D", "d2"), ("X-e", "e"),
    ("User-Agent", "Mozilla/5"),
)  # fmt: skip

CASES = [
    ("SetEnvIf Host . a b=2", {"a": "1", "b": "2"}),
    ("SetEnvIf Request_URI (.*) u=$1", {"u": "/dir/x%41"}),
    ("SetEnvIf Remote_Host (.*) h=$1", {"h": "127.0.0.2"}),
    ("SetEnvIf Remote_Addr (.*) h=$1", {"h": "127.0.0.2"}),
    ("SetEnvIf Server_Addr (.*) h=$1", {"h": "127.0.0.1"}),
    ("SetEnvIf request_method (.*) m=$1", {"m": "GET"}),
    ("SetEnvIf Request_Protocol (.*) p=$1", {"p": "HTTP/1.1"}),
    ("SetEnvIf ^X-A (.*) a=$1 n_$1", {"a": "two", "n_$1": "1"}),
    ("SetEnvIf ^x-e$ (.+) e=$1", {}),
    ("SetEnvIf ^X-e$ (.*) e=$1", {"e": "e"}),
    ("SetEnvIfNoCase ^x-e$ (.*) e=$1", {"e": "e"}),
    (r"SetEnvIf x-b (b+)(c)? j=$0-$1-$2-$3-$$-\$1", {"j": "bbc-bb-c--$$-$1"}),
    ("SetEnvIf X-B bb plain=$0", {"plain": "$0"}),
    (r"SetEnvIf X-B b\.b no", {}),
    ("SetEnvIf X-B BB no", {}),
    ("SetEnvIfNoCase X-B BB yes", {"yes": "1"}),
    ("SetEnvIf X-D (.*) d=$1", {"d": "d1, d2"}),
    ("SetEnvIf X-Absent ^$ absent", {"absent": "1"}),
    ("SetEnvIf v ^$ v=1\nSetEnvIf v 1 second", {"v": "1"}),
    ("SetEnvIf v ^$ v=1\nSetEnvIf w ^$ w=1\nSetEnvIf v 1 third", {"v": "1", "w": "1", "third": "1"}),
    ("SetEnvIf Host . V=1\nSetEnvIf v 1 found", {"V": "1", "found": "1"}),
    ("SetEnvIf Host . a b\nSetEnvIf Host . !a", {"b": "1"}),
    ("SetEnvIf Host . a\nSetEnvIf Host . a=!x", {}),
    ("SetEnvIf Host . a=b=c", {"a": "b=c"}),
    ("SetEnvIf Host . !a=b", {"!a": "b"}),
    ("BrowserMatch ^Moz moz v=2", {"moz": "1", "v": "2"}),
    ("BrowserMatch ^moz moz", {}),
    ("BrowserMatchNoCase ^moz moz !v", {"moz": "1"}),
    ('SetEnvIf User-Agent "Moz" "a=b c"', {"a": "b c"}),
]

REFUSALS = [
    ("SetEnvIf", "Missing header-field name for SetEnvIf"),
    ("SetEnvIf a", "Missing regular expression for SetEnvIf"),
    ("SetEnvIf a b", "Missing envariable expression for SetEnvIf"),
    ("SetEnvIf a ( c", "SetEnvIf regex could not be compiled."),
    ("SetEnvIf ( b c", "SetEnvIfHeader name regex could not be compiled."),
    ('SetEnvIf a "" c', "Missing regular expression for SetEnvIf"),
    ("BrowserMatch", "Missing regular expression for BrowserMatch"),
    ("BrowserMatchNoCase x", "Missing envariable expression for BrowserMatchNoCase"),
    ("SetEnvIfExpr", "Missing expression for SetEnvIfExpr"),
    ("SetEnvIfExpr true", "Missing envariable expression for SetEnvIfExpr"),
    ("SetEnvIfExpr %{nope} a", 'Could not parse expression "%{nope}": syntax error, unexpected $end: '
     "Variable 'nope' does not exist"),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_the_servers_conditions(tmp_path: Path, lines: str, expected: dict[str, str]) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}{lines}\n")
    kit.file("dir/xA")
    assert kit.get("/dir/x%41", headers=HEADERS).x.env == expected


def test_sections_see_the_path_unescaped_and_what_was_set_before(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}SetEnvIf Request_URI (.*) raw=$1\n")
    kit.file("dir/xA")
    kit.file("dir/.htaccess", "SetEnvIf Request_URI (.*) path=$1\nSetEnvIf raw (.) seen=$1 !raw\n")
    assert kit.get("/dir/x%41").x.env == {"path": "/dir/xA", "seen": "/"}


def test_inner_sections_are_asked_last(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}<Directory {tmp_path}/htdocs/a>\nSetEnvIf Host . v=outer w=outer\n</Directory>\n"
        f"<Directory {tmp_path}/htdocs/a/b>\nSetEnvIf Host . v=inner\n</Directory>\n",
    )
    kit.file("a/b/x")
    assert kit.get("/a/b/x").x.env == {"v": "inner", "w": "outer"}


def test_an_internal_redirect_is_asked_again(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}SetEnvIf Request_URI (.*) uri=$1\nErrorDocument 404 /sorry\n")
    kit.file("sorry")
    env = kit.get("/%41").x.env
    assert (env["uri"], env["REDIRECT_uri"]) == ("/sorry", "/%41")


def test_lines_with_the_same_expression_are_one_condition(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, f"{OPEN}SetEnvIf Host . a\nSetEnvIf host . b=!\nSetEnvIfNoCase Host . c\n")
    kit.file("x")
    assert kit.get("/x").x.env == {"a": "1", "c": "1"}


def test_expressions(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}SetEnvIfExpr \"%{{REQUEST_URI}} =~ /(.)$/\" last=$1 whole=$0\n"
        "SetEnvIfExpr true again=$1 plain\nSetEnvIfExpr false never\n"
        "<Location />\nSetEnvIfExpr \"-U '/x' && reqenv('plain') == '1'\" waited !again\n</Location>\n",
    )
    kit.file("x")
    assert kit.get("/x").x.env == {"last": "x", "whole": "x", "plain": "1", "waited": "1"}


def test_what_an_expression_matched_is_the_value_for_the_same_attribute(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        f"{OPEN}SetEnvIf Host (.*) a=$1\nSetEnvIfExpr \"'abc' =~ /(b)/\" b=$1\nSetEnvIf Host (.*) c=$1\n",
    )
    kit.file("x")
    assert kit.get("/x").x.env == {"a": "localhost:8080", "b": "b", "c": "abc"}


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message
