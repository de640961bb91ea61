"""Heads: what a request says, what the log learns of a broken one, limits on unfinished ones."""

from __future__ import annotations

import pytest

from mpmserver.http.errors import HTTPError
from mpmserver.http.framing import CHUNKED, NO_BODY, Length
from mpmserver.http.head import check_partial, cut_short, find_head_end, parse_head, skip_blank_lines
from mpmserver.http.limits import HeadLimits
from mpmserver.http.request import Request

STRICT = HeadLimits()
UNSAFE = HeadLimits(strict=False)


def parse(text: str, limits: HeadLimits = STRICT) -> Request:
    return parse_head(text.encode("latin-1"), limits)


def refused(text: str, limits: HeadLimits = STRICT) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        parse(text, limits)
    assert caught.value.close
    return caught.value


def test_a_request() -> None:
    head = "\r\nPOST /a?b HTTP/1.1\r\nHost: Ex.ORG:8080\r\nX-a:  b \t\r\nx-A: c\r\nContent-Length: 5\r\n\r\n"
    request = parse(head)
    assert (request.method, request.target, request.protocol, request.version) == ("POST", "/a?b", "HTTP/1.1", (1, 1))
    assert request.request_line == "POST /a?b HTTP/1.1"
    assert (request.host, request.port) == ("ex.org", 8080)
    assert (request.uri.path_raw, request.uri.query) == ("/a", "b")
    assert request.headers.items()[1:3] == [("X-a", "b"), ("x-A", "c")]
    assert request.headers.get("X-A") == "b, c"
    assert request.framing == Length(5)
    assert request.has_body
    assert request.head_bytes == len(head)
    assert request.keep_alive
    assert not request.keep_alive_asked
    assert not request.expect_continue


