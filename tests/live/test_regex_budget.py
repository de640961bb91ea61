"""Patterns that would take for ever hold no process, wherever they stand and whichever MPM waits.

One process (and one thread, where there are few) has to serve all: it answers the worst request within the budget of
`mpmserver.config.regex` for each pattern, and others right after it, or meanwhile.
"""

from __future__ import annotations

import threading
import time

import pytest

from tests.live.slow import MPMS
from tests.live_server import MODULES, LiveServer, wait_until

ONE = {
    "prefork": "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n",
    "worker": "StartServers 1\nThreadsPerChild 2\nMinSpareThreads 1\nMaxSpareThreads 3\nMaxRequestWorkers 2\n",
    "event": "StartServers 1\nThreadsPerChild 2\nMinSpareThreads 1\nMaxSpareThreads 3\nMaxRequestWorkers 2\n",
    "reactor": "ReactorProcesses 1\n",
}
CONFIG = """
<Directory "${ROOT}/htdocs">
  AllowOverride All
  Options FollowSymLinks
</Directory>
"""
SUBJECT = "a" * 2000 + "!"
RULES = {
    "rule": "RewriteEngine On\nRewriteRule ^(a+)+$ /found [R]\n",
    "condition": "RewriteEngine On\nRewriteCond %{QUERY_STRING} ^(([a-z])+.)+[A-Z]$\nRewriteRule . /found [R]\n",
    "field": 'SetEnvIf X-Subject "^(a|aa)+$" found\nRequire env !found\nRequire all granted\n',
    "expression": '<If "%{HTTP:X-Subject} =~ /^(a*)*b/">\nRequire all denied\n</If>\n',
    "files": '<FilesMatch "^(a|a?)+$">\nRequire all denied\n</FilesMatch>\n',
    "redirect": 'RedirectMatch "(.*a){25}c$" /found\n',
    "polynomial": "RewriteEngine On\nRewriteRule a*a*a*a*a*a*b /found [R]\n",
}
WITHIN = 3.0
"""Seconds for an answer: some matches of less than a tenth each, on a machine that has other things to do, too."""


@pytest.mark.parametrize("mpm", MPMS)
def test_the_worst_patterns_hold_nobody(mpm: str) -> None:
    files: dict[str, str | bytes] = {f"htdocs/{name}/.htaccess": text for name, text in RULES.items()}
    files["htdocs/a.txt"] = "fine\n"
    server = LiveServer(CONFIG + ONE[mpm], mpm=mpm, files=files, modules=(*MODULES, "rewrite"))
    with server:
        for name in RULES:
            began = time.monotonic()
            answer = server.get(f"/{name}/{SUBJECT[-200:]}?{SUBJECT}", {"X-Subject": SUBJECT}, timeout=60)
            assert answer.status in (404, 403), name  # 403: the file system has no names of this length
            assert server.get("/a.txt", timeout=60).body == b"fine\n"
            assert time.monotonic() - began < WITHIN, name
        assert "Traceback" not in server.error_log()


@pytest.mark.parametrize("mpm", MPMS)
def test_others_are_answered_while_many_ask_the_worst(mpm: str) -> None:
    files: dict[str, str | bytes] = {"htdocs/rule/.htaccess": RULES["rule"], "htdocs/a.txt": "fine\n"}
    with LiveServer(CONFIG + ONE[mpm], mpm=mpm, files=files, modules=(*MODULES, "rewrite")) as server:
        statuses: list[int] = []

        def ask() -> None:
            statuses.extend(server.get(f"/rule/{SUBJECT[-200:]}", timeout=60).status for _ in range(5))

        attackers = [threading.Thread(target=ask) for _ in range(4)]
        for attacker in attackers:
            attacker.start()
        wait_until(lambda: bool(statuses), 30, "the attack")
        assert server.get("/a.txt", timeout=WITHIN).body == b"fine\n"
        for attacker in attackers:
            attacker.join(60)
        assert statuses == [404] * 20
