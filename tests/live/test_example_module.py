"""The module that docs/modules.md explains, as it stands, in a running server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live_server import PROJECT, LiveServer

EXAMPLES = {"PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'docs' / 'examples'}"}
LOAD = "LoadModule notice_module notice\n"
SITE = """
Notice "Closed on Sunday"
<Directory "${ROOT}/htdocs">
    AllowOverride FileInfo
</Directory>
<Location "/notice">
    SetHandler notice
</Location>
"""
FILES = {
    "htdocs/page.txt": "text\n",
    "htdocs/own/page.txt": "text\n",
    "htdocs/own/.htaccess": 'Notice "Closed on Monday"\nNoticeFor .html .txt\n',
    "htdocs/own/page.css": "",
    "htdocs/open/.htaccess": "Notice none\n",
    "htdocs/open/page.txt": "text\n",
}


@pytest.fixture
def server(live_server: Callable[..., LiveServer]) -> LiveServer:
    return live_server(LOAD + SITE, files=FILES, environment=EXAMPLES)


def test_the_notice_is_on_the_answers(server: LiveServer) -> None:
    notices = {
        path: server.get(path).header("X-Notice")
        for path in ("/page.txt", "/own/page.txt", "/own/page.css", "/open/page.txt")
    }
    assert notices == {
        "/page.txt": "Closed on Sunday",
        "/own/page.txt": "Closed on Monday",
        "/own/page.css": None,
        "/open/page.txt": None,
    }


def test_the_handler_answers(server: LiveServer) -> None:
    answer = server.get("/notice")
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, b"Closed on Sunday\n", "text/plain")
    refused = server.get("/notice", method="DELETE")
    assert refused.status == 405
    assert {"GET", "HEAD"} <= set((refused.header("Allow") or "").replace(" ", "").split(","))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Notice", "Notice takes one argument, the text, or None"),
        ('Notice "é"', "Notice must be printable ASCII: it becomes a header"),
        ("NoticeFor", "NoticeFor requires at least one argument, one or more endings of file names"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, line: str, complaint: str) -> None:
    file = tmp_path / "httpd.conf"
    file.write_text(f"{LOAD}Listen 127.0.0.1:1\n{line}\n")
    told = subprocess.run(
        [sys.executable, "-m", "mpmserver", "-d", str(tmp_path), "-f", str(file), "-t"],
        env={**os.environ, **EXAMPLES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stderr.splitlines()[-2:] == [f"AH00526: Syntax error on line 3 of {file}:", complaint]
