"""The walks: which sections hold for a request, in which order, and what they refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpmserver.core import site
from mpmserver.core.settings import CoreDir, CoreServer
from mpmserver.modules.log_config.settings import LogServer
from tests.memory import get, log_of, world

MARK = "SetEnv X {0}\n"
SHOW = """
<Directory {root}/htdocs>
Options +ExecCGI
AddHandler cgi-script .cgi
</Directory>
"""
SCRIPT = '#!/bin/sh\necho "Content-Type: text/plain"\necho\nprintf %s "$X"\n'


def _site(tmp_path: Path, text: str) -> None:
    docs = tmp_path / "htdocs"
    (docs / "sub").mkdir(parents=True, exist_ok=True)
    for place in (docs, docs / "sub"):
        script = place / "x.cgi"
        script.write_text(SCRIPT)
        script.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("<Directory {root}/htdocs>\nSetEnv X dir\n</Directory>", "/x.cgi", b"dir"),
        ("<Directory {root}/htdocs/s*>\nSetEnv X wild\n</Directory>", "/sub/x.cgi", b"wild"),
        ("<Directory {root}/htdocs/s*>\nSetEnv X wild\n</Directory>", "/x.cgi", b""),
        ("<DirectoryMatch sub>\nSetEnv X match\n</DirectoryMatch>", "/sub/x.cgi", b"match"),
        (
            (
                "<DirectoryMatch sub>\nSetEnv X match\n</DirectoryMatch>\n"
                "<Directory {root}/htdocs/sub>\nSetEnv X plain\n</Directory>"
            ),
            "/sub/x.cgi",
            b"match",
        ),
        (
            (
                "<Files x.cgi>\nSetEnv X file\n</Files>\n"
                "<Directory {root}/htdocs>\nSetEnv X dir\n</Directory>"
            ),
            "/x.cgi",
            b"file",
        ),
        ("<Location /sub>\nSetEnv X loc\n</Location>\n<Files x.cgi>\nSetEnv X file\n</Files>", "/sub/x.cgi", b"loc"),
        ("<Location /su>\nSetEnv X loc\n</Location>", "/sub/x.cgi", b""),
        ("<LocationMatch ^/s.b/>\nSetEnv X re\n</LocationMatch>", "/sub/x.cgi", b"re"),
        ("<Directory {root}/htdocs>\n<Files x.cgi>\nSetEnv X inner\n</Files>\n</Directory>", "/sub/x.cgi", b"inner"),
        (
            (
                "<Directory {root}/htdocs/sub>\nSetEnv X long\n</Directory>\n"
                "<Directory {root}/htdocs>\nSetEnv X short\n</Directory>"
            ),
            "/sub/x.cgi",
            b"long",
        ),
    ],
)  # fmt: skip
def test_merge_order(tmp_path: Path, text: str, path: str, expected: bytes) -> None:
    _site(tmp_path, text)
    made = world(tmp_path, (SHOW + text).replace("{root}", str(tmp_path)))
    assert get(made, path).body == expected


def test_equal_sections_give_the_same_object(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    main = made.site.main
    sections = main.defaults.sections
    assert main.merge(sections) is main.merge(tuple(sections))


def test_virtual_hosts_share_what_they_say_nothing_about(tmp_path: Path) -> None:
    hosts = "".join(f"<VirtualHost *>\nServerName {name}\n{more}</VirtualHost>\n" for name, more in
                    (("a", ""), ("b", ""), ("c", "SetEnv X c\n"), ("d", "LogFormat %h\n")))  # fmt: skip
    main, a, b, c, d = world(tmp_path, hosts).site.servers
    assert a[LogServer] is b[LogServer] is c[LogServer] is main[LogServer] is not d[LogServer]
    assert a[CoreServer] is not main[CoreServer]
    assert a.defaults.tables is b.defaults.tables is d.defaults.tables is main.defaults.tables is not c.defaults.tables
    assert c.defaults[CoreDir] is main.defaults[CoreDir]


def test_what_is_expected_is_made_before_anybody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is made once, in the parent: not one plan is made for the first file of the document root."""
    _site(tmp_path, "")
    made = world(tmp_path, (SHOW + "<Directory {root}>\nSetEnv X dir\n</Directory>\n").format(root=tmp_path))
    made.expect_requests()
    monkeypatch.setattr(site, "Plan", None)
    monkeypatch.setattr(site, "Merged", None)
    assert get(made, "/x.cgi").body == b"dir"


def test_htaccess_is_parsed_once_and_read_again_when_it_changes(tmp_path: Path) -> None:
    _site(tmp_path, "")
    text = SHOW + "<Directory {root}>\nAllowOverride FileInfo\n</Directory>"
    made = world(tmp_path, text.replace("{root}", str(tmp_path)))
    file = tmp_path / "htdocs" / "sub" / ".htaccess"
    file.write_text("SetEnv X one\n")
    assert get(made, "/sub/x.cgi").body == b"one"
    files = made.resolver._htaccess
    parses = files.parses
    assert get(made, "/sub/x.cgi").body == b"one"
    assert files.parses == parses
    file.write_text("SetEnv X two\n")
    assert get(made, "/sub/x.cgi").body == b"two"
    file.unlink()
    assert get(made, "/sub/x.cgi").body == b""


def test_an_error_in_htaccess_is_a_500_that_names_file_and_line(tmp_path: Path) -> None:
    _site(tmp_path, "")
    made = world(tmp_path, f"<Directory {tmp_path}>\nAllowOverride All\n</Directory>")
    (tmp_path / "htdocs" / ".htaccess").write_text("\nNoSuchThing on\n")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    assert get(made, "/a.txt").status == 500
    assert any(".htaccess" in line and "NoSuchThing" in line and "line 2" in line for line in log_of(made))


@pytest.mark.parametrize(
    ("options", "status"),
    [("FollowSymLinks", 200), ("None", 403), ("SymLinksIfOwnerMatch", 200)],
)
def test_links(tmp_path: Path, options: str, status: int) -> None:
    made = world(tmp_path, f"<Directory {tmp_path}>\nOptions {options}\n</Directory>")
    (tmp_path / "outside.txt").write_text("x")
    os.symlink(tmp_path / "outside.txt", tmp_path / "htdocs" / "link.txt")
    assert get(made, "/link.txt").status == status


def test_path_info_begins_behind_the_file(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("x")
    assert get(made, "/a.txt/more/of/it").status == 404
    made = world(tmp_path, "AcceptPathInfo On")
    assert get(made, "/a.txt/more/of/it").status == 200
