"""mod_alias: what each directive makes of a URI, and which configurations are refused (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core.settings import Level
from mpmserver.modules.alias.rules import prefix_pattern
from mpmserver.modules.alias.target import escape_target, is_url
from tests.unit.modules.kit import SiteKit, refusal

REDIRECTS = r"""
Redirect /s4/ http://h/s4/
Redirect /s5 /t5
Redirect "/s6" "http://h/a b"
Redirect /s7 http://h/x?y=1
Redirect /s8 http://h/x#y
Redirect s9 http://h/x
Redirect gone /gone
Redirect permanent /perm http://h/
Redirect SeeOther /other http://h/
Redirect 307 /temp http://h/
Redirect 403 /no
RedirectPermanent /p http://h/p
RedirectTemp /q http://h/q
RedirectMatch ^/m1(.*) http://h$1
RedirectMatch (.*)\.gif$ http://other$1.jpg
RedirectMatch 410 ^/m2
RedirectMatch ^/m3/(.*)$ "/$1?$0&\$1"
RedirectMatch ^/m4(/)?(.*)$ "[$1]$2$9$"
RedirectMatch ^/m5(.*) "http://h:443/$10\\$1"
<Location /l2>
 Redirect permanent http://u:p@x.y/z?q=1#frag
</Location>
<Location /l4>
 Redirect /l4/x http://h/%41b?q
 RedirectMatch ^/l4/m(.*)$ "http://h/a b$1?x=$1#f$1"
 RedirectMatch ^/l4/n(.*)$ "norel$1"
 RedirectMatch 404 ^/l4/g
</Location>
<Location /l5>
 Redirect gone
</Location>
<Location /l7>
 Redirect /t
</Location>
<Location /l8>
 RedirectRelative On
 Redirect /t
</Location>
"""

ANSWERS = [
    ("/s4", 404, None),
    ("/s4/", 302, "http://h/s4/"),
    ("/s4//x", 302, "http://h/s4/x"),
    ("/s4/a%2520b%C3%A4;x=1?b", 302, "http://h/s4/a%2520b%c3%a4;x=1?b"),
    ("/s4/a%3Fb:c@d&e=f,g+h$i!j*k'l(m)n~o%22p", 302, "http://h/s4/a%3fb:c@d&e=f,g+h$i!j*k'l(m)n~o%22p"),
    ("/s5/x", 302, "http://localhost:8080/t5/x"),
    ("/s5?a=b", 302, "http://localhost:8080/t5?a=b"),
    ("/s6/x", 302, "http://h/a b/x"),
    ("/s7/y?z=2", 302, "http://h/x?y=1/y"),
    ("/s8/y?z", 302, "http://h/x#y/y?z"),
    ("/s9", 404, None),
    ("/gone", 410, None),
    ("/gone/x", 410, None),
    ("/gonex", 404, None),
    ("/perm/x", 301, "http://h//x"),
    ("/other", 303, "http://h/"),
    ("/temp", 307, "http://h/"),
    ("/no", 403, None),
    ("/p/x", 301, "http://h/p/x"),
    ("/q", 302, "http://h/q"),
    ("/m1/x%20y?q=1", 302, "http://h/x%20y?q=1"),
    ("/a/b.gif?x", 302, "http://other/a/b.jpg?x"),
    ("/m2x", 410, None),
    ("/m3/q", 302, "http://localhost:8080/q?/m3/q&$1"),
    ("/m4/x", 500, None),
    ("/m5a", 302, "http://h:443/a0$1"),
    ("/l2/c?d=1", 301, "http://u:XXXXXXXX@x.y/z?q=1#frag"),
    ("/l4/x/a%20b?z", 302, "http://h/%41b?q/a%20b"),
    ("/l4/mq%20w?a=b", 302, "http://h/a%20bq%20w?x=q w#fq w"),
    ("/l4/n", 500, None),
    ("/l4/g", 404, None),
    ("/l5/x", 410, None),
    ("/l7/a?b=c", 302, "http://localhost:8080/t?b=c"),
    ("/l8/a?b=c", 302, "/t?b=c"),
]

ALIASES = r"""
Alias /a1 /srv/a1
Alias /a2/ /srv/a2/
Alias /a3 rel/x
Alias //dd /srv/dd
Alias /up /srv/x/../y/
AliasMatch ^/am/(.*) /srv/am/$1
AliasMatch ^/an /srv/an/../q//x/
ScriptAlias /sa /srv/sa
ScriptAliasMatch ^/sb(.*) srv/sb$1
<Location /l9>
 Alias /srv/x
