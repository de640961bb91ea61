"""URIs of rules: which are absolute, how they are escaped, queries split off, prefixes replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.modules.rewrite.flags import Flag
from mpmserver.modules.rewrite.state import Run
from mpmserver.modules.rewrite.uris import (
    absolute,
    escaped,
    qualified,
    reduced,
    replaced_prefix,
    split_query,
    with_home,
)
from tests.unit.modules.kit import SiteKit


def run(tmp_path: Path, text: str = "") -> Run:
    return Run(SiteKit(tmp_path, text).exchange("/x?old"), None)


@pytest.mark.parametrize(
    ("uri", "length", "has_query"),
    [
        ("http://a", 7, True), ("HTTPS://a", 8, True), ("mailto:a", 7, True), ("unix:/x", 5, True),
        ("h2c://a", 6, True), ("ftp://a", 6, False), ("news:a", 5, False), ("ldap://a", 7, False),
    ],
)  # fmt: skip
def test_absolute(uri: str, length: int, has_query: bool) -> None:
    assert absolute(uri) == (length, has_query)


@pytest.mark.parametrize("uri", ["/x", "http:/x", "http:x", "ldaps://x", "uwsgi://x", "foo://x", "", "passthrough:/x"])
def test_not_absolute(uri: str) -> None:
    assert absolute(uri) is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h/a b", "http://h/a%20b"),
        ("http://h b", "http://h b"),
        ("http://h/", "http://h/"),
        ("http://h/é?", "http://h/%c3%a9%3f"),
        ("mailto:a b", "mailto:a%20b"),
        ("ldap://h/a?b c?d", "ldap://h/a?b%20c?d"),
    ],
)
def test_escaped(uri: str, expected: str) -> None:
    found = absolute(uri)
    assert found is not None
    assert escaped(uri, found.length) == expected


@pytest.mark.parametrize(
    ("uri", "flags", "filename", "args"),
    [
        ("/a", 0, "/a", "old"),
        ("/a?b", 0, "/a", "b"),
        ("/a?", 0, "/a", None),
        ("/a?&", 0, "/a", ""),
        ("/a?b", Flag.QS_APPEND, "/a", "b&old"),
        ("/a?", Flag.QS_APPEND, "/a", "old"),
        ("/a", Flag.QS_DISCARD, "/a", None),
        ("/a?b", Flag.QS_NONE, "/a?b", None),
        ("/a?b?c", Flag.QS_LAST, "/a?b", "c"),
        ("ftp://h/a?b", 0, "ftp://h/a?b", None),
        ("http://h/a?é", 0, "http://h/a", "Ã©"),
    ],
)
def test_split_query(tmp_path: Path, uri: str, flags: int, filename: str, args: str | None) -> None:
    state = run(tmp_path)
    state.x.filename = uri
    split_query(state, flags, absolute(uri))
    assert (state.x.filename, state.x.args) == (filename, args)


def test_qualified(tmp_path: Path) -> None:
    x = run(tmp_path).x
    assert qualified(x, "/a") == "http://localhost:8080/a"
    assert qualified(x, "a") == "http://localhost:8080/a"
    assert qualified(x, "ftp://a") == "ftp://a"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("http://own.test:81/a", "/a"), ("http://OWN.test:81", "/"),
        ("http://own.test/a", None), ("http://other.test:81/a", None), ("ftp://own.test:81/a", None), ("/a", None),
    ],
)  # fmt: skip
def test_reduced(tmp_path: Path, uri: str, path: str | None) -> None:
    assert reduced(run(tmp_path, "ServerName own.test:81"), uri) == path


@pytest.mark.parametrize(
    ("path", "prefix", "substitute", "expected"),
    [
        ("/d/x", "/d/", "/b/", "/b/x"), ("/d/x", "/d", "/b", "/b/x"), ("/dd/x", "/d", "/b", "/dd/x"),
        ("d/x", "d/", "b/", "b/x"), ("/d/x", "/d", "", "/x"), ("d/x", "d/", "", "x"),
    ],
)  # fmt: skip
def test_replaced_prefix(tmp_path: Path, path: str, prefix: str, substitute: str, expected: str) -> None:
    assert replaced_prefix(run(tmp_path), path, prefix, substitute) == expected


def test_with_home() -> None:
    assert with_home("/~root/x").endswith("/x")
    assert not with_home("/~root").startswith("/~")
    assert with_home("/~nobody_of_that_name/x") == "/~nobody_of_that_name/x"
    assert with_home("/~") == "/~"
