"""Whether an answer may be remembered: what of each module depends on more than the head and the files looked at.

A line is a configuration, a request, and whether its answer may be given again. Requests are answered as a whole, so
that both ways of saying no count: a hook that isn't `pure` for the settings, and whatever refuses while it works. Where
the answer is yes, nobody may have looked at the disk but through `x.files`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mpmserver.core.exchange import Exchange
from mpmserver.core.output import deliverable
from mpmserver.core.pipeline import answer
from mpmserver.core.recall.looks import DISK
from mpmserver.core.recall.memo import Memo
from mpmserver.core.settings import Level
from mpmserver.core.steps import then, waited
from mpmserver.http.dates import http_date
from mpmserver.modules import standard
from tests.unit.modules.kit import SiteKit

MODULES = tuple(
    path.removeprefix("mpmserver.modules.")
    for name, path in standard.BUILT_IN.items()
    if path.startswith("mpmserver.modules.") and name not in ("cgid_module", "unique_id_module")
)
OLD = 1_500_000_000
YES, NO = True, False
IN_FUTURE = http_date(4_000_000_000)
IN_PAST = http_date(1_600_000_000)
_FIELD = re.compile(r"([A-Z][-A-Za-z]+):(.*?)(?= [A-Z][-A-Za-z]+:|$)")


class Case(NamedTuple):
    """One line of a table. Header fields of the request stand behind its target, as `/path Name:value`."""

    where: str
    """SERVER, LOCATION (inside of <Location />), HTACCESS."""
    text: str
    target: str
    pure: bool


def server(text: str, target: str, pure: bool) -> Case:
    return Case("SERVER", text, target, pure)


def location(text: str, target: str, pure: bool) -> Case:
    return Case("LOCATION", text, target, pure)


def htaccess(text: str, target: str, pure: bool) -> Case:
    return Case("HTACCESS", text, target, pure)


def conditions(*pairs: tuple[str, bool]) -> Iterator[Case]:
    """Expressions, in an <If> of the server."""
    for text, pure in pairs:
        yield server(f'<If "{text}">\nSetEnv A 1\n</If>', "/a.html", pure)


def evaluated(pure: bool, *names: str) -> Iterator[Case]:
    """Variables of expressions."""
    for name in names:
        yield server(f"<If \"%{{{name}}} == 'x'\">\nSetEnv A 1\n</If>", "/a.html", pure)


def rules(*pairs: tuple[str, bool]) -> Iterator[Case]:
    """Rules of mod_rewrite, of the server and in an .htaccess file."""
    for text, pure in pairs:
        yield server(f"RewriteEngine On\n{text}", "/a.html", pure)
        yield htaccess(f"RewriteEngine On\n{text}", "/a.html", pure)


def asked(pure: bool, *names: str) -> Iterator[Case]:
    """Variables of mod_rewrite."""
    for name in names:
        yield server(f"RewriteEngine On\nRewriteCond %{{{name}}} x\nRewriteRule ^ - [E=A:1]", "/a.html", pure)


def headers(*pairs: tuple[str, bool]) -> Iterator[Case]:
    """Header lines of an answer, and of the server's own pages."""
    for text, pure in pairs:
        yield server(f"Header always {text}", "/a.html", pure)
        yield server(f"Header always {text}", "/missing", pure)


