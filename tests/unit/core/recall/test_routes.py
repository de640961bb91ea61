"""Routes: a script that was asked for before is found at once, and nothing else about its answers is different."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mpmserver.core.recall import routes
from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.routes import Route
from mpmserver.core.world import World
from tests.memory import world
from tests.unit.core.recall.clients import RESTLESS, Client, head

pytestmark = pytest.mark.usefixtures("restless", "eager")

CONFIG = """
ScriptAlias /cgi-bin/ "{root}/cgi-bin/"
<Directory "{root}">
AllowOverride All
Options FollowSymLinks
</Directory>
"""
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv | sort\n"


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The file names of the requests that were led by a route."""
    found: list[str] = []
    lead = Route.lead

    def note(route: Route, x: object) -> None:
        lead(route, x)  # type: ignore[arg-type]
        found.append(x.filename.rpartition("/")[2])  # type: ignore[attr-defined]

    monkeypatch.setattr(Route, "lead", note)
    return found


def site(root: Path, text: str = "", blocking: bool = False) -> World:
    for name in ("env.sh", "other.sh"):
        write(root / "cgi-bin" / name, SCRIPT)
    made = world(root, CONFIG.format(root=root) + text)
    made.recall = begin(made.site, 1, blocking)
    return made


def write(path: Path, text: str) -> None:
    """A script, or what decides about one, that has not changed for a while."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    time.sleep(2 * RESTLESS / 1e9)


@pytest.fixture(params=[True, False], ids=["looks", "is told"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return site(tmp_path, blocking=request.param)


def heard(made: World) -> World:
    """Have the process hear of changes, as a loop does before it answers."""
    assert made.recall is not None
    if made.recall.watches is not None:
        made.recall.watches.read()
    return made


def lines(answer: bytes) -> list[bytes]:
    """What a script was given, without what is the connection's."""
    return [line for line in answer.splitlines() if not line.startswith((b"Date", b"REMOTE_PORT"))]


def test_the_third_request_is_led_and_the_answer_is_the_same(made: World, led: list[str]) -> None:
    client = Client(made)
    answers = [lines(client.ask(head("/cgi-bin/env.sh/more?a=b", "X-Own: 1"))) for _ in range(4)]
    assert led == ["env.sh"] * 3
    assert all(answer == answers[0] for answer in answers)
    assert {b"PATH_INFO=/more", b"QUERY_STRING=a=b", b"HTTP_X_OWN=1"} < set(answers[0])
    assert made.recall is not None
    assert set(made.recall.reasons) == {"mod_cgid"} or set(made.recall.reasons) == {"mod_cgi"}
    assert made.recall.misses == 4


def test_each_way_is_its_own(made: World, led: list[str]) -> None:
    client = Client(made)
    for path in ("/cgi-bin/env.sh", "/cgi-bin/other.sh", "/cgi-bin/env.sh?x", "/cgi-bin/none.sh"):
        for method in ("GET", "HEAD"):
            client.ask(head(path, method=method))
    assert led == []
    first = client.ask(head("/cgi-bin/env.sh", "X-Own: 2"))
    assert led == ["env.sh"]
    assert b"HTTP_X_OWN=2" in first
    assert client.ask(head("/cgi-bin/none.sh")).startswith(b"HTTP/1.1 404 ")
    body = b"POST /cgi-bin/env.sh HTTP/1.1\r\nHost: memory.example\r\nContent-Length: 0\r\n\r\n"
    assert b"CONTENT_LENGTH=0" in client.ask(body)
    assert led == ["env.sh", "none.sh"]


NEW = SCRIPT + "echo new\n"


def replace(root: Path) -> None:
    write(root / "cgi-bin/x", NEW)
    (root / "cgi-bin/x").rename(root / "cgi-bin/env.sh")


def replace_folder(root: Path) -> None:
    (root / "cgi-bin").rename(root / "old")
    write(root / "cgi-bin/env.sh", NEW)


def say(text: str) -> Callable[[Path], object]:
    return lambda root: write(root / "cgi-bin/.htaccess", text)