</Location>
<Location /l10>
 AliasPreservePath On
 Alias /srv/x
</Location>
<Location /l11>
 ScriptAlias rel/x
</Location>
<LocationMatch ^/l12/(.*)>
 AliasPreservePath On
 Alias /srv/x/
</LocationMatch>
"""

FILES = [
    ("/a1", "/srv/a1", None, "/a1"),
    ("/a1/x", "/srv/a1/x", None, "/a1"),
    ("/a1x", "DOCS/a1x", None, None),
    ("/a2", "DOCS/a2", None, None),
    ("/a2//x/y", "/srv/a2/x/y", None, "/a2/"),
    ("/a3/y", "ROOT/rel/x/y", None, "/a3"),
    ("/dd/x", "/srv/dd/x", None, "//dd"),
    ("/up/z", "/srv/y/z", None, "/up"),
    ("/am/y", "/srv/am/y", None, None),
    ("/an", "/srv/q/x/", None, None),
    ("/sa/x", "/srv/sa/x", "cgi-script", "/sa"),
    ("/sb/x", "ROOT/srv/sb/x", "cgi-script", None),
    ("/l9/x/y", "/srv/x", None, None),
    ("/l10/x/y", "/srv/x/x/y", None, "/l10"),
    ("/l10x", "DOCS/l10x", None, None),
    ("/l11/a", "ROOT/rel/x", "cgi-script", None),
    ("/l12/a", "/srv/x/", None, None),
]

TARGETS = [
    ("http:///x", "http:///x"),
    ("http://h:bad/x", "http://h"),
    ("http://@h:/x", "http://@h/x"),
    ("http://u:@h:/x", "http://u:XXXXXXXX@h/x"),
    ("http:x", "http:x"),
    ("http://h:8443?x", "http://h:8443?x"),
    ("//u:p@h:80/x?y#z", "//u:XXXXXXXX@h:80/x?y#z"),
    ("https://h:80/", "https://h:80/"),
    ("HTTP://h:080/", "HTTP://h/"),
    ("http://h:0/x", "http://h/x"),
    ("http://a@b@c/", "http://a@b@c/"),
    ("http://h:99999/", "http://h:99999/"),
    ("http://[::1:80/", "http:"),
    ("http://[::1]:8080/a;b", "http://%5b::1%5d:8080/a;b"),
    ("ftp://h:21/a;b", "ftp://h/a;b"),
    ("/#?x", "/#?x"),
    ("/a b?c d", "/a%20b?c d"),
]

REFUSALS = [
    ("Alias /a", "Alias must have two arguments when used globally"),
    ("Alias", "Alias takes 1-2 arguments, a fakename and a realname, or a realname in a Location"),
    ("<Location /l>\nAlias /a /b\n</Location>", "Alias cannot occur within directory context"),
    ("<Directory /l>\nScriptAlias /a\n</Directory>", "ScriptAlias cannot occur within <Directory> section"),
    ("<Files f>\nAlias /a\n</Files>", "Alias cannot occur within <Files> section"),
    ("AliasMatch ( /x", "Regular expression could not be compiled."),
    ("Redirect /a", "URL to redirect to is missing"),
    ("Redirect permanent /a", "URL to redirect to is missing"),
    ("Redirect /a x", "Redirect to non-URL"),
    ('Redirect /a ""', "Redirect to non-URL"),
    ("Redirect gone /a http://x", "Redirect URL not valid for this status"),
    ("Redirect 200 /a http://x", "Redirect URL not valid for this status"),
    ("Redirect foo /a http://x", "Redirect: invalid first argument (of three)"),
    ("RedirectMatch 301 a", "URL to redirect to is missing"),
    ("RedirectTemp /a b", "Redirect to non-URL"),
    ("<Location /l>\nRedirect gone /a\n</Location>", ""),
    ("<Location /l>\nRedirect permanent /a\n</Location>", ""),
    ("RedirectMatch a b", ""),
    ("Redirect 999 /a", ""),
]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SiteKit:
    granted = "<Directory />\nRequire all granted\n</Directory>\n"
    return SiteKit(tmp_path_factory.mktemp("alias"), granted + REDIRECTS + ALIASES)


@pytest.mark.parametrize(("target", "status", "location"), ANSWERS)
def test_redirects(kit: SiteKit, target: str, status: int, location: str | None) -> None:
    answer = kit.get(target)
    assert (answer.status, answer.headers.get("Location")) == (status, location)


@pytest.mark.parametrize(("target", "filename", "handler", "prefix"), FILES)
def test_aliases(kit: SiteKit, target: str, filename: str, handler: str | None, prefix: str | None) -> None:
    x = kit.get(target).x
    expected = filename.replace("DOCS", str(kit.docs)).replace("ROOT", str(kit.root))
    assert f"{x.filename}{x.path_info}" == expected
    assert x.notes.get("alias-forced-type") == handler
    assert x.notes.get("context-prefix") == prefix


@pytest.mark.parametrize(("url", "escaped"), TARGETS)
def test_a_target_is_printed_as_apr_prints_it(url: str, escaped: str) -> None:
    assert escape_target(url) == escaped


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message


@pytest.mark.parametrize(("directive", "message"), [
    ("Alias /x%{nope}", "Cannot parse alias expression '/x%{nope}': Variable 'nope' does not exist"),
    ("Redirect %{nope:x}", "Cannot parse redirect expression '%{nope:x}': Function 'nope' does not exist"),
    (r"Redirect \\999", r"Cannot parse redirect expression '\999': Bad escape sequence"),
])  # fmt: skip
def test_expressions_that_are_none_are_refused(tmp_path: Path, directive: str, message: str) -> None:
    assert refusal(tmp_path, f"<Location /l>\n{directive}\n</Location>\n") == message


def test_sections_further_in_are_asked_first(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        "<Directory />\nRequire all granted\nAllowOverride All\n</Directory>\n"
        f"<Directory {tmp_path}/htdocs/sub>\nRedirect /sub/q http://outer/\nRedirect /sub/o http://outer/\n</Directory>\n"
        f"<Directory {tmp_path}/htdocs/sub/two>\nRedirect /sub/q http://inner/\n</Directory>\n",
    )
    kit.file("sub/two/.htaccess", "Redirect permanent /sub/two/h http://ht/\nRedirect gone /sub/two/gone\n")
    kit.file("sub/q/x")
    assert kit.get("/sub/q").headers["Location"] == "http://outer/"
    assert kit.get("/sub/two/h/x").headers["Location"] == "http://ht//x"
    assert kit.get("/sub/two/gone").status == 410


def test_a_virtual_hosts_rules_come_before_the_main_servers(tmp_path: Path) -> None:
    kit = SiteKit(
        tmp_path,
        "Redirect /a http://main/\nRedirect /b http://main/\n<VirtualHost *>\nRedirect /a http://host/\n</VirtualHost>\n",
    )
    kit.site.main = kit.site.servers[1]
    assert kit.get("/a").headers["Location"] == "http://host/"
    assert kit.get("/b").headers["Location"] == "http://main/"


def test_overlapping_aliases_are_warned_of(tmp_path: Path) -> None:
    kit = SiteKit(tmp_path, "Alias /a /b\nAlias /a/c /d\nAliasMatch ^/x /y\nScriptAlias /xy /z\nAlias /b /c\n")
    overlaps = [("Alias", 4, "Alias"), ("ScriptAlias", 6, "AliasMatch")]
    assert kit.warnings == [
        f"AH00671: The {name} directive in test.conf at line {line} will probably never match because it overlaps "
        f"an earlier {earlier}."
        for name, line, earlier in overlaps
    ]


def test_what_was_made_absolute_is_logged(kit: SiteKit) -> None:
    kit.log.clear()
    kit.get("/s5/x")
    message = (
        "AH00673: incomplete redirection target of '/t5/x' for URI '/s5/x' modified to 'http://localhost:8080/t5/x'"
    )
    assert [entry for entry in kit.log if entry[1] == "alias"] == [(Level.DEBUG, "alias", message)]


@pytest.mark.parametrize(
    ("fake", "uri", "matched"),
    [("/a", "/a", 2), ("/a", "/a/b", 2), ("/a", "/ab", None), ("/a/", "/a", None), ("/a/", "/a//b", 4), ("/", "/x", 1),
     ("//a", "/a/x", 2), ("", "/a", None), ("/a.b", "/axb", None)],
)  # fmt: skip
def test_prefixes(fake: str, uri: str, matched: int | None) -> None:
    match = prefix_pattern(fake).match(uri)
    assert (match.end() if match else None) == matched


def test_is_url() -> None:
    assert [is_url(text) for text in ("http://h", "a+b.c-d:x", "/a:b", "a/b:c", ":x", "")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
