"""mod_log_config: lines of answers from memory are those that the request itself would have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.module import Hook
from mpmserver.core.recall.memo import Memo
from mpmserver.core.recall.moment import Moment
from mpmserver.core.recall.recollection import FieldPart, Recollection, RememberedLine, recollection
from mpmserver.core.world import World
from mpmserver.http.gist import ABSENT, sieve
from mpmserver.http.head import parse_head
from mpmserver.http.headers import Headers
from mpmserver.http.limits import HeadLimits
from mpmserver.modules.log_config import MODULE
from tests.memory import exchange
from tests.unit.modules.test_log_config import KeepingSink, lines, logging_world

LOG = next(hook for hook in MODULE.hooks if hook.remember is not None)
HEAD = (
    b"GET /a.txt?x=%41%25 HTTP/1.1\r\nHost: memory.example\r\nUser-Agent: ag%s\"ent\r\nCookie: a=100%; b=2\r\n\r\n"
)
OTHER = (
    b"GET /a.txt?x=%41%25 HTTP/1.1\r\nHost: memory.example\r\nReferer: http://x/%%b\\\r\nUser-Agent: other\r\n\r\n"
)
COMBINED = r'%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"'


class Watched:
    """Keeps the exchanges that are logged."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[Exchange] = []
        finish = Exchange.finish

        def watched(x: Exchange) -> None:
            self.seen.append(x)
            finish(x)

        monkeypatch.setattr(Exchange, "finish", watched)


def answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, head: bytes = HEAD
) -> tuple[World, dict[str, KeepingSink], Exchange]:
    """One request that has been answered and logged."""
    made, kept = logging_world(tmp_path, text)
    (tmp_path / "htdocs" / "a.txt").write_text("hello\n")
    watched = Watched(monkeypatch)
    exchange(made, head)
    x = watched.seen[-1]
    x.memo = Memo(x.request.headers)
    x.request.headers.asked = None
    return made, kept, x


def moment_of(x: Exchange) -> Moment:
    """The hit that would write the very line that the request has written."""
    moment = Moment()
    moment.tick(x.request_time)
    moment.client = x.client_ip.encode()
    moment.peer = Peer(x.peer.local, x.peer.remote)
    moment.peer.keepalives = x.peer.keepalives - 1  # this request is counted by now
    moment.micros = x.notes["duration"]
    moment.bytes_in, moment.bytes_out = x.bytes_in, x.last.bytes_out
    moment.keep_alive = x.last.keep_alive
    return moment


def write(found: Recollection, moment: Moment, headers: Headers) -> None:
    """Write the lines, as a hit does."""
    for template, fetch, write_line in found.of_head(headers.joined):
        write_line(template % fetch(moment))


def by_gist(found: Recollection, moment: Moment, earlier: Headers, head: bytes) -> None:
    """The same for a head that is known by its gist; `earlier` are the fields of another one with the same."""
    known = sieve(frozenset({"range"}), found.shown, found.read)
    plain = known.match(head.partition(b"\r\n")[2])
    assert plain is not None
    groups = plain.groups(ABSENT)
    moment.shown = groups[known.shown]
    usual = found.of_gist(earlier.joined, known)
    for template, fetch, write_line in usual if groups[-1] else found.of_head(known.fields(groups)):
        write_line(template % fetch(moment))


def fields(head: bytes) -> Headers:
    return parse_head(head, HeadLimits()).headers


