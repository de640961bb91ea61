"""core/coprogram.py: a program that is asked by line, by one at a time, and not for ever."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpmserver.core.coprogram import CoProgram
from mpmserver.process.programs import end_programs

SCRIPT = """#!/bin/sh
while read -r line; do
    case "$line" in
        two) printf 'one\\ntwo\\n' ;;
        end) exit ;;
        where) /bin/pwd ;;
        environment) /usr/bin/env | /bin/grep -c '^HOME=\\|^PATH=/usr' ;;
        *) printf '%s' "$line"; sleep 0.01; echo "!" ;;
    esac
done
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[CoProgram]:
    path = tmp_path / "program.sh"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    started = CoProgram([str(path), "argument"], None)
    yield started
    started.close()
    end_programs([started.pid])


def test_answers(program: CoProgram, tmp_path: Path) -> None:
    assert program.ask(b"hello") == b"hello!"
    assert program.ask(b"") == b"!"
    assert program.ask(b"where") == str(tmp_path).encode()
    assert program.ask(b"environment") == b"0"


def test_what_is_said_too_much_is_for_the_next(program: CoProgram) -> None:
    assert program.ask(b"two") == b"one"
    assert program.ask(b"a") == b"two"
    assert program.ask(b"b") == b"a!"


def test_a_program_that_has_ended_answers_nothing(program: CoProgram) -> None:
    assert program.ask(b"end") == b""
    assert program.ask(b"a") == b""


def test_threads_and_processes_take_turns(program: CoProgram) -> None:
    wrong: list[bytes] = []

    def ask(name: bytes) -> None:
        for number in range(5):
            question = b"%s-%d" % (name, number)
            if program.ask(question) != question + b"!":
                wrong.append(question)

    children = []
    for number in range(2):
        pid = os.fork()
        if pid == 0:
            ask(b"process%d" % number)
            os._exit(len(wrong))
        children.append(pid)
    threads = [threading.Thread(target=ask, args=(b"thread%d" % number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    assert not wrong


def test_what_may_not_be_executed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("text")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(PermissionError):
        CoProgram([str(path)], None)
    assert len(os.listdir("/proc/self/fd")) == before
