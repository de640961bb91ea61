"""Rules on requests: both contexts, from the URI to the answer. The differential cases `rewrite_*` go further."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from mpmserver.config.regex import compile_pcre
from mpmserver.core.module import InternalRedirect
from mpmserver.modules.rewrite.directory_context import follow
from mpmserver.modules.rewrite.rule import Rule
from mpmserver.modules.rewrite.ruleset import RuleSet
from mpmserver.modules.rewrite.settings import RewriteDir, RewriteOption, RewriteServer
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "rewrite")


def site(tmp_path: Path, text: str) -> SiteKit:
    kit = SiteKit(tmp_path, f"RewriteEngine On\n{text}", MODULES)
    kit.file("a.html", "a")
    kit.file("sub/b.html", "b")
    return kit


@pytest.mark.parametrize(
    ("rule", "target", "status", "result"),
    [
        ("^/x$ /a.html", "/x", 200, "a"),
        ("^/x$ /a.html", "/y", 404, None),
        ("^/x/(.*)$ /sub/$1", "/x/b.html", 200, "b"),
        ("^/x$ a.html", "/x", 200, "a"),
        ("!^/sub /sub/b.html", "/any", 200, "b"),
        ("^/X$ /a.html [NC]", "/x", 200, "a"),
        ("^/x$ - [F]", "/x", 403, None),
        ("^/x$ - [G]", "/x", 410, None),
        ("^/x$ /a.html [R=404]", "/x", 404, None),
        ("^/x$ http://o/ [P]", "/x", 403, None),
        ("^/x/(.*) $1", "/x/a%3fb", 403, None),
        ("^/x/(.*) /a.html?$1", "/x/a%20b", 403, None),
        ("^/x/(.*) http://o.test/$1$1$1 [R,L]", "/x/" + 6000 * "a", 500, None),
    ],
)
def test_server_rules(tmp_path: Path, rule: str, target: str, status: int, result: str | None) -> None:
    answer = site(tmp_path, f"RewriteRule {rule}").get(target)
    assert answer.status == status
    assert result is None or answer.text == result


@pytest.mark.parametrize(
    ("rule", "target", "status", "location"),
    [
        ("^/x$ /a.html [R]", "/x", 302, "http://localhost:8080/a.html"),
        ("^/x$ /a.html [R=301]", "/x?q=1", 301, "http://localhost:8080/a.html?q=1"),
        ("^/x$ /a.html? [R]", "/x?q=1", 302, "http://localhost:8080/a.html"),
        ("^/x$ /a?n=2 [R,QSA]", "/x?q=1", 302, "http://localhost:8080/a?n=2&q=1"),
        ("^/x/(.*)$ /$1 [R]", "/x/a%20b%23", 302, "http://localhost:8080/a%20b%23"),
        ("^/x/(.*)$ /p#$1 [R,NE]", "/x/y", 302, "http://localhost:8080/p#y"),
        ("^/x$ http://o.test/y", "/x", 302, "http://o.test/y"),
        ("^/x/(.*)$ /s?q=$1 [R,B]", "/x/a%26b", 302, "http://localhost:8080/s?q=a%2526b"),
    ],
)
def test_redirects(tmp_path: Path, rule: str, target: str, status: int, location: str) -> None:
    answer = site(tmp_path, f"RewriteRule {rule}").get(target)
    assert (answer.status, answer.headers.get("Location")) == (status, location)


@pytest.mark.parametrize(
    ("flags", "sends_away"),
    [
        ("R,L", True), ("R=301,L,NC", True), ("R=303,L,B", True), ("R", False), ("L", False), ("R,L,NE", False),
        ("R,L,QSA", False), ("R,L,E=a:b", False), ("R=404,L", False), ("R,L,C", False), ("R,END", False),
        ("P,L", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("in_directory", [False, True])
def test_a_rule_that_sends_away_does_as_others_do(
    tmp_path: Path, flags: str, sends_away: bool, in_directory: bool
) -> None:
    """One that ends all by an absolute URL is done with at once; with a trace it goes step by step, to the same end."""
    rule = f"RewriteCond %{{HTTP:X}} ^(.)\nRewriteRule x/(.*)$ http://o.test/y/$1/%1 [{flags}]"
    section = f"<Directory {tmp_path}/htdocs>\nOptions FollowSymLinks\nRewriteEngine On\n{rule}\n</Directory>"
    seen = []
    for level in ("warn", "rewrite:trace1"):
        place = tmp_path / level
        place.mkdir()
        kit = site(place, f"LogLevel {level}\n{section.replace(str(tmp_path), str(place)) if in_directory else rule}")
        rules = kit.site.main[RewriteServer].rule_set.rules
        assert in_directory or [each.sends_away for each in rules] == [sends_away]
        answers = [kit.get(target, headers=[("X", "h")]) for target in ("/x/a%20b?q=1", "/x/", "/x/a%3fb")]
        seen.append([(answer.status, answer.headers.get("Location")) for answer in answers])
    assert seen[0] == seen[1]


def test_flow(tmp_path: Path) -> None:
    kit = site(tmp_path, """
