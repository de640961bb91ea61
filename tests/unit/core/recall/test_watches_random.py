"""Watches against chance: whatever happens to a small tree, a token that is not stale is as it was."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
from pathlib import Path

import pytest

from mpmserver.core.recall.looks import Checks, Looks, unchanged
from mpmserver.core.recall.watches import Watches

NAMES = ("a", "b", "c")
DEPTH = 3


class Answer:
    """A token, and what was seen for it."""

    def __init__(self) -> None:
        self.stale = False
        self.checks: Checks = ()


def any_path(chance: random.Random, root: Path) -> str:
    """A path of the few that there are; sometimes it has dots in it, or a slash at its end."""
    names = [chance.choice(NAMES) for _ in range(chance.randint(1, DEPTH))]
    if chance.random() < 0.1:
        names.insert(chance.randrange(len(names)) + 1, chance.choice((".", "..")))
    return "/".join((str(root), *names)) + ("/" if chance.random() < 0.1 else "")


def happen(chance: random.Random, root: Path) -> None:
    """Do something to the disk, or fail to."""
    path, other = any_path(chance, root), any_path(chance, root)
    with contextlib.suppress(OSError):
        match chance.randrange(11):
            case 0 | 1:
                with open(path, "a") as file:
                    file.write("x")
            case 2 | 3:
                os.mkdir(path)
            case 4:
                os.symlink(chance.choice((other, "a", "../b", "./c/a")), path)
            case 5:
                os.rename(path, other)
            case 6:
                os.link(path, other, follow_symlinks=False)
            case 7:
                os.unlink(path)
            case 8:
                shutil.rmtree(path) if chance.random() < 0.3 else os.rmdir(path)
            case 9:
                os.chmod(path, chance.choice((0o700, 0o711, 0o755)))
            case 10:
                os.truncate(path, chance.randrange(5))


def look(chance: random.Random, root: Path) -> Looks:
    looks = Looks()
    for _ in range(chance.randint(1, 4)):
        with contextlib.suppress(OSError):
            chance.choice((looks.stat, looks.lstat))(any_path(chance, root))
    return looks


def guard(chance: random.Random, root: Path, watches: Watches) -> Answer | None:
    answer = Answer()
    checks = watches.guard(answer, look(chance, root))
    answer.checks = checks or ()
    return None if checks is None else answer


@pytest.mark.parametrize("seed", range(10))
def test_one_after_the_other(tmp_path: Path, watches: Watches, seed: int) -> None:
    chance = random.Random(seed)
    answers: list[Answer] = []
    seen = 0
    for _ in range(300):
        happen(chance, tmp_path)
        if chance.random() < 0.7:  # else several things happen before anybody hears of them
            watches.read()
            seen += sum(answer.stale for answer in answers)
            answers = [answer for answer in answers if not answer.stale]
            assert all(unchanged(answer.checks) for answer in answers)
        if len(answers) > 20:
            watches.release(answers.pop(chance.randrange(len(answers))))
        answers += filter(None, [guard(chance, tmp_path, watches)])
    assert seen
    for answer in answers:
        watches.release(answer)
    assert len(watches) == 0
    assert not watches._places


@pytest.mark.parametrize("seed", range(3))
def test_at_the_same_time(tmp_path: Path, watches: Watches, seed: int) -> None:
    """Things change while paths are followed; when all is quiet, who is not stale is as it was."""
    chance = random.Random(seed)
    over = threading.Event()

    def disturb() -> None:
        other = random.Random(-1 - seed)
        while not over.is_set():
            happen(other, tmp_path)

    thread = threading.Thread(target=disturb)
    thread.start()
    answers: list[Answer] = []
    try:
        for number in range(400):
            answers += filter(None, [guard(chance, tmp_path, watches)])
            if number % 50 == 0:
                watches.read()
    finally:
        over.set()
        thread.join()
    watches.read()
    watches.read()
    assert all(answer.stale or unchanged(answer.checks) for answer in answers)