CHANGES: dict[str, tuple[Callable[[Path], object], bytes]] = {
    "rewritten": (lambda root: write(root / "cgi-bin/env.sh", NEW), b"new\n"),
    "replaced": (replace, b"new\n"),
    "removed": (lambda root: (root / "cgi-bin/env.sh").unlink(), b"HTTP/1.1 404 "),
    "forbidden by .htaccess": (say("Require all denied\n"), b"HTTP/1.1 403 "),
    "environment by .htaccess": (say("SetEnv OWN new\n"), b"\nOWN=new\n"),
    "sent elsewhere by .htaccess": (say("Redirect /cgi-bin /x\n"), b"HTTP/1.1 302 "),
    "folder moved": (lambda root: (root / "cgi-bin").rename(root / "old"), b"HTTP/1.1 404 "),
    "folder replaced": (replace_folder, b"new\n"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_route_holds_no_longer_than_what_it_rests_on(made: World, tmp_path: Path, led: list[str], name: str) -> None:
    change, expected = CHANGES[name]
    client = Client(made)
    for _ in range(3):
        assert expected not in client.ask(head("/cgi-bin/env.sh"))
    assert len(led) == 2
    change(tmp_path)
    heard(made)
    for _ in range(3):
        client = Client(made)
        assert expected in client.ask(head("/cgi-bin/env.sh"))


@pytest.mark.parametrize(
    "text",
    [
        "SetEnvIf Remote_Addr . OWN=1",
        '<If "%{TIME_SEC} =~ /./">\nSetEnv OWN 1\n</If>',
        "RewriteEngine On\nRewriteCond %{TIME} .\nRewriteRule ^ - [E=OWN:1]",
        '<Directory "${ROOT}/cgi-bin">\nRequire ip 127.0.0.9\n</Directory>',
        "RequestHeader set X-Own 1 early",
    ],
)
def test_no_route_where_more_than_head_and_files_decide(tmp_path: Path, led: list[str], text: str) -> None:
    made = site(tmp_path, text.replace("${ROOT}", str(tmp_path)))
    client = Client(made)
    answers = [lines(client.ask(head("/cgi-bin/env.sh"))) for _ in range(3)]
    assert b"SCRIPT_NAME=/cgi-bin/env.sh" in answers[0]
    assert led == []
    assert answers[0] == answers[1] == answers[2]


def test_fields_that_decided_must_be_the_same(tmp_path: Path, led: list[str]) -> None:
    made = site(tmp_path, "SetEnvIf X-Kind (.+) KIND=$1")
    client = Client(made)
    for kind in ("a", "a", "b", "a", "b", ""):
        answer = client.ask(head("/cgi-bin/env.sh", *([f"X-Kind: {kind}"] if kind else [])))
        assert (f"\nKIND={kind}\n".encode() in answer) is bool(kind)
    assert len(led) == 2


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, led: list[str]) -> None:
    monkeypatch.setattr(routes, "MOST", 2)
    made = site(tmp_path)
    client = Client(made)
    for number in range(4):
        client.ask(head(f"/cgi-bin/env.sh?{number}"))
    for number in (3, 2, 1):
        client.ask(head(f"/cgi-bin/env.sh?{number}"))
    assert len(led) == 2


def test_no_more_than_recall_has_room_for(tmp_path: Path, led: list[str]) -> None:
    client = Client(site(tmp_path, "RecallSize 1000"))
    for _ in range(3):
        client.ask(head("/cgi-bin/env.sh"))
    assert led == []


def test_what_is_known_of_a_connection_may_decide(made: World, led: list[str]) -> None:
    client, other = Client(made), Client(made)
    client.connection.peer.note("local-host", "a.example")
    for _ in range(3):
        client.ask(head("/cgi-bin/env.sh"))
    assert led == []
    for _ in range(3):
        other.ask(head("/cgi-bin/env.sh"))
    assert len(led) == 2
    client.ask(head("/cgi-bin/env.sh"))
    assert len(led) == 2


def test_a_long_request_line_has_no_route(made: World, led: list[str]) -> None:
    client = Client(made)
    for _ in range(3):
        client.ask(head("/cgi-bin/env.sh?" + routes.LONGEST * "x"))
    assert led == []
