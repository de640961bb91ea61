"""An MPM that the server doesn't know, in one file, serves: the seam between waiting and everything else holds."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.live.slow import answer
from tests.live_server import LiveServer, identity_lines

SCRIPT = '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\ncat\nsleep 0.2\necho done\n'
CONFIG = """
LoadModule mpm_tiny_module tests.live.tiny_mpm
LoadModule mime_module modules/mod_mime.so
LoadModule alias_module modules/mod_alias.so
LoadModule cgi_module modules/mod_cgi.so
LoadModule authz_core_module modules/mod_authz_core.so
ServerRoot "${ROOT}"
TypesConfig conf/mime.types
ServerName localhost
Listen 127.0.0.1:${PORT}
TinyConnections 8
PidFile logs/httpd.pid
ErrorLog logs/error.log
CustomLog logs/access.log "%r %>s %b"
DocumentRoot "${ROOT}/htdocs"
ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"
"""


def configuration() -> str:
    return CONFIG + identity_lines()


def test_a_fifth_mpm_serves(live_server: Callable[..., LiveServer]) -> None:
    files = {"htdocs/index.html": "welcome\n", "htdocs/big.bin": b"0123456789" * 300_000, "cgi-bin/cat": SCRIPT}
    server = live_server(configuration(), whole=True, mpm="tiny", files=files)
    assert server.get("/index.html").body == b"welcome\n"
    assert server.get("/big.bin").body == b"0123456789" * 300_000
    assert server.get("/missing").status == 404
    posted = server.get("/cgi-bin/cat", method="POST", body=b"posted\n")
    assert posted.body == b"posted\ndone\n"
    connection = server.connect()
    with connection:
        for _each in range(3):
            connection.sendall(b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert "welcome" in answer(connection)
        server.signal(signal.SIGWINCH)
        assert connection.recv(1) == b"", "an idle connection ends with a graceful stop"
    server.stop(signal.SIGWINCH)
    assert server.access_log().count("GET /index.html HTTP/1.1 200 8\n") == 4
    assert "Traceback" not in server.error_log()
