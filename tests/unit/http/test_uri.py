"""Targets and paths: every expectation was Apache's answer to the same request."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpmserver.http.errors import HTTPError
from mpmserver.http.uri import (
    Target,
    decode_path,
    escape_path,
    escape_uri,
    normalize_path,
    parse_target,
    refused_path,
    unescape_path,
    unescape_query,
)


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("/a", Target("/a")),
        ("/a?b=c?d", Target("/a", "b=c?d")),
        ("/a?", Target("/a", "")),
        ("?x", Target("/", "x")),
        ("/a#b?c", Target("/a", fragment="b?c")),
        ("/a?b#c", Target("/a", "b", fragment="c")),
        ("//x/a", Target("/x/a")),
        ("http://Ex.org:81/a?b", Target("/a", "b", "Ex.org", 81, "http", authority="Ex.org:81")),
        ("HTTP://x", Target("/", None, "x", None, "http", authority="x")),
        ("http://x?q", Target("/", "q", "x", None, "http", authority="x")),
        ("http://x:/a", Target("/a", None, "x", None, "http", authority="x:")),
        ("http://x:99999/", Target("/", None, "x", 34463, "http", authority="x:99999")),
        ("http://[::1]:8/a", Target("/a", None, "[::1]", 8, "http", authority="[::1]:8")),
        ("http://u:p@x/", Target("/", None, "x", None, "http", None, "u:p", "x")),
        ("http:/a", Target("/a", scheme="http")),
        ("ftp://x/", Target("/", None, "x", None, "ftp", authority="x")),
    ],
)
def test_parse_target(target: str, parsed: Target) -> None:
    assert parse_target(target) == parsed


@pytest.mark.parametrize(
    "target",
    ["", "a", "a/b", "x:80", "http:a", "http://x:a/", "http://x:80:80/", "http://[::1/", "[::1]/a", ":80/a", "1:/a",
     "*", "*/", "mailto:a", "\\a", '"/a"'],
)  # fmt: skip
def test_no_target(target: str) -> None:
    assert parse_target(target) is None


def test_targets_of_options_and_connect() -> None:
    assert parse_target("*", "OPTIONS") == Target("*")
    assert parse_target("*?x", "OPTIONS") == Target("*", "x")
    assert parse_target("http://x", "OPTIONS") == Target("*", None, "x", None, "http", authority="x")
    assert parse_target("*x", "OPTIONS") is None
    assert parse_target("x:80", "CONNECT") == Target("/", host="x", port=80, authority="x:80")
    for target in ("x", "/a", "x:", "x:80/", "http://x/", "u@x:80"):
        assert parse_target(target, "CONNECT") is None


PATHS = {
    "/a%20b": "/a b", "/%41%7e": "/A~", "/a%252f": "/a%2f", "/a//b": "/a/b", "/a/./b": "/a/b", "/a/../b": "/b",
    "/a/..": "/", "/a/.": "/a/", "/.": "/", "/a/%2e%2e/b": "/b", "/a/.%2E/b": "/b", "/%2e/b": "/b", "/a/...": "/a/...",
    "/a/..b": "/a/..b", "/a/.b": "/a/.b", "/a;p/../b": "/b", "/a/..;p/b": "/a/..;p/b", "/a+b": "/a+b",
    "/a%2bb%3f%23%5c": "/a+b?#\\", "/a%0ab": "/a\nb", "//": "/", "/a//../b": "/b", "/a/b/../..//c": "/c",
    "/%25%32%65": "/%2e", "/a/b/..": "/a/", "/a/%2e./": "/",
}  # fmt: skip


@pytest.mark.parametrize("raw", PATHS)
def test_decode_path(raw: str) -> None:
    assert decode_path(raw) == PATHS[raw]


@pytest.mark.parametrize(
    ("raw", "status", "log"),
    [
        ("/a%", 400, "AH10244: invalid URI path (/a%)"),
        ("/a%2", 400, "AH10244: invalid URI path (/a%2)"),
        ("/a%zz", 400, "AH10244: invalid URI path (/a%zz)"),
        ("/a%%41", 400, "AH10244: invalid URI path (/a%%41)"),
        ("/../a", 400, "AH10244: invalid URI path (/../a)"),
        ("/%2e%2e/a", 400, "AH10244: invalid URI path (/%2e%2e/a)"),
        ("/a/../../b", 400, "AH10244: invalid URI path (/a/../../b)"),
        ("/a%2fb", 404, "AH00026: found %2f (encoded '/') in URI path (/a%2fb), returning 404"),
        ("/a%00", 404, "AH00026: found %2f (encoded '/') in URI path (/a%00), returning 404"),
    ],
)
def test_refused_paths(raw: str, status: int, log: str) -> None:
    with pytest.raises(HTTPError) as caught:
        decode_path(raw)
    assert (caught.value.status, caught.value.log, caught.value.close) == (status, log, status == 400)


def test_the_log_names_the_whole_target() -> None:
    with pytest.raises(HTTPError, match=r"invalid URI path \(http://x/\.\./\)"):
        decode_path("/../", target="http://x/../")


@pytest.mark.parametrize(
    ("raw", "on", "no_decode"),
    [
        ("/a%2fb", "/a/b", "/a%2fb"),
        ("/a%2Fb%20", "/a/b ", "/a%2Fb "),
        ("/a/..%2fb", "/b", "/a/..%2fb"),
        ("/a%2f%2fb", "/a/b", "/a%2f%2fb"),
        ("/a/b%2f..%2fc", "/a/c", "/a/b%2f..%2fc"),
        ("/..%2f..%2fc", "/c", None),
    ],
)
def test_allow_encoded_slashes(raw: str, on: str, no_decode: str | None) -> None:
    assert decode_path(raw, allow_encoded_slashes="On") == on
    if no_decode:
        assert decode_path(raw, allow_encoded_slashes="NoDecode") == no_decode


@pytest.mark.parametrize("allow", ["On", "NoDecode"])
def test_an_encoded_nul_is_never_found(allow: str) -> None:
    with pytest.raises(HTTPError) as caught:
        decode_path("/a%00", allow_encoded_slashes=allow)
    assert (caught.value.status, caught.value.log) == (404, "")


def test_slashes_may_stay() -> None:
    assert decode_path("/a//b", merge_slashes=False) == "/a//b"
    assert decode_path("/a//../b", merge_slashes=False) == "/a/b"
    assert decode_path("/a/..//b", merge_slashes=False) == "//b"


def test_unescape_alone() -> None:
    assert unescape_path("/a%20b") == "/a b"
    with pytest.raises(HTTPError) as caught:
        unescape_path("/a%g")
    assert caught.value.status == 400


def test_octets_beyond_ascii() -> None:
    """A path is what the file system's encoding makes of its octets, and leads back to them."""
    assert os.fsencode(decode_path("/%e4%ff")) == b"/\xe4\xff"
    assert os.fsencode(decode_path("/\xe4")) == b"/\xe4"
    assert decode_path("/%c3%a4") == "/ä"
    assert escape_path("/ä") == "/%c3%a4"
    assert escape_path(decode_path("/%e4%ff")) == "/%e4%ff"


