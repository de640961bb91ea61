"""The small parts of mod_cgi: the spool, starting a program, resource limits, the query's words, the ScriptLog."""

from __future__ import annotations

import errno
import os
import re
import resource
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import pytest

from mpmserver.modules.cgi import spawn
from mpmserver.modules.cgi import spool as spool_module
from mpmserver.modules.cgi.handler import query_words
from mpmserver.modules.cgi.scriptlog import ScriptRecord, record_of
from mpmserver.modules.cgi.settings import CgiServer
from mpmserver.modules.cgi.spawn import Limits, limit_commands, start
from mpmserver.modules.cgi.spool import Spool
from tests.unit.modules.kit import USUAL, SiteKit


def test_a_spool_keeps_the_order_and_moves_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IN_MEMORY", 100)
    monkeypatch.setattr(spool_module, "PIECE", 64)
    before = os.listdir("/proc/self/fd")
    spool, put, taken = Spool(), b"", b""
    for number in range(40):
        data = bytes([number]) * (number * 7)
        spool.put(data)
        put += data
        if number % 3 == 0:
            taken += spool.take()
        assert spool.size == len(put) - len(taken)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    while data := spool.take():
        taken += data
    assert taken == put
    assert spool.size == 0
    assert os.listdir("/proc/self/fd") == before
    spool.put(b"head, body")
    spool.cut(lambda memory: memory.index(b"body"))
    assert (spool.size, spool.take()) == (4, b"body")
    spool.put(b"x" * 200)
    spool.close()
    assert spool.size == 0


def output_of(path: Path, arguments: tuple[str, ...] = (), limits: Limits = MappingProxyType({})) -> str:
    program = start(str(path), arguments, {"PATH": "/usr/bin:/bin", "OWN": "1"}, limits)
    os.close(program.stdin)
    os.set_blocking(program.stdout, True)
    with os.fdopen(program.stdout, "rb") as stdout, os.fdopen(program.stderr, "rb"):
        text = stdout.read().decode()
    assert os.waitpid(program.pid, 0)[1] == 0
    return text


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.sh"
    path.write_text('#!/bin/sh\npwd; echo "$OWN $HOME [$*]"; ulimit -S -t; ulimit -H -t; cat /proc/self/status\n')
    path.chmod(0o755)
    return path


def test_a_program_starts_clean(script: Path) -> None:
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        lines = output_of(script, ("a b", "*")).splitlines()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= {signal.SIGTERM, signal.SIGUSR1}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    assert lines[:2] == [str(script.parent), "1  [a b *]"]
    masks = re.findall(r"^Sig(?:Blk|Ign):\t(\w+)$", "\n".join(lines), re.MULTILINE)
    # signals 32 and 33 belong to the C library; some programs that start us ignore them, and only it could change that
    assert [int(mask, 16) & ~(0b11 << 31) for mask in masks] == [0, 0]


@pytest.fixture
def room_for_descriptors() -> Iterator[int]:
    """As many descriptors as this process may have, 5,000 at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 5000 if hard == resource.RLIM_INFINITY else min(5000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_program_has_nothing_of_ours_from_the_moment_it_has_been_started(
    script: Path, room_for_descriptors: int
) -> None:
    """Else what is closed here stays open there, and an epoll goes on to tell of it by a number that others get.

    An exec closes descriptors in their order, and lets us go on before it does: the last of many takes it long.
    """
    spawn.the_launcher()
    with ExitStack() as opened:
        for _each in range(room_for_descriptors - 200):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        for _each in range(10):
            reader, writer = os.pipe2(os.O_CLOEXEC)
            program = start(str(script), (), {}, {}, has_input=False)
            os.close(writer)
            poll = select.poll()
            poll.register(reader, 0)
            held = not poll.poll(0)
            for fd in (reader, program.stdout, program.stderr):
                os.close(fd)
            os.waitpid(program.pid, 0)
            assert not held


def test_a_program_gets_no_descriptor_that_others_have_left_open(tmp_path: Path) -> None:
    path = tmp_path / "fds.sh"
    path.write_text("#!/bin/sh\nexec ls -l /proc/self/fd\n")
    path.chmod(0o755)
    left = os.open(os.devnull, os.O_RDONLY)
    try:
        os.set_inheritable(left, True)
        numbers = re.findall(r" (\d+) -> ", output_of(path))
    finally:
        os.close(left)
    assert numbers == ["0", "1", "2", "3"]  # 3 is the listed folder itself


@pytest.mark.parametrize("call", ["memfd_create", "dup"])
def test_a_launcher_that_cannot_be_made_leaves_nothing_open(call: str) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, call, too_many)
        with pytest.raises(OSError, match="Too many open files"):
            spawn.Launcher()
    assert os.listdir("/proc/self/fd") == before


def too_many(*_arguments: object) -> NoReturn:
    """A system call where no descriptor is left."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("already", [0, 1, 2])
def test_a_program_whose_pipes_cannot_be_made_leaves_nothing_open(
    script: Path, monkeypatch: pytest.MonkeyPatch, already: int
) -> None:
    spawn.the_launcher()
    before = os.listdir("/proc/self/fd")
    made = iter([os.pipe2(os.O_CLOEXEC) for _each in range(already)])
    monkeypatch.setattr(spawn, "pipe2", lambda _flags: next(made, None) or too_many())
    with pytest.raises(OSError, match="Too many open files"):
        start(str(script), (), {}, {})
    assert os.listdir("/proc/self/fd") == before


