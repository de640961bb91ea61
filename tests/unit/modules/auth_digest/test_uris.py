"""URIs taken apart, and when two of them mean the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mpmserver.core.settings import CoreServer
from mpmserver.modules.auth_digest.uris import Parts, parse, same


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("/a/%62?q=%31#f", Parts(None, None, "/a/b", "q=1")),
        ("/a?", Parts(None, None, "/a", "")),
        ("//host/a", Parts(None, None, "//host/a", None)),
        ("*", Parts(None, None, "*", None)),
        ("", Parts(None, None, None, None)),
        ("http://h/a", Parts("h", None, "/a", None)),
        ("http://u:p@h:81?q", Parts("h", 81, None, "q")),
        ("https://h:/a", Parts("h", 443, "/a", None)),
        ("http://[::1]:8/", Parts("[::1]", 8, "/", None)),
        ("http://h:x/", None),
        ("http://h:" + "9" * 6000 + "/", Parts("h", 65535, "/", None)),
        ("http://h:65617/", Parts("h", 81, "/", None)),
        ("http://[/", None),
        ("/%ff", Parts(None, None, "/\udcff", None)),
    ],
)
def test_parts(uri: str, parts: Parts | None) -> None:
    assert parse(uri) == parts


HERE = Parts("host", 80, "/a", None)


@pytest.mark.parametrize(
    ("signed", "asked", "expected"),
    [
        ("/a", HERE, True),
        ("/b", HERE, False),
        ("/a?q", HERE, False),
        ("http://HOST/a", HERE, True),
        ("http://host:80/a", HERE, True),
        ("http://host:81/a", HERE, False),
        ("http://other/a", HERE, False),
        ("http://host/a", Parts("host", 8080, "/a", None), False),
        ("http://host:8080/a", Parts("host", 8080, "/a", None), True),
        ("/a", Parts("host", 8080, "/a", None), True),
        ("*", Parts("host", 80, None, None), True),
        ("*", HERE, False),
        ("/a?q", Parts("host", 80, "/a", "q"), True),
    ],
)
def test_same(signed: str, asked: Parts, expected: bool) -> None:
    peer = SimpleNamespace(secure=False)
    server = {CoreServer: SimpleNamespace(server_scheme=None)}
    x: Any = SimpleNamespace(peer=peer, server=server)
    parts = parse(signed)
    assert parts is not None
    assert same(x, parts, asked) is expected
