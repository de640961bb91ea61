"""The default handler, translation, methods, conditions and ranges: what Apache 2.4.71 was seen to answer."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mpmserver.core.settings import Level
from tests.unit.modules.core_kit import TestSite, content

MTIME = 1_700_000_000
TAG = f'"6-{MTIME * 1_000_000:x}"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    docs = tmp_path / "htdocs"
    (docs / "dir").mkdir(parents=True)
    for name, text in (("a.txt", "hello\n"), ("empty", "")):
        (docs / name).write_text(text)
        os.utime(docs / name, (MTIME, MTIME))
    os.mkfifo(docs / "pipe")
    return tmp_path


def site(root: Path, text: str = "") -> TestSite:
    return TestSite(f"DocumentRoot {root}/htdocs\n{text}", root)


def test_a_file(root: Path) -> None:
    x = site(root).ask("GET", "/a.txt")
    assert x.status == 200
    assert x.headers_out.items() == [
        ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT"),
        ("ETag", TAG),
        ("Accept-Ranges", "bytes"),
        ("Content-Length", "6"),
    ]
    assert content(x) == b"hello\n"


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/a.txt", 200),
        ("HEAD", "/a.txt", 200),
        ("POST", "/a.txt", 200),
        ("PUT", "/a.txt", 405),
        ("DELETE", "/nothing", 405),
        ("PROPFIND", "/a.txt", 405),
        ("FOO", "/a.txt", 501),
        ("GET", "/nothing", 404),
        ("GET", "/a.txt/more", 404),
        ("GET", "/dir/", 404),
        ("GET", "/pipe", 403),
        ("GET", "/empty", 200),
        ("GET", "/%2e%2e/x", 400),
        ("GET", "//a.txt", 200),
        ("GET", "/dir/../a.txt", 200),
        ("OPTIONS", "*", 200),
    ],
)
def test_status(method: str, target: str, status: int, root: Path) -> None:
    x = site(root).ask(method, target)
    assert x.status == status
    content(x)


@pytest.mark.parametrize(
    ("target", "level", "message"),
    [
        ("/nothing/x", Level.INFO, "AH00128: File does not exist: {docs}/nothing/x"),
        ("/dir/", Level.INFO, "AH00129: Attempt to serve directory: {docs}/dir/"),
        ("/a.txt/more", Level.INFO, "AH00130: File does not exist: {docs}/a.txt/more"),
    ],
)
def test_what_the_log_says(target: str, level: Level, message: str, root: Path) -> None:
    here = site(root)
    here.ask("GET", target)
    assert (level, message.format(docs=root / "htdocs")) in here.log.lines


def test_unreadable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    here = site(root)
    monkeypatch.setattr(os, "open", refuse)
    x = here.ask("GET", "/a.txt")
    monkeypatch.undo()
    assert x.status == 403
    name = root / "htdocs" / "a.txt"
    message = f"(13)Permission denied: AH00132: file permissions deny server access: {name}"
    assert here.log.lines[-1] == (Level.ERROR, message)


@pytest.mark.parametrize(
    ("directive", "target", "status"),
    [
        ("AcceptPathInfo On", "/a.txt/more", 200),
        ("AcceptPathInfo Off", "/a.txt/more", 404),
        ("AcceptPathInfo Default", "/a.txt/more", 404),
        ("SetHandler default-handler", "/a.txt", 200),
        ("SetHandler nonsense", "/a.txt", 200),
        ("SetHandler NONE", "/a.txt", 200),
    ],
)
def test_directives(directive: str, target: str, status: int, root: Path) -> None:
    x = site(root, directive).ask("GET", target)
    assert x.status == status
    content(x)


def test_force_type(root: Path) -> None:
    text = "ForceType Text/X-Y\n<Files empty>\nForceType None\n</Files>"
    here = site(root, text)
    forced, free = here.ask("GET", "/a.txt"), here.ask("GET", "/empty")
    assert (forced.content_type, free.content_type) == ("text/x-y", None)
    content(forced)
    content(free)


CONDITIONS: list[tuple[str, int, int]] = [
    ("If-None-Match: *", 304, 412),
    (f"If-None-Match: {TAG}", 304, 412),
    (f"If-None-Match: W/{TAG}", 304, 200),
    ('If-None-Match: "x"', 200, 200),
    ("If-Match: *", 200, 200),
    ('If-Match: "x"', 412, 412),
    ("If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 304, 200),
    ("If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 200, 200),
    ("If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 412, 412),
    ("If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 200, 200),
]


@pytest.mark.parametrize(("header", "get", "post"), CONDITIONS)
def test_conditions(header: str, get: int, post: int, root: Path) -> None:
    here = site(root)
    for method, status in (("GET", get), ("HEAD", get), ("POST", post)):
        x = here.ask(method, "/a.txt", header)
        assert x.status == status
        assert x.headers_out.get("ETag") == TAG
        assert content(x) == b"" or x.status == 200 or method == "HEAD"


RANGES: list[tuple[str, int, str | None, bytes]] = [
    ("bytes=0-1", 206, "bytes 0-1/6", b"he"),
    ("bytes=-2", 206, "bytes 4-5/6", b"o\n"),
    ("bytes=5-", 206, "bytes 5-5/6", b"\n"),
    ("bytes=0-", 206, "bytes 0-5/6", b"hello\n"),
    ("bytes=0-99", 206, "bytes 0-5/6", b"hello\n"),
    ("bytes=0-1,1-2", 206, "bytes 0-2/6", b"hel"),
    ("bytes=4-2", 200, None, b"hello\n"),
    ("bytes=x", 200, None, b"hello\n"),
    ("lines=0-1", 200, None, b"hello\n"),
]


@pytest.mark.parametrize(("value", "status", "described", "body"), RANGES)
def test_ranges(value: str, status: int, described: str | None, body: bytes, root: Path) -> None:
    here = site(root)
    for method in ("GET", "HEAD", "POST"):
        x = here.ask(method, "/a.txt", f"Range: {value}")
        assert (x.status, x.headers_out.get("Content-Range")) == (status, described)
        assert content(x) == body


def test_many_ranges(root: Path) -> None:
    x = site(root, "<Files a.txt>\nForceType text/plain\n</Files>").ask("GET", "/a.txt", "Range: bytes=0-0,2-2")
    assert x.status == 206
    kind = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]+)", x.content_type or "")
    assert kind is not None
    part = "\r\n--{}\r\nContent-type: text/plain\r\nContent-range: bytes {}/6\r\n\r\n{}"
    whole = part.format(kind[1], "0-0", "h") + part.format(kind[1], "2-2", "l") + f"\r\n--{kind[1]}--\r\n"
    assert content(x).decode() == whole


@pytest.mark.parametrize(
    ("directive", "value", "status"),
    [
        ("MaxRanges none", "0-1", 200),
        ("MaxRanges 1", "0-0,2-2", 200),
        ("MaxRanges 2", "0-0,2-2", 206),
        ("MaxRangeOverlaps none", "0-1,1-2", 200),
        ("MaxRangeReversals none", "1-2,0-1", 200),
    ],
)
def test_range_limits(directive: str, value: str, status: int, root: Path) -> None:
    x = site(root, directive).ask("GET", "/a.txt", f"Range: bytes={value}")
    assert x.status == status
    assert x.headers_out.get("Accept-Ranges") == ("none" if directive == "MaxRanges none" else "bytes")
    content(x)


@pytest.mark.parametrize("value", ["bytes=6-", "bytes=9-10"])
@pytest.mark.parametrize("document", ["", 'ErrorDocument 416 "mine"', "ErrorDocument 416 /empty"])
def test_unsatisfiable(value: str, document: str, root: Path) -> None:
    x = site(root, document).ask("GET", "/a.txt", f"Range: {value}")
    assert x.status == 416
    body = content(x)
    expected = {"": b"<h1>Requested Range Not Satisfiable</h1>", 'ErrorDocument 416 "mine"': b"mine"}
    assert expected.get(document, b"") in body
    assert bool(body) == (document != "ErrorDocument 416 /empty")


def test_if_range(root: Path) -> None:
    here = site(root)
    for condition, status in ((TAG, 206), ('"x"', 200)):
        x = here.ask("GET", "/a.txt", "Range: bytes=0-1", f"If-Range: {condition}")
        assert x.status == status
        content(x)


def test_trace_and_options(root: Path) -> None:
    here = site(root)
    x = here.ask("TRACE", "/any", "X-Y: z")
    assert (x.status, x.content_type) == (200, "message/http")
    assert content(x) == b"TRACE /any HTTP/1.1\r\nHost: localhost\r\nX-Y: z\r\n\r\n"
    allowed = here.ask("OPTIONS", "/a.txt").headers_out.get("Allow")
    assert allowed is not None
    assert set(allowed.split(",")) == {"GET", "POST", "OPTIONS", "HEAD", "TRACE"}
    assert here.ask("OPTIONS", "*").headers_out.get("Allow") is None


@pytest.mark.parametrize(
    ("directive", "body", "status", "text"),
    [
        ("TraceEnable off", b"", 405, b""),
        ("TraceEnable on", b"abc", 413, b""),
        ("TraceEnable extended", b"abc", 200, b"Content-Length: 3\r\n\r\nabc"),
        ("TraceEnable extended", b"x" * 65537, 413, b""),
    ],
)
def test_trace_enable(directive: str, body: bytes, status: int, text: bytes, root: Path) -> None:
    x = site(root, directive).ask("TRACE", "/", body=body)
    assert x.status == status
    assert content(x).endswith(text)
    if directive == "TraceEnable off":
        assert "TRACE" not in (x.headers_out.get("Allow") or "")


def test_server_path_is_cut_off(root: Path) -> None:
    assert site(root, "ServerPath /old").ask("GET", "/old/a.txt").status == 200
    assert site(root, "ServerPath /old").ask("GET", "/older/a.txt").status == 404


def test_digests(root: Path) -> None:
    x = site(root, "FileETag Digest\nContentDigest On").ask("GET", "/a.txt")
    assert x.headers_out.get("ETag") == '"9XLTlvrpIGYocU+yzgD3LpTyJY8="'
    assert x.headers_out.get("Content-MD5") == "sZRqySSS0jR8YjW00mERhA=="
    content(x)


def test_unknown_filters_are_logged(root: Path) -> None:
    here = site(root, "SetOutputFilter NOSUCH;Other\nSetInputFilter third")
    assert here.ask("GET", "/a.txt").status == 200
    messages = [message for level, message in here.log.lines if level < Level.DEBUG]
    assert messages == [f"AH00082: an unknown filter was not added: {name}" for name in ("NOSUCH", "Other", "third")]