def test_names_of_variables_are_those_that_a_shell_knows(tmp_path: Path) -> None:
    path = tmp_path / "env.sh"
    path.write_text("#!/bin/sh\nenv\n")
    path.chmod(0o755)
    program = start(str(path), (), {'c"': "1", "2x-y": "2", "ok": "3"}, {})
    os.close(program.stdin)
    os.set_blocking(program.stdout, True)
    with os.fdopen(program.stdout, "rb") as stdout, os.fdopen(program.stderr, "rb"):
        assert {b"c_=1", b"_x_y=2", b"ok=3"} <= set(stdout.read().splitlines())
    assert os.waitpid(program.pid, 0)[1] == 0


def test_variables_are_kept_by_name_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "PAIRS_MOST", 3)
    pairs = spawn._Pairs()
    monkeypatch.setattr(spawn, "_PAIRS", pairs)
    long = "x" * (spawn.VALUE_MOST + 1)
    for number in range(10):
        environment = {"A": "\u00e4", "B": str(number), "LONG": long, "BYTE": "\udcff"}
        expected = [b"A=\xc3\xa4", b"B=%d" % number, b"LONG=" + long.encode(), b"BYTE=\xff"]
        assert spawn._as_variables(environment) == expected
        assert len(pairs) <= 3
        assert ("LONG", long) not in pairs


def test_of_names_that_are_the_same_to_a_shell_the_last_one_counts() -> None:
    for _each in range(2):
        assert spawn._as_variables({"a-b": "1", "c": "2", "a.b": "3", "1d": "4"}) == [b"a_b=3", b"c=2", b"_d=4"]
        assert spawn._as_variables({"a_b": "5"}) == [b"a_b=5"]


def test_limits_are_set_by_a_shell_that_becomes_the_program(script: Path) -> None:
    lines = output_of(script, ("x", "$y"), {"cpu": (7, 9), "mem": (1 << 32, None)}).splitlines()
    assert lines[1:4] == ["1  [x $y]", "7", "9"]


@pytest.mark.parametrize(
    ("limits", "commands"),
    [
        ({}, ""),
        ({"cpu": (5, None)}, "ulimit -S -t 5; "),
        ({"cpu": (None, 6)}, "ulimit -H -t 6; "),
        ({"mem": (1 << 20, resource.RLIM_INFINITY)}, "ulimit -S -v 1024; ulimit -H -v unlimited; "),
        ({"nproc": (3, None)}, "ulimit -S -u 3 2>/dev/null || ulimit -S -p 3; "),
    ],
)
def test_limit_commands(limits: Limits, commands: str) -> None:
    assert limit_commands(limits) == commands


@pytest.mark.parametrize(
    ("mode", "first_line", "number"), [(0o644, "#!/bin/sh", 13), (0o755, "#!/none/such", 2), (0o755, "plain text", 8)]
)
def test_what_cannot_be_started(tmp_path: Path, mode: int, first_line: str, number: int) -> None:
    path = tmp_path / "bad"
    path.write_text(first_line)
    path.chmod(mode)
    spawn.the_launcher()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=os.strerror(number)):
        start(str(path), (), {}, {})
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (None, []),
        ("", []),
        ("a=b", []),
        ("a+b%20c", ["a", "b c"]),
        ("a;b+$(x)", ["a\\;b", "\\$\\(x\\)"]),
        ("%2d%2dx", ["--x"]),
    ],
)
def test_query_words(query: str | None, words: list[str]) -> None:
    assert query_words(query) == words


def test_script_log(tmp_path: Path) -> None:
    site = SiteKit(tmp_path, "ScriptLog log\nScriptLogBuffer 4\nScriptLogLength 400", [*USUAL, "cgi"])
    assert site.site.main[CgiServer].script_log == str(tmp_path / "log")
    x = site.exchange("/a?b", "POST", [("X-In", "1")])
    x.filename = "/scripts/a"
    x.err_headers_out.add("X-Out", "2")
    record = record_of(x)
    assert isinstance(record, ScriptRecord)
    record.note_body(b"ab")
    record.note_body(b"cdef")
    record.error(200, b"complaint")
    record.failed(500, "no field", b"output")
    text = (tmp_path / "log").read_text()
    head = r"%% \[\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}\] POST /a\?b HTTP/1.1\n%% STATUS /scripts/a\n"
    complaint = r"%error\ncomplaint\n"
    failure = r"%request\nHost: localhost:8080\nX-In: 1\n\nabcd\n%response\nX-Out: 2\nno field\n%stdout\noutput\n"
    assert re.fullmatch(head.replace("STATUS", "200") + complaint + head.replace("STATUS", "500") + failure, text)
    for _each in range(5):
        record.error(200, b"x" * 100)
    assert 400 < (tmp_path / "log").stat().st_size < 600


def test_no_script_log(tmp_path: Path) -> None:
    site = SiteKit(tmp_path, "", [*USUAL, "cgi"])
    record = record_of(site.exchange("/a"))
    record.error(200, b"x")
    assert not record.wanted
    site = SiteKit(tmp_path, f"ScriptLog {tmp_path}/none/log", [*USUAL, "cgi"])
    record_of(site.exchange("/a")).error(200, b"a log that can't be written stops no request")