RewriteRule ^/skip - [S=1]
RewriteRule ^/skip - [F]
RewriteRule ^/chain$ /chained [C]
RewriteRule ^/chained /a.html
RewriteRule ^/chaine?d$ - [F]
RewriteRule ^/n(.)(.*)$ /n$2 [N]
RewriteRule ^/n$ /a.html [L]
RewriteRule ^/a - [G]
RewriteCond %{HTTP:A} 1 [OR]
RewriteCond %{HTTP:B} 1
RewriteCond %{HTTP:C} 1
RewriteRule ^/or$ - [F]
""")
    assert kit.get("/skip").status == 404
    assert kit.get("/chain").status == 410
    assert kit.get("/n123").text == "a"
    for names, status in (("AC", 403), ("BC", 403), ("C", 404), ("AB", 404)):
        assert kit.get("/or", headers=[(name, "1") for name in names]).status == status


def test_endless_rounds_end(tmp_path: Path) -> None:
    kit = site(tmp_path, "RewriteRule ^(.*)$ $1 [N=4]")
    assert kit.get("/x").status == 500
    assert any("exceeded maximum number of rounds (4)" in text for _level, _module, text in kit.log)


def test_vary_names_what_mattered(tmp_path: Path) -> None:
    kit = site(tmp_path, """
RewriteCond %{HTTP_USER_AGENT} x
RewriteCond %{HTTP_HOST} .
RewriteCond %{HTTP_ACCEPT} a [NV]
RewriteRule ^/v$ /a.html
""")
    headers = [("User-Agent", "x"), ("Accept", "a")]
    assert kit.get("/v", headers=headers).headers["Vary"] == "User-Agent"
    assert "Vary" not in kit.get("/a.html", headers=headers).headers


def test_directory_rules(tmp_path: Path) -> None:
    docs = tmp_path / "htdocs"
    kit = site(tmp_path, f"""
