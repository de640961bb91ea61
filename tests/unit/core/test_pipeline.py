"""Whole requests through the pipeline, without a socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.core import pipeline
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.steps import waited
from mpmserver.http.head import parse_head
from mpmserver.http.limits import HeadLimits
from mpmserver.serve.input import NO_REQUEST_BODY
from tests.memory import exchange, get, log_of, world


def test_a_file_is_served_and_a_missing_one_is_not(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    found = get(made, "/a.txt")
    assert (found.status, found.body, found.headers["content-type"]) == (200, b"hello", "text/plain")
    missing = get(made, "/b.txt")
    assert missing.status == 404
    assert b"The requested URL was not found on this server." in missing.body


def test_two_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("first")
    (tmp_path / "htdocs" / "b.txt").write_text("second")
    request = b"GET /%s.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(made, request % b"a" + request % b"b")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"first") < answer.index(b"second")


def test_a_head_may_come_byte_by_byte(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    head = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(made, *[head[i : i + 1] for i in range(len(head))])
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"hello")


@pytest.mark.parametrize(
    ("document", "status", "body"),
    [
        ('"Nothing here.', 404, b"Nothing here."),
        ("/sorry.txt", 404, b"sorry"),
        ("/missing.txt", 404, b"Additionally, a 404 Not Found"),
        ("http://other.example/x", 302, b"http://other.example/x"),
    ],
)
def test_error_documents(tmp_path: Path, document: str, status: int, body: bytes) -> None:
    made = world(tmp_path, f"ErrorDocument 404 {document}" if document[0] != '"' else f'ErrorDocument 404 {document}"')
    (tmp_path / "htdocs" / "sorry.txt").write_text("sorry")
    answer = get(made, "/nowhere")
    assert answer.status == status
    assert body in answer.body


def test_the_page_behind_a_failed_error_document_names_its_method(tmp_path: Path) -> None:
    made = world(tmp_path, "ErrorDocument 405 /missing.txt")
    (tmp_path / "htdocs" / "a.txt").write_text("a")
    answer = get(made, "/a.txt", method="DELETE")
    assert answer.status == 405
    assert b"The requested method GET is not allowed" in answer.body


def test_an_expectation_that_fails_is_answered_by_the_host_it_names(tmp_path: Path) -> None:
    made = world(
        tmp_path,
        "<VirtualHost *:8080>\nServerName a\n</VirtualHost>\n"
        '<VirtualHost *:8080>\nServerName b\nErrorDocument 417 "not by b"\n</VirtualHost>\n',
    )
    answer = exchange(made, b"GET /a HTTP/1.1\r\nHost: b\r\nExpect: wonders\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert answer.endswith(b"not by b")


def test_redirects_stop_at_the_limit(tmp_path: Path) -> None:
    script = tmp_path / "htdocs" / "loop.cgi"
    made = world(
        tmp_path,
        f"LimitInternalRecursion 3\n<Directory {tmp_path}/htdocs>\n"
        "Options ExecCGI\nAddHandler cgi-script .cgi\n</Directory>",
    )
    script.write_text("#!/bin/sh\necho 'Location: /loop.cgi'\necho\n")
    script.chmod(0o755)
    assert get(made, "/loop.cgi").status == 500
    assert any("AH00124" in line for line in log_of(made))


def test_a_crash_in_a_hook_is_a_500_and_its_traceback_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(tmp_path, "")
    monkeypatch.setattr(made.resolver, "map_to_storage", lambda x: 1 / 0)
    answer = get(made, "/a.txt")
    assert answer.status == 500
    assert b"ZeroDivisionError" not in answer.body
    assert any("ZeroDivisionError" in line for line in log_of(made))


def test_a_tracer_is_told_what_each_hook_decided(tmp_path: Path) -> None:
    made = world(tmp_path, "")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    request = parse_head(b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n", HeadLimits())
    x = Exchange(request, Peer(("127.0.0.1", 80), ("127.0.0.1", 1)), made.site.main, NO_REQUEST_BODY, made)
    x.uri = request.uri.path_raw
    seen: list[tuple[str, str]] = []
    x.trace = lambda phase, module, outcome: seen.append((phase, module))
    coroutine = waited(pipeline.answer(x))
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    last = end.value.value
    assert last.response.status == 200
    last.response.body.close()
    assert {("handler", "core"), ("access_checker_ex", "authz_core")} <= set(seen)


def test_what_a_module_wants_done_at_the_end_is_done_last_in_first_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(tmp_path, "ErrorDocument 404 /sorry.txt")
    (tmp_path / "htdocs" / "sorry.txt").write_text("sorry")
    seen: list[str] = []
    walk = made.resolver.map_to_storage

    def watched(x: Exchange) -> None:
        path = x.uri
        x.on_end(lambda: seen.append(path))
        walk(x)

    monkeypatch.setattr(made.resolver, "map_to_storage", watched)
    assert get(made, "/nowhere").body == b"sorry"
    assert seen == ["/sorry.txt", "/nowhere"]


@pytest.mark.parametrize(
    ("by_uri", "section", "target", "denied"),
    [
        (False, "Location /p", "/p/b.txt", 1),
        (False, "Directory {root}/htdocs", "/none", 1),
        (True, "Location /p", "/p/b.txt", 2),
        (True, "Location /p", "/p/a.txt", 1),
        (True, "Directory {root}/htdocs", "/p/b.txt", 1),
        (True, "Directory {root}/htdocs", "/p/none", 2),
        (True, "Directory {root}/htdocs", "/p/b.txt/more", 2),
        (True, "Directory {root}/htdocs", "/b.txt", 2),
        (False, "Location /p/a.txt", "/p/b.txt", 1),
    ],
)
def test_what_is_authorized_once_is_not_asked_again(
    tmp_path: Path, by_uri: bool, section: str, target: str, denied: int
) -> None:
    name = section.partition(" ")[0]
    section = section.format(root=tmp_path)
    made = world(tmp_path, f"<{section}>\nRequire all denied\nErrorDocument 403 {target}\n</{name}>\n")
    (tmp_path / "htdocs" / "p").mkdir()
    for file in ("p/a.txt", "p/b.txt", "b.txt"):
        (tmp_path / "htdocs" / file).write_text("x")
    made.site.checks_by_uri = by_uri
    assert get(made, "/p/a.txt").status == 403
    assert sum("AH01630" in line for line in log_of(made)) == denied


def test_a_redirected_request_is_checked_again_in_another_folder(tmp_path: Path) -> None:
    made = world(
        tmp_path,
        'ErrorDocument 404 /private/f\n<Directory />\nRequire expr "%{REQUEST_URI} !~ m#^/private/f#"\n</Directory>',
    )
    (tmp_path / "htdocs" / "private").mkdir()
    (tmp_path / "htdocs" / "private" / "f").write_text("secret")
    answer = get(made, "/nowhere")
    assert answer.status == 404
    assert b"secret" not in answer.body
    assert b"secret" in get(made, "/private/nowhere").body  # the same folder has been asked already, as in Apache


def test_a_preface_comes_before_the_first_request(tmp_path: Path) -> None:
    made = world(tmp_path, "RemoteIPProxyProtocol On\n<Directory />\nRequire ip 1.2.3.4\n</Directory>")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    request = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    header = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"
    answer = exchange(made, *[header[i : i + 1] for i in range(len(header))], request + request)
    assert answer.count(b"hello") == 2
    assert exchange(made, request) == b""
    assert exchange(made, header[:20]) == b""


def test_a_hook_may_answer_with_a_status_alone(tmp_path: Path) -> None:
    made = world(tmp_path, "ErrorDocument 302 /sorry.txt\nRewriteEngine On\nRewriteRule ^/old http://elsewhere/ [R]\n")
    (tmp_path / "htdocs" / "sorry.txt").write_text("sorry")
    answer = get(made, "/old")
    assert (answer.status, answer.body) == (302, b"sorry")
    assert answer.headers["location"] == "http://elsewhere/"


def test_so_may_one_of_an_error_document(tmp_path: Path) -> None:
    made = world(tmp_path, "ErrorDocument 404 /lost\nRewriteEngine On\nRewriteRule ^/lost http://elsewhere/ [R]\n")
    answer = get(made, "/nowhere")
    assert answer.status == 404
    assert b"Additionally, a 404 Not Found\nerror was encountered while trying to use an ErrorDocument" in answer.body


def test_so_may_one_of_a_subrequest(tmp_path: Path) -> None:
    made = world(tmp_path, "DirectoryIndex go.html\nRewriteEngine On\nRewriteRule go.html http://elsewhere/\n")
    (tmp_path / "htdocs" / "there").mkdir()
    assert get(made, "/there/").status == 302
