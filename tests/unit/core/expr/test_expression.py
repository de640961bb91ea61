"""Conditions and texts as their users see them: Vary, logs, constants, waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from mpmserver.core.expr import compile_condition
from mpmserver.core.hostnames import addresses_of
from mpmserver.core.settings import Level
from tests.unit.core.expr.kit import Kit


def test_fields_that_a_condition_looks_at_go_into_vary_but_host(tmp_path: Path) -> None:
    kit = Kit(tmp_path, headers=[("X-A", "a")])
    assert kit.test("%{HTTP_HOST} != 'x' && req('X-A') == 'a' && %{HTTP_REFERER} == '' && req_novary('X-B') == ''")
    assert kit.x.headers_out.get("Vary") == "X-A, Referer"


def test_nothing_goes_into_vary_for_texts_for_failures_or_where_not_wanted(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.expand("%{HTTP:X-A}")
    kit.test("%{HTTP:X-A} == file('/nowhere')")
    compile_condition(kit.build, "%{HTTP:X-A} == ''", vary=False).test(kit.x)
    assert "Vary" not in kit.x.headers_out


def test_outcomes_are_traced(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.test("true")
    kit.expand("a%{REQUEST_METHOD}")
    kit.expand("constant")
    assert kit.site.log == [
        (Level.TRACE4, "core", "Evaluation of expression from f:7 gave: 1"),
        (Level.TRACE4, "core", "Evaluation of string expression from f:7 gave: aGET"),
    ]


def test_constants(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    assert kit.string(r"a\tb").constant == "a\tb"
    assert kit.string("a$1").constant is None


def test_a_subrequest_is_waited_for(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.site.file("there.txt")
    condition = kit.condition("-U '/there.txt' && -F '%{DOCUMENT_ROOT}/there.txt' && ! -F '%{DOCUMENT_ROOT}/gone'")
    assert condition.is_async
    assert asyncio.run(condition.test_async(kit.x))
    assert [message for message in kit.logged if message.startswith("Subrequest")] == [
        "Subrequest for -U /there.txt at f:7 gave status: 200",
        f"Subrequest for -F {kit.site.docs}/there.txt at f:7 gave status: 200",
        f"Subrequest for -F {kit.site.docs}/gone at f:7 gave status: 200",
    ]


def test_who_cannot_wait_gets_what_needs_no_waiting(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    assert kit.condition("-U '/x'").test(kit.x)
    assert kit.condition("'name.invalid' -ipmatch '10'").evaluate(kit.x) == (
        False, "-ipmatch name.invalid has to wait, which can't be done here",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["caf\u00e9.invalid", "x" * 80 + ".invalid", "\udcff", ".."])
def test_names_are_looked_up_as_octets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    asked: list[object] = []

    def getaddrinfo(host: object, *_arguments: object, **_options: object) -> list[object]:
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    kit = Kit(tmp_path)
    asking = kit.condition(f"'{name}' -ipmatch '10'").test_async(kit.x)
    outcome: object = None
    with contextlib.suppress(StopIteration):
        while True:
            outcome = asking.send(outcome).function()
    assert addresses_of(name) == frozenset()
    assert asked == [os.fsencode(name)] * 2


@pytest.mark.parametrize(("text", "expected"), [
    ("%{REQUEST_URI}?%{QUERY_STRING} %{request_method}", "/a/b.txt?q=1 GET"),
    ("%{THE_REQUEST}", "GET /a/b.txt?q=1 HTTP/1.1"),
    ("%{SERVER_NAME}:%{SERVER_PORT} %{SERVER_PROTOCOL} %{REQUEST_SCHEME}", "localhost:8080 HTTP/1.1 http"),
    ("%{REMOTE_ADDR} %{REMOTE_PORT} %{REMOTE_HOST} %{CONN_REMOTE_ADDR}", "127.0.0.2 40000 127.0.0.2 127.0.0.2"),
    ("%{HTTPS}%{IPV6}%{HTTP2}%{IS_SUBREQ}%{API_VERSION}", "offoffofffalse20120211"),
    ("[%{REMOTE_USER}%{AUTH_TYPE}%{HANDLER}%{PATH_INFO}%{REMOTE_IDENT}]", "[]"),
    ("[%{REQUEST_FILENAME}]", "[]"),
])  # fmt: skip
def test_variables(tmp_path: Path, text: str, expected: str) -> None:
    assert Kit(tmp_path).expand(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("%{tolower:AÄ}%{toupper:bß}", "aÄBß"),
    ("%{escape:a b/?%\\\"é}", "a%20b/%3f%25%22%c3%a9"),
    ("%{unescape:a%20b%2f%c3%a9}", "a b%2fé"),
    ("[%{unescape:%00}%{unescape:%zz}%{unescape:%4}]", "[]"),
    ("%{base64:é}%{unbase64:w6k=}", "w6k=é"),
    ("[%{unbase64:YQBi}%{unbase64:!}%{unbase64:YWJj!x}]", "[aabc]"),
    ("%{md5:abc} %{sha1:abc}", "900150983cd24fb0d6963f7d28e17f72 a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("%{ldap:a*(b)\\\\,+#=é}", "a\\2a\\28b\\29\\5c\\2c\\2b#=\\c3\\a9"),
    ("%{filesize:/nowhere}%{filesize:/}", "00"),
    ("[%{req:x-test}|%{HTTP:X-TEST}|%{resp:X}|%{note:x}|%{osenv:NO_SUCH_VARIABLE}]", "[é|é|||]"),
])  # fmt: skip
def test_functions(tmp_path: Path, text: str, expected: str) -> None:
    kit = Kit(tmp_path, headers=[("X-Test", "é".encode().decode("latin-1"))])
    assert kit.expand(text) == expected


def test_functions_that_read_files(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    (tmp_path / "f").write_text("content\n")
    assert kit.expand(f"%{{file:{tmp_path}/f}}%{{filesize:{tmp_path}/f}}") == "content\n8"
    assert kit.string(f"%{{file:{tmp_path}}}").evaluate(kit.x) == ("", f"Cannot read from file {tmp_path}")


def test_environment_and_notes_are_looked_up_without_case(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.x.env["Name"] = "env"
    kit.x.notes["OTHER"] = "note"
    assert kit.expand("%{reqenv:NAME}%{note:other}%{env:name}%{env:Other}") == "envnoteenvnote"
