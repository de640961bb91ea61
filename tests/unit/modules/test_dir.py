"""mod_dir: slashes, indexes, fallbacks (expectations from httpd)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.modules.kit import SiteKit, refusal

CONFIG = """
<Directory />
Require all granted
</Directory>
<Directory DOCS/multi>
DirectoryIndex a.html
DirectoryIndex b.html "c d.html"
</Directory>
<Directory DOCS/redir>
DirectoryIndexRedirect 303
</Directory>
<Location /forb/index.html>
Require all denied
</Location>
<Directory DOCS/forb>
DirectoryIndex index.html nothing.html
</Directory>
<Directory DOCS/disabled>
DirectoryIndex disabled
FallbackResource /fb/front.html
</Directory>
<Directory DOCS/fb>
FallbackResource /fb/front.html
</Directory>
<Directory DOCS/fb/off>
FallbackResource disabled
</Directory>
<Directory DOCS/elsewhere>
DirectoryIndex /root.html
</Directory>
<Directory DOCS/slash>
DirectorySlash Off
Options +Indexes
</Directory>
<Location /chk>
SetHandler foo
DirectoryCheckHandler On
</Location>
Redirect /nest/index.html http://red/
"""

FILES = (
    "idx/index.html", "multi/b.html", "redir/index.html", "forb/index.html", "fb/front.html", "fb/idx/index.html",
    "chk/index.html", "root.html", "plain/x", "slash/x", "disabled/x", "elsewhere/x", "nest/x", "fb/off/x", "a b?c/x",
)  # fmt: skip

CASES = [
    ("/plain", 301, "http://localhost:8080/plain/", None),
    ("/plain?x=y", 301, "http://localhost:8080/plain/?x=y", None),
    ("/plain/", 403, None, None),
    ("/idx/", 200, None, "/idx/index.html"),
    ("/idx/?q=1", 200, None, "/idx/index.html"),
    ("/multi/", 200, None, "/multi/b.html"),
    ("/redir/?a=b", 303, "http://localhost:8080/redir/index.html", None),
    ("/forb/", 403, None, None),
    ("/disabled/", 403, None, None),
    ("/disabled/nope", 200, None, "/fb/front.html"),
    ("/fb/", 200, None, "/fb/front.html"),
    ("/fb/nope/x?y=z", 200, None, "/fb/front.html"),
    ("/fb/off/nope", 404, None, None),
    ("/fb/idx/", 200, None, "/fb/idx/index.html"),
    ("/fb/idx/x.html/p", 200, None, "/fb/front.html"),
    ("/elsewhere/", 200, None, "/root.html"),
    ("/slash", 200, None, "/slash"),
    ("/chk", 301, "http://localhost:8080/chk/", None),
    ("/chk/", 404, None, None),
    ("/a%20b%3fc?z", 301, "http://localhost:8080/a%20b%3fc/?z", None),
    ("/nest/", 302, "http://red/", None),
    ("/plain/index.html", 404, None, None),
]

REFUSALS = [
    ("DirectorySlash NotFound", "DirectorySlash must be On or Off"),
    ("DirectoryIndexRedirect 200", "DirectoryIndexRedirect only accepts values between 300 and 399"),
    ("DirectoryIndexRedirect foo", "DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx"),
    ("DirectoryIndexRedirect 399", ""),
    ("FallbackResource", "FallbackResource takes one argument, Set a default handler"),
]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SiteKit:
    root = tmp_path_factory.mktemp("dir")
    kit = SiteKit(root, CONFIG.replace("DOCS", f"{root}/htdocs"))
    for name in FILES:
        kit.file(name, name)
    return kit


@pytest.mark.parametrize(("target", "status", "location", "uri"), CASES)
def test_directories(kit: SiteKit, target: str, status: int, location: str | None, uri: str | None) -> None:
    answer = kit.get(target)
    assert (answer.status, answer.headers.get("Location")) == (status, location)
    if uri is not None:
        assert answer.x.uri == uri
        assert answer.x.args == (target.partition("?")[2] or None)


def test_an_index_is_answered_as_if_asked_for(kit: SiteKit) -> None:
    assert kit.get("/idx/").body == b"idx/index.html"
    assert kit.get("/idx/").headers["Content-Type"] == "text/html"


def test_a_post_is_redirected_unless_the_client_cant_bear_it(kit: SiteKit, tmp_path: Path) -> None:
    assert kit.get("/plain", "POST").status == 301
    granted = "<Directory />\nRequire all granted\n</Directory>\n"
    careful = SiteKit(tmp_path, f"{granted}SetEnvIf Host . redirect-carefully\n")
    (careful.docs / "plain").mkdir()
    assert careful.get("/plain", "POST").status == 404
    assert careful.get("/plain").status == 301


def test_the_names_that_were_tried(kit: SiteKit) -> None:
    assert kit.get("/plain/").x.notes["dir-index-names"] == "index.html"
    assert kit.get("/disabled/").x.notes["dir-index-names"] == ""


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("DirectoryIndex a", "a"),
        ("DirectoryIndex a b\nDirectoryIndex c", "a,b,c"),
        ("DirectoryIndex a\nDirectoryIndex Disabled\nDirectoryIndex c", "c"),
        ("DirectoryIndex disabled x", "disabled,x"),
        ("DirectoryIndex x disabled", "x,disabled"),
        ("DirectoryIndex", ""),
    ],
)
def test_lists_add_up(tmp_path: Path, lines: str, names: str) -> None:
    kit = SiteKit(tmp_path, f"<Directory />\nRequire all granted\n</Directory>\n{lines}\n")
    assert kit.get("/").x.notes["dir-index-names"] == names


@pytest.mark.parametrize(("line", "message"), REFUSALS)
def test_refusals(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, f"{line}\n") == message