BASIC = 'AuthType Basic\nAuthName x\nAuthUserFile "{root}/users"\n'
CASES: list[Case] = [
    # nothing at all: files, directories, what is not there
    server("", "/a.html", YES),
    server("", "/a.html?query", YES),
    server("", "/missing", YES),
    server("", "/a.html/behind", YES),
    server("", "/sub", YES),
    server("", "/sub/", YES),
    server("", "/link.html", YES),
    server("", "/.htaccess", YES),
    server("", "/%2f", YES),
    server("", "/a%00", YES),
    server("Options +Indexes", "/empty/", NO),
    server("", "/empty/", NO),
    # core
    location("UseCanonicalName On", "/sub", YES),
    location("UseCanonicalName DNS", "/sub", NO),
    location("UseCanonicalPhysicalPort On", "/sub", YES),
    location("ServerSignature EMail", "/missing", YES),
    location("FileETag Digest", "/a.html", YES),
    location("ContentDigest On", "/a.html", YES),
    location("AddDefaultCharset utf-8", "/a.html", YES),
    location("ForceType text/plain", "/a.html", YES),
    location("AcceptPathInfo On", "/a.html/behind", YES),
    location("HostnameLookups On", "/a.html", NO),
    location("SetHandler none", "/a.html", YES),
    location("SetHandler no-such-handler", "/a.html", YES),
    location('SetHandler "expr=%{req:X}"', "/a.html", YES),
    location('SetHandler "expr=%{REMOTE_ADDR}"', "/a.html", NO),
    location('ErrorDocument 404 "gone"', "/missing", YES),
    location("ErrorDocument 404 /a.html", "/missing", YES),
    location("ErrorDocument 404 http://elsewhere/", "/missing", YES),
    location('ErrorDocument 404 "%{REQUEST_URI}"', "/missing", YES),
    location('ErrorDocument 404 "%{REMOTE_ADDR}"', "/missing", NO),
    location('ErrorDocument 404 "%{TIME}"', "/missing", NO),
    location('ErrorDocument 404 "%{TIME}"', "/a.html", YES),
    location("SetOutputFilter MOD_EXPIRES", "/a.html", NO),
    location("LimitRequestBody 10", "/a.html", YES),
    server('<FilesMatch "^(?<NAME>a)">\nSetEnv A 1\n</FilesMatch>', "/a.html", YES),
    server('<LocationMatch "^/(?<NAME>a)">\nSetEnv A 1\n</LocationMatch>', "/a.html", YES),
    htaccess("SetEnv A 1", "/a.html", YES),
    # conditions of requests, which time may change
    server("", "/a.html If-None-Match:*", YES),
    server("", f"/a.html If-Modified-Since:{IN_PAST}", YES),
    server("", f"/a.html If-Modified-Since:{IN_FUTURE}", NO),
    server("", "/a.html If-Modified-Since:nonsense", YES),
    server("", f"/a.html If-Unmodified-Since:{IN_PAST}", YES),
    server("", "/a.html Range:bytes=0-1", YES),
    server("", '/a.html Range:bytes=0-1 If-Range:"tag"', YES),
    server("", f"/a.html Range:bytes=0-1 If-Range:{IN_PAST}", NO),
    # variables of expressions
    *evaluated(
        YES, "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_HOST", "HTTP_REFERER", "HTTP_USER_AGENT", "REQUEST_METHOD",
        "REQUEST_SCHEME", "REQUEST_URI", "DOCUMENT_URI", "REQUEST_FILENAME", "SCRIPT_FILENAME", "PATH_INFO",
        "QUERY_STRING", "IS_SUBREQ", "THE_REQUEST", "SERVER_NAME", "SERVER_PORT", "SERVER_ADMIN", "SERVER_PROTOCOL",
        "DOCUMENT_ROOT", "HTTPS", "HTTP2", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "SERVER_SOFTWARE", "API_VERSION",
        "REMOTE_USER", "REMOTE_IDENT", "AUTH_TYPE", "CONTENT_TYPE", "HANDLER", "REQUEST_STATUS", "LAST_MODIFIED",
        "req:X", "http:X", "reqenv:X", "osenv:X", "env:X", "note:X", "base64:X", "md5:X", "tolower:X", "escape:X",
    ),
    *evaluated(
        NO, "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST", "CONN_REMOTE_ADDR", "IPV6", "REQUEST_LOG_ID", "CONN_LOG_ID",
        "TIME", "TIME_YEAR", "TIME_MON", "TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_SEC", "TIME_WDAY", "SCRIPT_USER",
        "SCRIPT_GROUP",
    ),
    # operators and functions of expressions
    *conditions(
        ("-f '{root}/x'", YES), ("-d '{root}'", YES), ("-e '{root}'", YES), ("-s '{root}/x'", YES), ("-L '/x'", YES),
        ("-h '/x'", YES), ("-n 'x'", YES), ("-z ''", YES), ("-T 'on'", YES), ("filesize('/x') -eq 0", YES),
        ("file('{root}/map') == 'x'", YES), ("'a' -strmatch 'a*'", YES), ("'a' =~ /a/ && $0 == 'a'", YES),
        ("'x' in { 'x', 'y' }", YES), ("-R '10.0.0.0/8'", NO), ("-U '/a.html'", NO), ("-F '/a.html'", NO),
        ("-A '/a.html'", NO), ("%{REMOTE_ADDR} -ipmatch '10.0.0.0/8'", NO), ("'10.0.0.1' -ipmatch '10.0.0.0/8'", NO),
        ("! -f '{root}/x' || %{TIME_SEC} -gt 5", NO),
    ),
    htaccess('<If "%{REMOTE_ADDR} == \'x\'">\nSetEnv A 1\n</If>', "/a.html", NO),
    htaccess('<If "%{REQUEST_URI} == \'x\'">\nSetEnv A 1\n</If>', "/a.html", YES),
    htaccess('<If "true">\n<If "%{TIME} == \'x\'">\nSetEnv A 1\n</If>\n</If>', "/a.html", NO),
    # mod_rewrite: variables
    *asked(
        YES, "API_VERSION", "AUTH_TYPE", "CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "DOCUMENT_ROOT", "HTTPS",
        "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_HOST", "HTTP_REFERER", "HTTP_USER_AGENT", "IS_SUBREQ", "PATH_INFO",
        "QUERY_STRING", "REMOTE_IDENT", "REMOTE_USER", "REQUEST_FILENAME", "REQUEST_METHOD", "REQUEST_SCHEME",
        "REQUEST_URI", "SCRIPT_FILENAME", "SERVER_ADDR", "SERVER_ADMIN", "SERVER_NAME", "SERVER_PORT",
        "SERVER_PROTOCOL", "SERVER_SOFTWARE", "THE_REQUEST", "HTTP:X", "ENV:X", "SSL:X", "NO_SUCH",
    ),
    *asked(
        NO, "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "CONN_REMOTE_ADDR", "IPV6", "SCRIPT_USER", "SCRIPT_GROUP",
        "TIME", "TIME_DAY", "TIME_HOUR", "TIME_MIN", "TIME_MON", "TIME_SEC", "TIME_WDAY", "TIME_YEAR",
        "LA-U:REQUEST_URI", "LA-F:REQUEST_URI",
    ),
    # mod_rewrite: conditions, substitutions, flags
    *rules(
        ("RewriteRule ^nothing$ /other", YES), ("RewriteRule a.html /b.html", YES), ("RewriteRule a.html - [F]", YES),
        ("RewriteRule a.html - [G]", YES), ("RewriteRule a.html /b.html [R]", YES),
        ("RewriteRule a.html /b.html [R=301,L]", YES), ("RewriteRule a.html - [T=text/plain]", YES),
        ("RewriteRule a.html - [H=none]", YES), ("RewriteRule a.html - [E=A:%{REQUEST_URI}]", YES),
        ("RewriteRule a.html - [E=A:%{REMOTE_ADDR}]", NO), ("RewriteRule a.html - [CO=a:b:.example]", NO),
        ("RewriteRule a.html /%{TIME}", NO), ("RewriteRule a.html /missing [PT]", YES),
        ("RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule a.html /b.html", YES),
        ("RewriteCond {root} -d\nRewriteRule a.html /b.html", YES),
        ("RewriteCond {root} -s\nRewriteRule a.html /b.html", YES),
        ("RewriteCond {root} -x\nRewriteRule a.html /b.html", YES),
        ("RewriteCond {root} -l\nRewriteRule a.html /b.html", YES),
        ("RewriteCond /a.html -U\nRewriteRule a.html /b.html", NO),
        ("RewriteCond /a.html -F\nRewriteRule a.html /b.html", NO),
        ("RewriteCond 5 -gt3\nRewriteRule a.html /b.html", YES), ("RewriteCond a <b\nRewriteRule a.html /b.html", YES),
        ("RewriteCond expr \"-f '{root}'\"\nRewriteRule a.html /b.html", YES),
        ("RewriteCond expr \"-R '10.0.0.0/8'\"\nRewriteRule a.html /b.html", NO),
    ),
    server("RewriteEngine On\nRewriteRule ^ /~root/x", "/a.html", NO),
    *(
        server(f"RewriteEngine On\nRewriteMap m {kind}\nRewriteRule ^/(.*) /${{m:$1|b.html}}", "/a.html", pure)
        for kind, pure in (
            ('"txt:{root}/map"', YES), ('"rnd:{root}/map"', NO), ("int:tolower", YES), ("int:escape", YES),
            ('"prg:/bin/cat"', NO),
        )
    ),
    # mod_headers
    *headers(
        ("set X y", YES), ("set X %%", YES), ("set X %{A}e", YES), ("set X %{A}s", YES), ("set X %t", NO),
        ("set X %D", NO), ("set X %l", NO), ("set X %i", NO), ("set X %b", NO), ("append X y", YES), ("unset X", YES),
        ("edit X a b", YES), ("set X expr=%{REQUEST_URI}", YES), ("set X expr=%{REMOTE_ADDR}", NO),
        ("set X y \"expr=-R '10.0.0.0/8'\"", NO), ("set X y env=A", YES), ("edit X a expr=%{TIME}", NO),
    ),
    location("Header set X %t", "/a.html", NO),
    location("Header echo ^X", "/a.html", YES),
    location("RequestHeader set X y", "/a.html", YES),
    location("RequestHeader set X %t", "/a.html", NO),
    location("RequestHeader set X expr=%{REMOTE_ADDR}", "/a.html", NO),
    location("RequestHeader set X y early", "/a.html", YES),
    server("Header set X %t early", "/a.html", NO),
    # mod_expires: what lies behind the Date by a fixed time is dated anew with it
    location("ExpiresActive On\nExpiresDefault A60", "/a.html", YES),
    location("ExpiresActive On\nExpiresDefault A60", "/missing", YES),
    location("ExpiresActive On\nExpiresDefault A60\nHeader set X expr=%{resp:Expires}", "/a.html", NO),
    location("ExpiresActive On\nExpiresDefault M60", "/a.html", NO),
    location("ExpiresActive On\nExpiresByType text/html M60", "/a.html", NO),
    location("ExpiresActive Off\nExpiresDefault A60", "/a.html", YES),
    # mod_setenvif, mod_env
    server("SetEnvIf User-Agent x A", "/a.html", YES),
    server("BrowserMatch x A", "/a.html", YES),
    server("SetEnvIf Request_URI x A", "/a.html", YES),
    server("SetEnvIf Server_Addr x A", "/a.html", YES),
    server("SetEnvIf Remote_Addr x A", "/a.html", NO),
    server("SetEnvIfNoCase REMOTE_HOST x A", "/a.html", NO),
    server("SetEnvIf ^X- x A", "/a.html", YES),
    location("SetEnvIf Remote_Addr x A", "/a.html", NO),
    htaccess("SetEnvIf Remote_Addr x A", "/a.html", NO),
    htaccess("SetEnvIf User-Agent x A", "/a.html", YES),
    server("SetEnvIfExpr \"%{REQUEST_URI} == 'x'\" A", "/a.html", YES),
    server("SetEnvIfExpr \"-R '10.0.0.0/8'\" A", "/a.html", NO),
    server("SetEnv A b\nPassEnv PATH\nUnsetEnv A", "/a.html", YES),
    # mod_alias
    server('Alias /x "{root}/htdocs"', "/x/a.html", YES),
    server('AliasMatch ^/x(.*) "{root}/htdocs$1"', "/x/a.html", YES),
    server("Redirect /a.html /b.html", "/a.html", YES),
    server("RedirectMatch gone a", "/a.html", YES),
    location('Alias "{root}/htdocs/%{req:X}"', "/a.html", YES),
    location('Alias "{root}/htdocs/%{REMOTE_ADDR}"', "/a.html", NO),
    location("Redirect 302 /%{REQUEST_METHOD}", "/a.html", YES),
    location("Redirect 302 /%{TIME}", "/a.html", NO),
    server('ScriptAlias /x "{root}/htdocs"', "/x/a.html", NO),
    # mod_dir, mod_mime, mod_autoindex, mod_asis, mod_actions, mod_speling
    location("DirectoryIndex missing.html a.html", "/", YES),
    location("DirectoryIndexRedirect On", "/sub/", YES),
    location("DirectorySlash Off", "/sub", NO),
    location("FallbackResource /a.html", "/missing", YES),
    location("AddType text/plain .html\nAddLanguage de .html", "/a.html", YES),
    location("AddHandler send-as-is .html", "/a.html", NO),
    location("AddHandler cgi-script .html", "/a.html", NO),
    location("AddOutputFilter MOD_EXPIRES .html", "/a.html", NO),
    location("SetHandler httpd/unix-directory", "/a.html", NO),
    location("Action text/html /a.txt", "/a.html", YES),
    location("Action text/html /cgi virtual\n</Location>\n<Location /cgi>\nSetHandler cgi-script", "/a.html", NO),
    location("CheckSpelling On", "/a.html", YES),
    location("CheckSpelling On", "/A.html", NO),
    # mod_userdir, mod_vhost_alias
    server('UserDir "{root}/users/*"', "/~someone/a.html", YES),
    server('UserDir "{root}/users/*" "{root}/other/*"', "/~someone/a.html", YES),
    server("UserDir http://elsewhere/*", "/~someone/a.html", YES),
    server("UserDir public_html", "/~root/a.html", NO),
    server("UserDir public_html", "/~nobody-of-this-name/a.html", NO),
    server("UserDir public_html", "/a.html", YES),
    server('VirtualDocumentRoot "{root}/htdocs"', "/a.html", YES),
    server('VirtualDocumentRoot "{root}/%0/%p"', "/a.html", YES),
    server('VirtualDocumentRootIP "{root}/%0"', "/a.html", YES),
    # access
    location("Require all granted", "/a.html", YES),
    location("Require method GET", "/a.html", YES),
    location("SetEnvIf Request_URI . A\nRequire env A", "/a.html", YES),
    location("<RequireAll>\nRequire not env A\nRequire all granted\n</RequireAll>", "/a.html", YES),
    location("Require expr %{REQUEST_METHOD} == 'GET'", "/a.html", YES),
    location("Require expr %{REMOTE_ADDR} != ''", "/a.html", NO),
    location("Require ip 127.0.0.0/8", "/a.html", NO),
    location("Require host localhost", "/a.html", NO),
    location("Require local", "/a.html", NO),
    location("<RequireAll>\nRequire all granted\nRequire not ip 10\n</RequireAll>", "/a.html", NO),
    location("Require all granted\nRequire ip 10", "/a.html", NO),
    location(BASIC + "Require valid-user", "/a.html", NO),
    location(BASIC + "Require valid-user", "/a.html Authorization:Basic dTpw", NO),
    location(BASIC + "Require all granted", "/a.html", NO),
    location(BASIC + "Require file-owner", "/a.html", NO),
    location("AuthType Digest\nAuthName x\nRequire valid-user", "/a.html", NO),
    location("AuthType %{req:X}\nRequire all granted", "/a.html", NO),
    location("Order allow,deny\nAllow from all", "/a.html", YES),
    location("SetEnvIf Request_URI . A\nOrder allow,deny\nAllow from env=A", "/a.html", YES),
    location("Order deny,allow\nDeny from 10.1", "/a.html", NO),
    location("Order deny,allow\nDeny from some.domain", "/a.html", NO),
    location("Order deny,allow\nDeny from all", "/a.html", NO),
    location("AllowMethods GET", "/a.html", YES),
    location("AllowMethods POST", "/a.html", NO),
    # the others
    server("RemoteIPHeader X-Forwarded-For", "/a.html", NO),
    server("CookieTracking On", "/a.html", NO),
    location("CookieTracking On", "/a.html", NO),
    location("KeptBodySize 10", "/a.html", NO),
    location('LogMessage "hello" hook=fixups', "/a.html", NO),
    location("LogMessage \"hello\" hook=fixups \"expr=%{REMOTE_ADDR} == 'x'\"", "/a.html", NO),
    location("LogIOTrackTTFB On", "/a.html", NO),
    location("SetHandler server-status", "/a.html", NO),
    server("RequestReadTimeout header=20", "/a.html", YES),
]  # fmt: skip