<Directory {docs}/sub>
RewriteRule ^x$ b.html [E=was:$0]
RewriteRule ^r$ b.html [R]
RewriteRule ^loop(.*)$ loop$1x
RewriteRule ^b\\.html/(.*)$ b.html?$1 [DPI]
</Directory>
""")
    answer = kit.get("/sub/x?q")
    assert (answer.text, answer.x.uri, answer.x.args) == ("b", "/sub/b.html", "q")
    assert answer.x.env["REDIRECT_was"] == "x"
    assert kit.get("/sub/r").headers["Location"] == f"http://localhost:8080{docs}/sub/b.html"
    assert kit.get("/sub/loop").status == 500
    assert kit.get("/sub/b.html/info").x.args == "info"


def test_end_stops_all_rounds(tmp_path: Path) -> None:
    docs = tmp_path / "htdocs"
    kit = site(tmp_path, f"<Directory {docs}>\nRewriteRule ^x$ a.html [END]\nRewriteRule ^a - [F]\n</Directory>")
    assert kit.get("/x").text == "a"
    assert kit.get("/a.html").status == 403


def test_rules_need_links(tmp_path: Path) -> None:
    docs = tmp_path / "htdocs"
    kit = site(tmp_path, f"<Directory {docs}>\nOptions None\nRewriteRule ^x$ a.html\n</Directory>")
    assert kit.get("/a.html").status == 403
    assert any(text.startswith("AH00670: ") for _level, _module, text in kit.log)


def _rule(pattern: str) -> Rule:
    return Rule(pattern, compile_pcre(pattern), 0, (), None, 302, 0, 0, (), (), None, None)


@pytest.mark.parametrize(
    ("options", "inner_rules"),
    [("", ["in"]), ("Inherit", ["in", "out"]), ("InheritBefore", ["out", "in"]), ("IgnoreInherit", ["in"])],
)
def test_inheritance(tmp_path: Path, options: str, inner_rules: list[str]) -> None:
    outer, inner = RewriteDir(rule_set=RuleSet([_rule("out")])), RewriteDir(rule_set=RuleSet([_rule("in")]))
    names = {"Inherit": RewriteOption.INHERIT, "InheritBefore": RewriteOption.INHERIT_BEFORE}
    inner.options = int(names.get(options, RewriteOption.IGNORE_INHERIT if options else 0))
    assert [rule.pattern for rule in RewriteDir.merge(outer, inner).rule_set.rules] == inner_rules


def test_rules_are_inherited_by_reference() -> None:
    outer, inner = RewriteDir(rule_set=RuleSet([_rule("one"), _rule("two")])), RewriteDir()
    inner.options = int(RewriteOption.INHERIT)
    assert RewriteDir.merge(outer, inner).rule_set is outer.rule_set


@pytest.mark.parametrize(
    ("rule", "waits", "is_pure"),
    [
        ("RewriteRule ^/x /y", False, True),
        ("RewriteCond %{TIME} 1\nRewriteRule ^/x /y", False, False),
        ("RewriteCond %{REQUEST_FILENAME} -f\nRewriteRule ^/x /y", False, True),
        ("RewriteCond %{LA-U:REMOTE_USER} x\nRewriteRule ^/x /y", True, False),
        ("RewriteCond /x -U\nRewriteRule ^/x /y", True, False),
        ("RewriteMap m int:tolower\nRewriteRule ^/(.*) ${m:$1}", False, True),
        ("RewriteRule ^/x - [CO=a:b:.c]", False, False),
    ],
)
def test_what_the_plan_is_told(tmp_path: Path, rule: str, waits: bool, is_pure: bool) -> None:
    kit = site(tmp_path, rule)
    settings = kit.site.main[RewriteServer]
    assert settings.rule_set.waits(settings.maps) is waits
    assert settings.rule_set.is_pure(settings.maps) is is_pure
    steps = [step for step in kit.site.main.defaults.plan.translate if step.module == "rewrite"]
    assert [inspect.iscoroutinefunction(step.function) for step in steps] == [waits]


def test_no_rules_no_steps(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "", MODULES)
    plan = kit.site.main.defaults.plan
    assert not [step for step in plan.translate if step.module == "rewrite"]


def test_follow_starts_again_with_octets(tmp_path: Path) -> None:
    x = SiteKit(tmp_path, "", MODULES).exchange("/")
    x.filename, x.args = "redirect:/é", "q"
    assert follow(x) == InternalRedirect("/Ã©?q")
    x.filename = "/other"
    assert follow(x) is None


def test_a_redirect_taken_back_leaves_its_status(tmp_path: Path) -> None:
    docs = tmp_path / "htdocs"
    kit = site(tmp_path, f"""
<Directory {docs}>
RewriteRule ^x$ http://o.test [R=303]
RewriteRule ^http: a.html
RewriteRule ^y$ http://o.test [R=301]
RewriteRule ^http: - [L]
</Directory>
<Directory {docs}/sub>
RewriteRule ^z$ http://o.test [R=307]
RewriteRule ^http: nothing
</Directory>
""")
    assert (kit.get("/x").status, kit.get("/x").text) == (303, "a")
    assert kit.get("/y").headers["Location"] == "http://o.test"
    answer = kit.get("/sub/z")
    assert answer.status == 307
    assert "Additionally, a 307" in answer.text


def test_a_page_speaks_of_the_status_that_a_redirected_request_has_already(tmp_path: Path) -> None:
    docs = tmp_path / "htdocs"
    kit = site(tmp_path, f"""
<Directory {docs}>
RewriteEngine On
RewriteRule ^again-(.*) $1 [L]
RewriteRule ^proxied http://other.test/x [R=301]
RewriteRule ^http: http://other.test/y [P]
</Directory>
""")
    assert kit.get("/proxied").status == 403
    assert "Additionally" not in kit.get("/proxied").text
    answer = kit.get("/again-proxied")
    assert answer.status == 403
    assert "<title>403 Forbidden" in answer.text
    assert "Additionally, a 301" in answer.text


def test_slashes_at_the_front_are_one_unless_the_rule_writes_them(tmp_path: Path) -> None:
    kit = site(tmp_path, """
MergeSlashes Off
LogLevel rewrite:trace2
RewriteRule ^/one/(.*) /$1 [L]
RewriteRule ^/unc/(.*) /$1 [UNC,L]
RewriteRule ^/own/(.*) //$1 [L]
""")
    for target, filename in (("/one//x", "/x"), ("/unc//x", "//x"), ("/own//x", "///x")):
        kit.log.clear()
        kit.get(target)
        assert any(text.endswith(f"local path result: {filename}") for _level, _module, text in kit.log)