FORMS = [
    COMBINED,
    "%%%a %A %h %l|100%%",
    "%{c}a %{c}h %{x}a",
    "%b %B %s %>s %<s",
    "%{a}C|%{b}C|%{d}C",
    "%H %m %r",
    "%U %q %>U",
    "%{User-Agent}i %{None}i %{Content-Type}o|%{Content-Length}o|%{Date}o|%{Server}o",
    "%{Connection}o %{Keep-Alive}o %{Accept-Ranges}o",
    "%I %O %S %u %L %R %k %X",
    "%p %{canonical}p %{local}p %{remote}p %{odd}p",
    "%v %V %f",
    "%{odd}T %{odd}P %{VAR}e %{note}n %^FB %{x}^ti %{x}^to",
    "%200b %!200b %404,200{Cookie}i %!404,500b %404h %404D",
    "%P %{pid}P %{tid}P %{hextid}P",
    "%{sec}t %{msec}t %{usec}t %{msec_frac}t %{usec_frac}t %{%%Y}t %{end:usec}t %{end:}t %{end:%%H}t",
    "%D %T %{ms}T %{s}T %{us}T",
    "nothing that differs",
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_line_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    _made, kept, x = answered(tmp_path, monkeypatch, f'CustomLog logs/x "{form}"\n')
    found = recollection(x)
    assert found is not None
    write(found, moment_of(x), x.request.headers)
    first, second = lines(kept)
    assert second == first


@pytest.mark.parametrize(
    "form", ["%{User-Agent}i", "%h %{Referer}i", "%{User-Agent}i %h", "%%%{Referer}i%D%h%{User-Agent}i"]
)
def test_places_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    made, kept, x = answered(tmp_path, monkeypatch, f'CustomLog logs/x "{form}"\n')
    found = recollection(x)
    assert found is not None
    watched = Watched(monkeypatch)
    other = OTHER.replace(b"\\", b"%20")
    exchange(made, other)
    by_gist(found, moment_of(watched.seen[-1]), x.request.headers, other)
    _first, expected, again = lines(kept)
    assert expected == again


def test_values_that_decide_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made, kept, x = answered(tmp_path, monkeypatch, 'CustomLog logs/x "%% %{Host}i%{Range}i|%{User-Agent}i %h"\n')
    found = recollection(x)
    assert found is not None
    for agent in (b'ag%s"ent', b"plain", b"", b"\xe4 "):
        by_gist(found, moment_of(x), x.request.headers, HEAD.replace(b'ag%s"ent', agent))
    assert lines(kept) == [
        f"% memory.example-|{agent} 127.0.0.1\n" for agent in ('ag%s\\"ent', 'ag%s\\"ent', "plain", "", "\\xe4")
    ]


@pytest.mark.parametrize("form", FORMS)
def test_another_head_of_the_same_resource(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    made, kept, x = answered(tmp_path, monkeypatch, f'CustomLog logs/x "{form}"\n')
    found = recollection(x)
    assert found is not None
    watched = Watched(monkeypatch)
    exchange(made, OTHER)
    moment = moment_of(watched.seen[-1])
    write(found, moment, fields(OTHER))
    by_gist(found, moment, x.request.headers, OTHER)
    _first, expected, again, once_more = lines(kept)
    assert expected == again == once_more


def test_what_differs_is_told_by_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made, kept, x = answered(tmp_path, monkeypatch, f'CustomLog logs/x "{COMBINED} %k %X %I %O %D %{{remote}}p"\n')
    found = recollection(x)
    assert found is not None
    assert found.timed
    moment = moment_of(x)
    moment.tick(1e9)
    moment.client, moment.peer = b"2001:db8::1", Peer(("127.0.0.1", 8080), ("2001:db8::1", 4711))
    moment.peer.keepalives = 7
    moment.bytes_in, moment.bytes_out, moment.micros, moment.aborted = 1, 2, 3, True
    write(found, moment, x.request.headers)
    line = lines(kept)[1]
    assert line.startswith("2001:db8::1 - - [") and "/Sep/2001:" in line
    assert line.endswith(' "-" "ag%s\\"ent" 7 X 1 2 3 4711\n')
    moment.aborted = moment.keep_alive = False
    write(found, moment, x.request.headers)
    assert lines(kept)[2].endswith(" 6 - 1 2 3 4711\n")


def test_nobody_reads_a_clock_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made, _kept, x = answered(tmp_path, monkeypatch, f'CustomLog logs/x "{COMBINED} %500D"\n')
    found = recollection(x)
    assert found is not None
    assert not found.timed


@pytest.mark.parametrize(
    ("form", "head"),
    [
        ("%{Keep-Alive}o", HEAD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")),
        ("%{Connection}o", HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
    ],
)
def test_lines_that_no_memory_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, head: bytes
) -> None:
    assert recollection(answered(tmp_path, monkeypatch, f'CustomLog logs/x "{form}"\n', head)[2]) is None
    assert recollection(answered(tmp_path, monkeypatch, 'CustomLog logs/x "%>s"\n', head)[2]) is not None


def test_the_time_to_the_first_byte_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "LogIOTrackTTFB On\nCustomLog logs/x %^FB\n"
    assert recollection(answered(tmp_path, monkeypatch, text)[2]) is None


def test_a_client_behind_a_proxy_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = answered(tmp_path, monkeypatch, "CustomLog logs/x %h\n")[2]
    x.client_ip = "192.0.2.9"
    assert recollection(x) is None


def test_fields_that_a_module_has_changed_are_shown_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made, kept, x = answered(
        tmp_path, monkeypatch, 'RequestHeader set User-Agent changed\nCustomLog logs/x "%{User-Agent}i"\n'
    )
    found = recollection(x)
    assert found is not None
    moment = moment_of(x)
    write(found, moment, fields(OTHER))
    assert lines(kept) == ["changed\n", "changed\n"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "one, two"),
        ("RequestHeader add User-Agent three", "one, two"),
        ("RequestHeader add X-New a\nRequestHeader add X-New b", "one, two"),
        ("RequestHeader append User-Agent three", "one, two, three"),
        ("RequestHeader set User-Agent three", "three"),
    ],
)
def test_a_field_that_stands_several_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    """What was received is one field; of those that the configuration has added beside it the first is shown."""
    text += '\nCustomLog logs/x "%{User-Agent}i|%{X-New}i"\n'
    twice = HEAD.replace(b'ag%s"ent', b"one\r\nUser-Agent: two")
    _made, kept, x = answered(tmp_path, monkeypatch, text, twice)
    found = recollection(x)
    assert found is not None
    write(found, moment_of(x), x.request.headers)
    new = "a" if "X-New" in text.partition("CustomLog")[0] else "-"
    first, again = lines(kept)
    assert first == again == f"{expected}|{new}\n"


CONDITIONS = """
SetEnvIf Request_URI a FOO=1
CustomLog logs/x one env=FOO
CustomLog logs/x none env=!FOO
CustomLog logs/x two "expr=%{REQUEST_URI} == '/a.txt'"
CustomLog logs/x none "expr=%{REQUEST_URI} != '/a.txt'"
CustomLog logs/x "three %a"
"""


def test_conditions_are_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _made, kept, x = answered(tmp_path, monkeypatch, CONDITIONS)
    found = recollection(x)
    assert found is not None
    write(found, moment_of(x), x.request.headers)
    assert lines(kept) == ["one\n", "two\n", "three 127.0.0.1\n"] * 2
    assert x.memo is not None and x.memo.asked == set()


def test_what_a_condition_looks_at_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = answered(tmp_path, monkeypatch, "CustomLog logs/x %h \"expr=%{HTTP_USER_AGENT} =~ /x/\"\n")[2]
    assert recollection(x) is not None
    assert x.memo is not None and x.memo.asked == {"user-agent"}
    assert x.request.headers.asked is None


def test_a_condition_that_may_change_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = answered(tmp_path, monkeypatch, "CustomLog logs/x %h \"expr=%{TIME_HOUR} -lt 30\"\n")[2]
    assert recollection(x) is None


def test_hooks_that_remember_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = answered(tmp_path, monkeypatch, "CustomLog logs/x %h\n")[2]
    other = Hook(LOG.phase, lambda x: None)

    class Plan:
        log: Any = tuple(type("Step", (), {"hook": hook}) for hook in (LOG, other))

    x.plan = Plan()  # type: ignore[assignment]
    assert recollection(x) is None
    Plan.log = ()
    assert recollection(x) is not None


def test_several_hooks_write_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = answered(tmp_path, monkeypatch, "CustomLog logs/x %h\n")[2]
    written: list[bytes] = []

    def hook(name: bytes) -> Hook:
        parts = (name, FieldPart("x", str.encode), b" at %d")
        line = RememberedLine(parts, lambda moment: (moment.second,), written.append, timed=name == b"b ")
        return Hook(LOG.phase, lambda x: None, remember=lambda x: [line])

    class Plan:
        log: Any = tuple(type("Step", (), {"hook": each}) for each in (hook(b"a "), hook(b"b ")))

    x.plan = Plan()  # type: ignore[assignment]
    found = recollection(x)
    assert found is not None
    assert found.timed
    moment = Moment()
    moment.tick(5.0)
    write(found, moment, Headers([("X", "y")]))
    assert written == [b"a y at 5", b"b y at 5"]