def test_escapes() -> None:
    kept = "!$&'()*+,-./0123456789:;=@ABCXYZ_abcxyz~"
    assert escape_uri(f"/{kept}") == f"/{kept}"
    assert escape_uri('/ "#%<>?[\\]^`{|}\x7f\n') == "/%20%22%23%25%3c%3e%3f%5b%5c%5d%5e%60%7b%7c%7d%7f%0a"
    assert escape_path("a:b/c") == "./a:b/c"
    assert escape_path("a/b:c") == "a/b:c"


def test_unescape_query() -> None:
    assert unescape_query("a+b%20c%zz%") == "a b c%zz%"


PIECES = st.sampled_from(["/", "//", ".", "..", "%2e", "%2E.", "a", "b%20", "%41", ";", "...", "%25"])


@given(st.lists(PIECES, max_size=12), st.booleans())
def test_no_path_leaves_the_root(pieces: list[str], merge: bool) -> None:
    """Whatever is accepted has no dot segment left, and normalizing it again changes nothing."""
    raw = "/" + "".join(pieces)
    try:
        path = normalize_path(raw, merge)
    except HTTPError:
        return  # it would leave the root
    segments = path.split("/")[1:]
    assert path[0] == "/"
    assert not {".", ".."} & set(segments)
    assert not (merge and "//" in path)
    assert normalize_path(path, merge) == path


@given(st.binary(min_size=1, max_size=30).filter(lambda octets: 0 not in octets and b"/" not in octets))
def test_escape_is_the_inverse(octets: bytes) -> None:
    path = "/x" + os.fsdecode(octets)
    assert decode_path(escape_path(path)) == path


@pytest.mark.parametrize(("raw", "shown"), [
    ("/../x", "/x"), ("/a//../../x", "/x"), ("/a%2fb", "/a/b"), ("/a%00b", "/a"), ("/%zz/../x", "/%zz/../x"),
    ("/a%20b/%2F/..", "/a b/"), ("x", "x"),
])  # fmt: skip
def test_what_logs_show_of_a_refused_path(raw: str, shown: str) -> None:
    assert refused_path(raw) == shown
