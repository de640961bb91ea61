"""The wire table: every case in every direction (the parser, the live server under each MPM, real Apache)."""

from __future__ import annotations

from tests.wire.bodies import CHUNKS, LENGTHS, PERSISTENCE
from tests.wire.case import WireCase
from tests.wire.heads import FIELDS, HOSTS, REQUEST_LINES, TARGETS

GROUPS: dict[str, tuple[WireCase, ...]] = {
    "line": REQUEST_LINES,
    "target": TARGETS,
    "field": FIELDS,
    "host": HOSTS,
    "length": LENGTHS,
    "chunk": CHUNKS,
    "persistence": PERSISTENCE,
}

CASES: dict[str, WireCase] = {f"{group}: {case.name}": case for group, cases in GROUPS.items() for case in cases}

#: What the live directions serve.
FILES = {
    "htdocs/f.txt": "hello\n",
    "htdocs/index.html": "index\n",
    "htdocs/probe": "probe\n",
    "htdocs/sub/f.txt": "sub\n",
}

PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"

#: No more than the table needs.
MODULES = ("authn_core", "authz_core", "dir", "mime")
