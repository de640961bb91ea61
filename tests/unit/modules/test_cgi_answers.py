"""How a script's answer is framed: in one piece where the script soon ends, as it comes where it doesn't."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpmserver.core.world import World
from mpmserver.modules.cgi import run
from tests.memory import exchange, log_of, world

HEAD = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
"""What scripts begin with that don't bring a beginning of their own."""
SCRIPTS = {
    "hello": "echo hello",
    "pieces": "for each in 1 2 3; do echo $each; sleep 0.03; done",
    "drops": "for each in 1 2 3 4 5 6 7 8 9 0; do echo $each; sleep 0.1; done",
    "complains": "echo hello; echo oh >&2",
    "leaves-a-child": "echo hello; (sleep 0.1; echo late >&2) >/dev/null &",
    "long": "head -c 300000 /dev/zero | tr '\\0' x",
    "length": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 3\\n\\nhello\\n'",
    "cookies": "#!/bin/sh\nprintf 'Set-Cookie: a\\nX-A: 1\\nSet-Cookie: b\\nx-a: 2\\n\\n'",
}
CONFIG = 'ScriptAlias /cgi-bin/ "{root}/cgi-bin/"\nSetEnvIf X-Trust . ap_trust_cgilike_cl\n'


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A site whose scripts are given all the time they need to come to their end."""
    monkeypatch.setattr(run, "MOMENT_SECONDS", 5.0)
    folder = tmp_path / "cgi-bin"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text if text.startswith("#!") else HEAD + text)
        (folder / name).chmod(0o755)
    return world(tmp_path, CONFIG.format(root=tmp_path))


def ask(made: World, name: str, *fields: str, method: str = "GET") -> tuple[str, bytes]:
    """The head without its date, and the body as it was framed."""
    lines = (f"{method} /cgi-bin/{name} HTTP/1.1", "Host: memory.example", *fields, "", "")
    head, _, body = exchange(made, "\r\n".join(lines).encode()).partition(b"\r\n\r\n")
    return head.decode(), body


def test_who_ends_soon_is_answered_in_one_piece(made: World) -> None:
    for _ in range(2):
        head, body = ask(made, "hello")
        assert "Content-Length: 6\r\nContent-Type: text/plain" in head
        assert body == b"hello\n"
    head, body = ask(made, "pieces")
    assert "Content-Length: 6" in head
    assert body == b"1\n2\n3\n"


def test_who_goes_on_is_answered_as_it_comes(made: World) -> None:
    head, body = ask(made, "drops")
    assert "Transfer-Encoding: chunked" in head
    assert b"\n0\n" in body
    head, body = ask(made, "long")
    assert "Transfer-Encoding: chunked" in head
    assert body.count(b"x") == 300000


def test_the_head_alone(made: World) -> None:
    assert ask(made, "hello", method="HEAD")[0].endswith("Content-Length: 6\r\nContent-Type: text/plain")
    assert ask(made, "hello", method="HEAD")[1] == b""


def test_no_range_is_cut(made: World) -> None:
    head, body = ask(made, "hello", "Range: bytes=1-2")
    assert head.startswith("HTTP/1.1 200 OK")
    assert body == b"hello\n"


def test_a_body_is_read_by_who_reads_none(made: World) -> None:
    lines = b"POST /cgi-bin/hello HTTP/1.1\r\nHost: memory.example\r\nContent-Length: 4\r\n\r\nbody"
    answer = exchange(made, lines)
    assert answer.endswith((b"hello\n", b"hello\n\r\n0\r\n\r\n"))


@pytest.mark.parametrize(("fields", "length", "sent"), [((), 6, b"hello\n"), (("X-Trust: 1",), 3, b"hel")])
def test_its_own_length_counts_where_it_is_trusted(
    made: World, fields: tuple[str, ...], length: int, sent: bytes
) -> None:
    head, body = ask(made, "length", *fields)
    assert f"Content-Length: {length}\r\n" in head
    assert body == sent


@pytest.mark.parametrize(("name", "complaint"), [("complains", "oh"), ("leaves-a-child", "late")])
def test_what_it_complains_of_is_logged_before_the_request_is_over(made: World, name: str, complaint: str) -> None:
    head, body = ask(made, name)
    assert "Content-Length: 6" in head
    assert body == b"hello\n"
    assert any(line.endswith(f"AH01215: stderr from {made.site.configuration.server_root}/cgi-bin/{name}: {complaint}")
               for line in log_of(made))  # fmt: skip


def test_a_head_means_the_same_each_time(made: World) -> None:
    heads = {ask(made, "cookies")[0].partition("Server")[2] for _ in range(3)}
    assert len(heads) == 1
    assert "X-A: 1, 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n" in heads.pop()


@pytest.mark.parametrize(("options", "status"), [("+ExecCGI", 200), ("-ExecCGI", 403)])
def test_a_media_type_makes_a_script_of_a_file(tmp_path: Path, options: str, status: int) -> None:
    """Nobody is sent what such a file holds."""
    script = tmp_path / "htdocs" / "hello.typed"
    script.parent.mkdir()
    script.write_text(HEAD + "echo hello")
    script.chmod(0o755)
    text = f'AddType application/x-httpd-cgi .typed\n<Directory "{script.parent}">\nOptions {options}\n</Directory>\n'
    answer = exchange(world(tmp_path, text), b"GET /hello.typed HTTP/1.1\r\nHost: memory.example\r\n\r\n")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"hello\n" in answer) is (status == 200)
    assert b"#!/bin/sh" not in answer


def test_nothing_is_left_open(made: World) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in SCRIPTS:
        ask(made, name)
    assert len(os.listdir("/proc/self/fd")) <= before + 8  # the launcher's and the reaper's, which stay
    middle = len(os.listdir("/proc/self/fd"))
    for name in SCRIPTS:
        ask(made, name)
    assert len(os.listdir("/proc/self/fd")) <= middle + 1
