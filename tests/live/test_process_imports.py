"""Everything is imported before the fork: after an upgrade in place an old child must not load new code."""

from __future__ import annotations

import os

import pytest

from tests.live_server import PROJECT, LiveServer

WATCH = """
import sys
from mpmserver.core.module import Module

def child_init(child):
    path = child.site.configuration.path("logs/imports")

    def hook(event, arguments):
        if event == "import":
            with open(path, "a") as file:
                file.write(f"{arguments[0]}\\n")

    sys.addaudithook(hook)

MODULE = Module("watch", child_init=child_init)
"""
CONFIG = """
LoadModule watch_module watch_imports
ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"
<Directory "${ROOT}/htdocs">
  AllowOverride All
  Options Indexes
</Directory>
<Location /server-status>
  SetHandler server-status
</Location>
"""
FILES = {
    "watch_imports.py": WATCH,
    "htdocs/a.txt": "a" * 100,
    "htdocs/dir/b.html": "b",
    "htdocs/broken/.htaccess": "Nonsense\n",
    "htdocs/types/.htaccess": "AddType text/x-own .own\nErrorDocument 404 /a.txt\n",
    "htdocs/locked/.htaccess": 'AuthType Basic\nAuthName x\nAuthUserFile "${ROOT}/users"\nRequire valid-user\n',
    "cgi-bin/hello.sh": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\ncat\n",
}
REQUESTS = (
    "GET /a.txt", "HEAD /a.txt", "GET /none", "GET /dir", "GET /dir/", "GET /broken/", "GET /types/none",
    "GET /locked/", "GET /cgi-bin/hello.sh", "GET /server-status", "GET /server-status?auto", "OPTIONS *", "TRACE /",
    "GET /%zz", "POST /a.txt", "DELETE /a.txt", "BREW /coffee",
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {}, {"Range": "bytes=1-2"}, {"Range": "bytes=0-1,4-5"}, {"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"},
)  # fmt: skip


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event", "reactor"])
def test_a_child_imports_nothing(mpm: str) -> None:
    server = LiveServer(CONFIG, mpm=mpm, files=FILES)
    server.environment["PYTHONPATH"] = f"{PROJECT}{os.pathsep}{server.root}"
    imports = server.root / "logs/imports"
    imports.touch()
    imports.chmod(0o666)
    with server:
        for request in REQUESTS:
            method, _, target = request.partition(" ")
            for headers in HEADERS:
                server.get(target, headers, method=method)
        head = b"POST /cgi-bin/hello.sh HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert server.request(head + b"3\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.1 ")
        server.request(b"NONSENSE\r\n\r\n")
        server.stop()
        assert sorted(set(imports.read_text().split())) == []