def test_an_absolute_target_replaces_host() -> None:
    request = parse("GET http://Other:81/a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (request.host, request.port) == ("other", 81)
    assert request.headers.get("Host") == "other:81"
    request = parse("GET https://other/a HTTP/1.1\r\nHost: x:80\r\n\r\n")
    assert (request.host, request.port, request.headers.get("Host")) == ("x", 80, "x:80")


def test_http_0_9() -> None:
    request = parse("GET /a\r\n")
    assert (request.version, request.protocol, request.keep_alive, request.host) == ((0, 9), "HTTP/0.9", False, None)


@pytest.mark.parametrize(
    ("version", "fields", "keep_alive", "asked"),
    [
        ("1.1", "", True, False),
        ("1.1", "Connection: close\r\n", False, False),
        ("1.1", "Connection: Keep-Alive\r\n", True, True),
        ("1.1", "Connection: keep-alive, close\r\n", False, True),
        ("1.1", 'Connection: "close"\r\n', False, False),
        ("1.1", "Connection: closed, x-close\r\n", True, False),
        ("1.0", "", False, False),
        ("1.0", "Connection: keep-alive\r\n", True, True),
        ("1.0", "Connection: x\r\nConnection: keep-alive\r\n", True, True),
        ("1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", False, True),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", False, False),
        ("2.0", "", True, False),
    ],
)
def test_persistence(version: str, fields: str, keep_alive: bool, asked: bool) -> None:
    request = parse(f"GET / HTTP/{version}\r\nHost: x\r\n{fields}\r\n")
    assert (request.keep_alive, request.keep_alive_asked) == (keep_alive, asked)


def test_framing() -> None:
    assert parse("GET / HTTP/1.1\r\nHost: x\r\n\r\n").framing is NO_BODY
    request = parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n")
    assert request.framing is CHUNKED
    assert "Content-Length" not in request.headers
    assert not parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").has_body


def test_expectations() -> None:
    def expects(version: str, fields: str) -> Request:
        return parse(f"POST / HTTP/{version}\r\nHost: x\r\nExpect: 100-Continue\r\n{fields}\r\n")

    assert expects("1.1", "Content-Length: 3\r\n").expect_continue
    assert expects("1.1", "Content-Length: 3\r\n").keep_alive
    assert not expects("1.1", "").keep_alive
    assert not expects("1.0", "Content-Length: 3\r\n").expect_continue
    error = refused("GET / HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n")
    assert error.status == 417
    assert error.log == "AH00570: client sent an unrecognized expectation value of Expect: foo"
    assert error.host == "x"


@pytest.mark.parametrize(
    ("head", "line", "method", "target", "protocol", "log"),
    [
        ("GET /a b HTTP/1.1\r\n", "GET /a b", "GET", "/a", "HTTP/1.0",
         "AH03448: HTTP Request Line; Excess whitespace (disallowed by HttpProtocolOptions Strict)"),
        ("GET\t/a HTTP/1.1\r\n", "GET /a HTTP/1.1", "GET", "/a", "HTTP/1.1",
         "AH03447: HTTP Request Line; Invalid whitespace"),
        (" GET /a HTTP/1.1\r\n", "GET /a HTTP/1.1", "GET", "/a", "HTTP/1.1",
         "AH03447: HTTP Request Line; Invalid whitespace"),
        (" G/T /a HTTP/1.1\r\n", "G", "G/T", "/a", "HTTP/1.1", "AH03447: HTTP Request Line; Invalid whitespace"),
        ("GET /a HTTP/1.1\n", "GET /a HTTP/1.1\n", None, None, "HTTP/1.0",
         "AH00566: request failed: malformed request line"),
        ("GET /a\0b HTTP/1.1\r\n", "GET /a", None, None, "HTTP/1.0", "AH00566: request failed: malformed request line"),
        ("GET\r\n", "GET", "GET", "/", "HTTP/1.0", "AH03454: HTTP Request Line; URI incorrectly encoded: ''"),
        ("GET /a http/1.1\r\n", "GET /a http/1.1", "GET", "/a", "http/1.1",
         "AH02418: HTTP Request Line; Unrecognized protocol 'http/1.1' (perhaps whitespace was injected?)"),
        ("POST /a\r\n", "POST /a", "POST", "/a", "HTTP/1.0",
         "AH03444: HTTP Request Line; Invalid method token: 'POST' (only GET is allowed for HTTP/0.9 requests)"),
        ("G(T /a HTTP/1.1\r\n", "G(T /a HTTP/1.1", "G(T", "/a", "HTTP/1.1",
         "AH03445: HTTP Request Line; Invalid method token: 'G(T'"),
        ("GET http:a HTTP/1.1\r\n", "GET http:a HTTP/1.1", "GET", "http:a", "HTTP/1.1",
         "AH03450: HTTP Request Line; Unable to parse URI: 'a'"),
        ("GET /a#b HTTP/1.1\r\n", "GET /a#b HTTP/1.1", "GET", "/a#b", "HTTP/1.1",
         "AH02421: HTTP Request Line; URI must not contain a fragment"),
        ("GET http://u:p@x/ HTTP/1.1\r\n", "GET http://u:XXXXXXXX@x/ HTTP/1.1", "GET", "http://u:p@x/", "HTTP/1.1",
         "AH02422: HTTP Request Line; URI must not contain a username/password"),
    ],
)  # fmt: skip
def test_what_the_logs_learn(
    head: str, line: str, method: str | None, target: str | None, protocol: str, log: str
) -> None:
    error = refused(head)
    assert error.status == 400
    assert (error.request_line, error.method, error.target, error.protocol) == (line, method, target, protocol)
    assert (error.log, error.level) == (log, "debug")


def test_field_errors_know_the_line() -> None:
    error = refused("GET /a HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n")
    assert (error.request_line, error.method, error.protocol) == ("GET /a HTTP/1.1", "GET", "HTTP/1.1")
    assert error.log == "AH02426: Request header field name is malformed: A : b"
    assert error.log_more == (("debug", "AH00567: request failed: error reading the headers"),)
    error = refused("GET /a HTTP/1.1\r\nUser-Agent: me\r\n\r\n")
    assert error.log.startswith("AH00569: ")
    assert error.headers_in is not None
    assert error.headers_in.get("User-Agent") == "me"


def test_messages_for_the_page() -> None:
    long = refused(f"GET / HTTP/1.1\r\nA: {'b' * 9000}\r\n\r\n")
    assert long.message == "Size of a request header field exceeds server limit."
    assert long.log == "AH00561: Request header exceeds LimitRequestFieldSize: A"
    many = refused("GET / HTTP/1.1\r\n" + "A: b\r\n" * 101 + "\r\n")
    assert many.message == "The number of request header fields exceeds this server's limit."


def test_registered_methods_and_required_version() -> None:
    limits = HeadLimits(require_methods="RegisteredMethods", allow09=False)
    assert refused("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", limits).status == 501
    assert parse("BASELINE-CONTROL / HTTP/1.1\r\nHost: x\r\n\r\n", limits).method == "BASELINE-CONTROL"
    assert refused("GET /\r\n", limits).log == "AH02401: HTTP Request Line; Rejected HTTP/0.9 request"


@pytest.mark.parametrize(
    "head",
    [
        "GET /f.txt HTTP/1.1\nHost: x\n\n",
        "GET   /f.txt  HTTP/1.1  \r\nHost: x\r\n\r\n",
        "GET /f.txt http/1.1\r\nHost: x\r\n\r\n",
        "GET /f.txt#x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA(b: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x:abc\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /\n",
    ],
)
def test_unsafe_accepts_more(head: str) -> None:
    buffer = bytearray(head.encode("latin-1"))
    assert find_head_end(buffer, 0, strict=False) == len(head)
    parse(head, UNSAFE)
    refused(head)


@pytest.mark.parametrize(
    ("head", "number"),
    [
        ("GET /\tHTTP/1.1\r\n", "AH03447"),
        ("GET / HTTP/1.1 x\r\n", "AH03449"),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", "AH03452"),
        ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "AH03451"),
        ("GET / HTTP/1.1\r\n: b\r\n\r\n", "AH03453"),
        ("GET / HTTP/1.1\r\nA\r\n\r\n", "AH00564"),
        ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", "AH00567"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "AH00550"),
    ],
)
def test_what_unsafe_refuses(head: str, number: str) -> None:
    error = refused(head, UNSAFE)
    assert (error.status, error.log[:7]) == (400, number)