class QuietKit(SiteKit):
    """Only warnings and worse are logged."""

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        return level <= Level.WARN


def made(root: Path, case: Case, modules: tuple[str, ...] = MODULES) -> QuietKit:
    text = case.text.replace("{root}", str(root))
    (root / "users").mkdir()
    (root / "map").write_text("a.html b.html|c.html\n")
    inside = f"<Location />\n{text}\n</Location>\n" if case.where == "LOCATION" else ""
    outside = text if case.where == "SERVER" else ""
    access = f'<Directory "{root}/htdocs">\nAllowOverride All\nOptions FollowSymLinks\n</Directory>\n'
    kit = QuietKit(root, f"{access}{inside}{outside}\n", modules)
    for name in ("a.html", "b.html", "a.txt", "sub/index.html"):
        kit.file(name, "content", OLD)
    (kit.docs / "empty").mkdir()
    (kit.docs / "link.html").symlink_to("a.html")
    if case.where == "HTACCESS":
        kit.file(".htaccess", text)
    return kit


def refused(kit: QuietKit, target: str) -> str | None:
    """Why the answer to a request may not be remembered, None where it may."""
    path, _, fields = target.partition(" ")
    x = kit.exchange(path, headers=_FIELD.findall(fields))
    memo = x.memo = Memo(x.headers_in)
    x.files = memo.looks

    async def run() -> None:
        last = await then(waited(answer(x)), deliverable)
        assert last.response is not None
        last.response.body.close()

    asyncio.run(run())
    return memo.refused


