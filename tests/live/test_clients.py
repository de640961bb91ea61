"""Real clients, and raw pipelines, against static files and scripts under each MPM: no error, no wrong byte."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.live_server import LiveServer
from tests.require import require_tool
from tests.wire_client import parse_responses

MPMS = ("prefork", "worker", "event", "reactor")
SMALL = b"small file\n"
LARGE = bytes(range(256)) * 8192
PIPELINED = 300
FILES: dict[str, str | bytes] = {
    "htdocs/small.txt": SMALL,
    "htdocs/large.bin": LARGE,
    "htdocs/empty.txt": b"",
    "cgi-bin/hello.sh": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n",
    "cgi-bin/echo.sh": "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nexec cat\n",
}
CONFIG = """
ScriptAlias /cgi-bin/ "${ROOT}/cgi-bin/"
MaxKeepAliveRequests 0
KeepAliveTimeout 15
"""


@pytest.fixture(scope="module", params=MPMS)
def server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    with LiveServer(CONFIG, mpm=request.param, files=FILES) as live:
        yield live
        assert "Traceback" not in live.error_log()


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def test_curl(server: LiveServer) -> None:
    curl = require_tool("curl")
    assert run(curl, "-sSf", f"{server.url}/large.bin") == LARGE
    assert run(curl, "-sSf", "--http1.0", f"{server.url}/small.txt") == SMALL
    assert run(curl, "-sSf", "-r", "100-199", f"{server.url}/large.bin") == LARGE[100:200]
    upload = str(server.root / "htdocs" / "large.bin")
    assert run(curl, "-sSf", "--data-binary", f"@{upload}", f"{server.url}/cgi-bin/echo.sh") == LARGE
    assert run(curl, "-sSf", "-T", upload, "-H", "Transfer-Encoding: chunked", f"{server.url}/cgi-bin/echo.sh") == LARGE
    urls = [f"{server.url}/{path}" for path in ("small.txt", "cgi-bin/hello.sh", "empty.txt", "small.txt")]
    seen = subprocess.run([curl, "-sSf", "-w", "%{stderr}%{num_connects}\n", *urls], check=True, capture_output=True)
    assert seen.stdout == SMALL + b"hello\n" + SMALL
    assert seen.stderr.split() == [b"1", b"0", b"0", b"0"], "all on one connection"


def test_requests(server: LiveServer) -> None:
    with requests.Session() as session:
        for _each in range(20):
            assert session.get(f"{server.url}/small.txt").content == SMALL
            assert session.get(f"{server.url}/cgi-bin/hello.sh").content == b"hello\n"
            assert session.head(f"{server.url}/large.bin").headers["Content-Length"] == str(len(LARGE))
        assert session.post(f"{server.url}/cgi-bin/echo.sh", data=LARGE).content == LARGE
        pieces = (LARGE[start : start + 100_000] for start in range(0, len(LARGE), 100_000))
        assert session.post(f"{server.url}/cgi-bin/echo.sh", data=pieces).content == LARGE
        with session.get(f"{server.url}/large.bin", stream=True) as response:
            assert b"".join(response.iter_content(1000)) == LARGE
        assert session.get(f"{server.url}/none").status_code == 404


@pytest.mark.parametrize("path", ["small.txt", "large.bin", "cgi-bin/hello.sh"])
def test_wrk(server: LiveServer, path: str) -> None:
    wrk = require_tool("wrk")
    text = run(wrk, "-t1", "-c4", "-d1s", "--timeout", "10s", f"{server.url}/{path}").decode()
    assert "Non-2xx" not in text
    assert "Socket errors" not in text
    done = re.search(r"(\d+) requests in", text)
    assert done is not None, text
    assert int(done[1]) > 0, text


@pytest.mark.parametrize("arguments", [[], ["-k"], ["-k", "-i"]], ids=["close", "keep-alive", "head"])
def test_ab(server: LiveServer, arguments: list[str]) -> None:
    ab = require_tool("ab")
    for path, count in (("small.txt", 400), ("cgi-bin/hello.sh", 40)):
        text = run(ab, "-q", "-n", str(count), "-c", "4", *arguments, f"{server.url}/{path}").decode()
        assert re.search(rf"^Complete requests: +{count}$", text, re.MULTILINE), text
        assert re.search(r"^Failed requests: +0$", text, re.MULTILINE), text
        assert "Non-2xx" not in text
        if "-k" in arguments and path == "small.txt":
            assert re.search(rf"^Keep-Alive requests: +{count}$", text, re.MULTILINE), text


def test_a_pipeline_is_answered_in_order(server: LiveServer) -> None:
    paths = ["/small.txt", "/large.bin", "/empty.txt", "/cgi-bin/hello.sh", "/none", "/small.txt", "/small.txt"]
    bodies = {"/small.txt": SMALL, "/large.bin": LARGE, "/empty.txt": b"", "/cgi-bin/hello.sh": b"hello\n"}
    asked = [paths[number % len(paths)] if number % 10 == 0 else "/small.txt" for number in range(PIPELINED)]
    heads = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in asked]
    heads[-1] = heads[-1].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    responses, rest = parse_responses(server.request(b"".join(heads), 30), ("GET",))
    assert not rest
    assert len(responses) == PIPELINED
    for path, response in zip(asked, responses, strict=True):
        assert response.complete
        assert response.body == bodies[path] if path in bodies else response.status == 404


def test_a_pipeline_with_bodies_and_heads_of_requests_in_pieces(server: LiveServer) -> None:
    posts = [b"a" * 10, b"b" * 70_000, b"", b"c" * 3]
    whole = b"".join(
        b"POST /cgi-bin/echo.sh HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in posts
    )
    whole += b"GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with server.connect(20) as connection:
        for start in range(0, len(whole), 1777):
            connection.sendall(whole[start : start + 1777])
        received = b""
        while data := connection.recv(262144):
            received += data
    responses, rest = parse_responses(received, ("POST",) * 4 + ("GET",))
    assert [response.body for response in responses] == [*posts, SMALL]
    assert not rest


def test_http_10_with_and_without_keep_alive(server: LiveServer) -> None:
    plain = b"GET /small.txt HTTP/1.0\r\n\r\n"
    kept = b"GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    responses, rest = parse_responses(server.request(plain + plain), ("GET",))
    assert [response.body for response in responses] == [SMALL], "the second one is behind the end"
    assert not rest
    responses, rest = parse_responses(server.request(kept * 3 + plain), ("GET",))
    assert [response.body for response in responses] == [SMALL] * 4
    assert [response.header("Connection") for response in responses] == ["Keep-Alive"] * 3 + ["close"]
    script = b"GET /cgi-bin/echo.sh HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    response = parse_responses(server.request(script + plain), ("GET",))[0][0]
    assert response.header("Transfer-Encoding") is None
    assert response.body == b""