def test_find_head_end() -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for blank in (b"", b"\r\n", b"\r\n" * 10):
        buffer = bytearray(blank + head + b"rest")
        assert find_head_end(buffer, 0) == len(blank + head)
        for cut in range(len(blank + head)):
            assert find_head_end(bytearray(buffer[:cut]), 0) == -1
    assert find_head_end(bytearray(b"GET /\r\nHost: x\r\n\r\n"), 0) == 7
    assert find_head_end(bytearray(b"GET / HTTP/1.1\nHost"), 0) == 15
    assert find_head_end(bytearray(b"GET / HTTP/1.1\nHost"), 0, strict=False) == -1
    assert find_head_end(bytearray(b"\r\n" * 11), 0) == 22
    assert find_head_end(bytearray(), 0) == -1


def test_blank_lines() -> None:
    assert skip_blank_lines(b"\r\n\r\nGET") == 4
    assert skip_blank_lines(b"\r\n" * 12) == 20
    assert skip_blank_lines(b"\nGET") == 0
    assert skip_blank_lines(b"\n\r\nGET", strict=False) == 3
    assert skip_blank_lines(b"GET") == 0


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 8190, 414),
        (b"\r\nGET /" + b"a" * 8190, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 8191, 400),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1600, 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n" + (b" " * 8000 + b"c\r\n") * 110, 400),
    ],
)
def test_unfinished_heads_are_bounded(head: bytes, status: int) -> None:
    with pytest.raises(HTTPError) as caught:
        check_partial(bytearray(head), STRICT)
    assert caught.value.status == status
    assert caught.value.request_line is not None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /" + b"a" * 8186,
        b"GET / HTTP/1.1\r\nA: " + b"b" * 8188,
        b"GET / HTTP/1.1\r\nA: b\r\n" + b" c\r\n" * 3000,
        b"GET / HTTP/1.1\r\n" + (b"A: " + b"b" * 8000 + b"\r\n") * 99,
    ],
)
def test_unfinished_heads_within_the_limits(head: bytes) -> None:
    check_partial(bytearray(head), STRICT)


@pytest.mark.parametrize(
    ("head", "log"),
    [
        (b"", None),
        (b"\r\n", None),
        (b"GET / HTTP/1.1\r", None),
        (b"GET / HTTP/1.1\r\n", "AH00567: request failed: error reading the headers"),
        (b"GET / HTTP/1.1\r\nHost: x", "AH00567: request failed: error reading the headers"),
        (b"GET / HTTP/1.1\r\nA : x\r\nHost: x\r\n", "AH02426: Request header field name is malformed: A : x"),
        (b"FOO BAR BAZ\r\n",
         "AH02418: HTTP Request Line; Unrecognized protocol 'BAZ' (perhaps whitespace was injected?)"),
    ],
)  # fmt: skip
def test_a_client_that_ends_too_early(head: bytes, log: str | None) -> None:
    error = cut_short(head, STRICT)
    assert (error and error.log) == log
    assert error is None or (error.status, error.close) == (400, True)


def test_the_log_learns_the_query_of_what_was_refused_later() -> None:
    error = refused("GET http://x/a?q HTTP/1.1\r\n\r\n")
    assert error.uri is not None
    assert (error.uri.path_raw, error.uri.query, error.host) == ("/a", "q", None)