@pytest.mark.parametrize("case", CASES, ids=[f"{case.where} {case.text} {case.target}" for case in CASES])
def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    kit = made(tmp_path, case)
    unnoted = watched(monkeypatch)
    reason = refused(kit, case.target)
    assert (reason is None) is case.pure, reason
    assert not (case.pure and unnoted)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A list of what is asked of the disk from now on by those who call the system themselves."""
    found: list[Any] = []
    for name in ("stat", "lstat", "listdir", "scandir", "access", "readlink"):
        monkeypatch.setattr(os, name, noting(found, getattr(os, name)))
    return found


def noting(found: list[Any], call: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        found.append((call.__name__, arguments))
        return call(*arguments, **named)

    return noted


def test_a_module_that_only_has_to_be_there(tmp_path: Path) -> None:
    kit = made(tmp_path, server("", "", NO), (*MODULES, "unique_id"))
    assert refused(kit, "/a.html") == "mod_unique_id"


def test_all_looks_are_noted(tmp_path: Path) -> None:
    """What a pure answer has asked of the disk: all that another answer would follow from."""
    text = "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT}/cache%{REQUEST_URI} -f\nRewriteRule . /cache%{REQUEST_URI}"
    kit = made(tmp_path, server(f"{text}\n<If \"-d '/nowhere'\">\nSetEnv A 1\n</If>", "", YES))
    x = kit.exchange("/sub/index.html")
    memo = x.memo = Memo(x.headers_in)
    x.files = memo.looks
    asyncio.run(waited(answer(x)))
    paths = {path.removeprefix(str(tmp_path)) for path, _, _ in memo.looks.found}
    assert paths >= {
        "/htdocs/cache/sub/index.html", "/nowhere", "/htdocs/sub/index.html", "/htdocs/.htaccess",
        "/htdocs/sub/.htaccess",
    }  # fmt: skip


def test_a_request_that_nobody_follows_looks_for_itself(tmp_path: Path) -> None:
    kit = made(tmp_path, server("CheckSpelling On", "", YES))
    assert kit.exchange("/").files is DISK
    assert kit.get("/a.html").status == 200
