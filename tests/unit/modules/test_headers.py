"""mod_headers: values, actions, tables, and what may be remembered. The expectations are live Apache 2.4.71's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.core.module import Phase
from mpmserver.modules.headers import MODULE
from mpmserver.modules.headers.directives import HeadersDir
from mpmserver.modules.headers.rules import elements
from tests.memory import exchange, get, world

REQUEST = b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-One: 1\r\nx-two: 2\r\nX-One: 3\r\n\r\n"


def answered(tmp_path: Path, config: str, request: bytes = REQUEST) -> list[str]:
    """The lines of the answer's head that Header can have made: all but what a file's answer always has."""
    made = world(tmp_path, "SetEnv A aa\nSetEnv D $1-$0\n" + config)
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    head = exchange(made, request).partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    usual = ("Date:", "Server:", "Last-Modified:", "ETag:", "Accept-Ranges:", "Content-Length:", "Connection:")
    return [line for line in head if not line.startswith(usual)]


def fields(tmp_path: Path, config: str) -> list[str]:
    first, *rest = answered(tmp_path, config)
    assert first == "HTTP/1.1 200 OK"
    return [line for line in rest if line != "Content-Type: text/plain"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("Header set X one", ["X: one"]),
        ("Header set X:ignored one", ["X: one"]),
        ('Header set X ""', ["X: "]),
        ('Header set X "%% %{A}e %{a}e %{NONE}e %{x}s %"', ["X: % aa aa (null) (null) %"]),
        ('Header set X "a\\tb"', ["X: a\tb"]),
        ('Header set X "a\\\\b"', ["X: a\\b"]),
        ('Header set X "expr=%{REQUEST_URI}-%{env:A}"', ["X: /a.txt-aa"]),
        ("Header set X expr=constant", ["X: constant"]),
        ("Header set X EXPR=literal", ["X: EXPR=literal"]),
        ("Header set X \xe9", ["X: \xc3\xa9"]),
        ("Header add X 1\nHeader add x 2", ["X: 1", "x: 2"]),
        ("Header append X 1\nHeader append x 2", ["X: 1, 2"]),
        ("Header add X 1\nHeader add X 2\nHeader append X 3", ["X: 1, 3", "X: 2"]),
        ("Header merge X a\nHeader merge X b\nHeader merge X a\nHeader merge X A", ["X: a, b, A"]),
        ("Header set x 1\nHeader set X 2", ["x: 2"]),
        ("Header setifempty X 1\nHeader setifempty x 2", ["X: 1"]),
        ("Header add X 1\nHeader add X 2\nHeader unset x", []),
        ("Header echo ^X-", ["X-One: 1, 3"]),
        ("Header echo (?i)^x-", ["X-One: 1, 3", "x-two: 2"]),
        ('Header set X 1\nHeader note X n\nHeader set Y "expr=%{note:n}"', ["X: 1", "Y: 1"]),
        ("Header set X 1\nHeader always set X 2\nHeader unset X", ["X: 2"]),
        ("Header set X 1 env=A\nHeader set Y 1 env=!A\nHeader set Z 1 env=!NONE", ["X: 1", "Z: 1"]),
        ("Header set X 1 expr=true\nHeader set Y 1 expr=false", ["X: 1"]),
        ("Header set X 1 \"expr=-U '/a.txt'\"\nHeader set Y 1 \"expr=-F '/none/such'\"", ["X: 1"]),
        ("Header set Vary \"a , b\"\nHeader add Vary A\nHeader always set Vary c", ["Vary: c,a,b"]),
        ("Header set Date x\nHeader set Server y\nHeader set Content-Length 9\nHeader unset Connection", []),
        ("Header set Transfer-Encoding chunked", []),
        ("Header set X 1 early\nHeader append X 2", ["X: 1, 2"]),
        ("<Location />\nHeader set X 1 early\n</Location>", []),
        ("Header append X 1\n<Location />\nHeader append X 2\n</Location>", ["X: 1, 2"]),
        ('RequestHeader add X-One 2\nHeader set X "expr=%{req:X-One}"', ["X: 1, 3"]),
        ('RequestHeader set X-One 2\nRequestHeader append X-One 4\nHeader set X "expr=%{req:X-One}"', ["X: 2, 4"]),
        ("RequestHeader set X-One 5\nHeader echo X-One", ["X-One: 5"]),
    ],
)
def test_what_is_sent(tmp_path: Path, config: str, expected: list[str]) -> None:
    assert fields(tmp_path, config.encode("latin-1").decode("latin-1")) == expected


@pytest.mark.parametrize(
    ("value", "edit", "expected"),
    [
        ("abcabc", 'edit X a "[$0]"', "[a]bcabc"),
        ("abcabc", 'edit* X a "[$0]"', "[a]bc[a]bc"),
        ("abcabc", 'edit X (b)(c) "$2$1-%{A}e-%%-\\$1"', "acb-aa-%-$1abc"),
        ("abc", "edit X z y", "abc"),
        ("abc", "edit X B x", "abc"),
        ("abc", 'edit X b "$9|$1|&"', "a||&c"),
        ("abc", 'edit X b "expr=%{REQUEST_URI}"', "a/a.txtc"),
        ("aaa", "edit* X ^a b", "bbb"),
        ("1", 'edit X 1 "$1-%{D}e-$0"', "--1-1"),
        ("123", 'edit X 2 "%{NOPE}e"', "1(null)3"),
        ("abc", 'edit* X "" -', "-abc"),
        ("b", 'edit* X "b*" -', "--"),
    ],
)
def test_edit(tmp_path: Path, value: str, edit: str, expected: str) -> None:
    assert fields(tmp_path, f"Header set X {value}\nHeader {edit}") == [f"X: {expected}"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("Header set Content-Type text/x", ["Content-Type: text/x"]),
        ("Header set content-type text/x", ["content-type: text/x"]),
        ("Header unset Content-Type", []),
        ("Header append Content-Type text/x", ["Content-Type: text/plain"]),
        ("Header setifempty Content-Type text/x", ["Content-Type: text/x"]),
        ("Header edit Content-Type plain html", ["Content-Type: text/html"]),
        ("RequestHeader set Content-Type text/x", ["Content-Type: text/plain"]),
        ("AddDefaultCharset utf-8\nHeader set Content-Type text/html", ["Content-Type: text/html; charset=utf-8"]),
    ],
)
def test_content_type(tmp_path: Path, config: str, expected: list[str]) -> None:
    assert answered(tmp_path, config)[1:] == expected


TABLES = "Header set On 1\nHeader always set Al 1\n"


@pytest.mark.parametrize(
    ("target", "config", "status", "on", "always"),
    [
        ("/a.txt", "", 200, True, True),
        ("/none", "", 404, False, True),
        ("/none", "ErrorDocument 404 /a.txt", 404, True, True),
        ("/none", 'ErrorDocument 404 "text', 404, False, True),
        ("/r", "Redirect /r http://x/", 302, False, True),
        ("/%zz", "", 400, False, True),
        ("bad", "", 400, False, True),
    ],
)
def test_which_table(tmp_path: Path, target: str, config: str, status: int, on: bool, always: bool) -> None:
    made = world(tmp_path, TABLES + config)
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    answer = get(made, target)
    assert (answer.status, "on" in answer.headers, "al" in answer.headers) == (status, on, always)


def test_a_page_that_is_refused_again_is_empty(tmp_path: Path) -> None:
    head, _, body = exchange(world(tmp_path, 'Header always set "X Y" 1\n'), REQUEST).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"Content-Length: 0" in head
    assert body == b""


def test_an_unsatisfiable_range_forgets_what_was_prepared(tmp_path: Path) -> None:
    made = world(tmp_path, "Header always add Al 1\nHeader always add Early 1 early\nHeader set On 1\n")
    (tmp_path / "htdocs" / "a.txt").write_text("hello")
    request = b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=90-\r\n\r\n"
    head = exchange(made, request).partition(b"\r\n\r\n")[0]
    assert (head.count(b"Al: 1"), head.count(b"Early"), head.count(b"On: ")) == (1, 0, 0)


def test_times_and_loads(tmp_path: Path) -> None:
    (line,) = fields(tmp_path, 'Header set X "%t %D %l %i %b"')
    received, elapsed, load, idle, busy = line.removeprefix("X: ").split()
    assert received.startswith("t=")
    assert int(received[2:]) > 1_600_000_000_000_000
    assert int(elapsed.removeprefix("D=")) < 10_000_000
    assert len(load.removeprefix("l=").split("/")) == 3
    assert (idle, busy) == ("i=0", "b=0")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a, b", ["a", "b"]),
        ("a  , b", ["a  ", "b"]),
        ('"a, b", c', ['"a, b"', "c"]),
        ('"a, b', ['"a, b']),
        ("a,,b", ["a", "", "b"]),
        ("", []),
    ],
)
def test_elements_of_a_list(value: str, expected: list[str]) -> None:
    assert elements(value) == expected


def steps(made: Any, phase: Phase) -> list[str]:
    """The functions of mod_headers that are in the plan of the server."""
    plan = made.site.main.defaults.plan
    found = {Phase.POST_READ: plan.post_read, Phase.FIXUP: plan.fixup, Phase.INSERT_FILTERS: plan.insert_filters,
             Phase.INSERT_ERROR_FILTERS: plan.insert_error_filters}[phase]  # fmt: skip
    return [step.function.__name__ for step in found if step.module == "headers"]


@pytest.mark.parametrize(
    ("config", "early", "fixup", "answers", "errors"),
    [
        ("", [], [], [], []),
        ("Header set X 1", [], [], ["insert_filter"], []),
        ("Header always set X 1", [], [], ["insert_filter"], ["insert_error_filter"]),
        ("Header set X 1 early", ["change_early"], [], [], []),
        ("RequestHeader set X 1", [], ["change_request"], [], []),
        ("RequestHeader set X 1 \"expr=-U '/x'\"", [], ["change_request_async"], [], []),
        ("Header set X 1 \"expr=-U '/x'\"", [], [], ["insert_async_filter"], []),
    ],
)
def test_nothing_is_in_the_plan_that_has_nothing_to_do(
    tmp_path: Path, config: str, early: list[str], fixup: list[str], answers: list[str], errors: list[str]
) -> None:
    made = world(tmp_path, config)
    phases = (Phase.POST_READ, Phase.FIXUP, Phase.INSERT_FILTERS, Phase.INSERT_ERROR_FILTERS)
    assert [steps(made, phase) for phase in phases] == [early, fixup, answers, errors]


@pytest.mark.parametrize(
    ("config", "pure"),
    [
        ("Header set X 1", True),
        ('Header set X "%{A}e" env=B', True),
        ("Header echo X\nHeader edit Y a b\nHeader unset Z", True),
        ('Header set X "%t"', False),
        ('Header set X "%D"', False),
        ('Header set X "%l"', False),
        ('Header set X "expr=%{REQUEST_URI}"', True),
        ('Header set X "expr=%{TIME}"', False),
        ("Header set X 1 \"expr=%{REMOTE_ADDR} == 'x'\"", False),
        ("Header set X 1 \"expr=-U '/x'\"", False),
    ],
)
def test_purity(tmp_path: Path, config: str, pure: bool) -> None:
    settings = world(tmp_path, config).site.main.defaults
    assert settings[HeadersDir].onsuccess
    hooks = [hook for hook in MODULE.hooks if hook.phase is Phase.INSERT_FILTERS and hook.applies(settings)]
    assert [hook.pure(settings) for hook in hooks] == [pure]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Header set X", "Header requires three arguments"),
        ("Header set X 1 2", "Unknown parameter: 2"),
        ("Header set X 1 early 2", "Too many arguments to directive"),
        ("Header edit X a", "Header edit requires a match and a substitution"),
        ("Header edit X ( b", "Header edit regex could not be compiled"),
        ("Header echo (", "Header echo regex could not be compiled"),
        ("RequestHeader echo X", "Header echo only valid on Header directives"),
        ("RequestHeader note X y", "RequestHeader does not support the 'note' action"),
        ("Header set X %x", "Unrecognized header format %x"),
        ("Header set X %{A", "Unrecognized header format %"),
        ("Header set X 1 \"expr=true &&\"", "Can't parse envclause/expression: syntax error, unexpected $end"),
        ("Header edit X a b early x y", "Header has too many arguments"),
    ],
)
def test_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        world(tmp_path, line)
    assert refused.value.message == message
