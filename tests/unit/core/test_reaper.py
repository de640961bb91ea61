"""The reaper with real programs: collected, ended politely, ended by force, and never another's."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpmserver.core import reaper as module
from mpmserver.core.reaper import Reaper


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reaper]:
    monkeypatch.setattr(module, "KILL_AFTER_SECONDS", 0.2)
    made = Reaper()
    yield made
    made.close()


@pytest.fixture
def patient(reaper: Reaper, monkeypatch: pytest.MonkeyPatch) -> Reaper:
    """One that nobody can be too slow for."""
    monkeypatch.setattr(module, "KILL_AFTER_SECONDS", 60.0)
    return reaper


def start(script: str, first: str = "") -> subprocess.Popen[bytes]:
    """Start a shell script as the leader of its process group; it has done `first` when this returns."""
    text = f"{first}\necho $$\n{script}"
    program = subprocess.Popen(["/bin/sh", "-c", text], stdout=subprocess.PIPE, start_new_session=True)
    assert program.stdout is not None
    assert program.stdout.readline()
    program.stdout.close()
    program.returncode = 0  # nobody but the reaper waits for it
    return program


def gone(pid: int) -> bool:
    """Whether a process disappears; as a zombie too, where it is ours to collect."""
    return becomes(lambda: not _is_there(pid))


def becomes(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it holds before long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _is_there(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return False
    state, parent = stat[stat.rindex(")") + 2 :].split()[:2]
    return state != "Z" or int(parent) == os.getpid()


def test_an_ended_program_is_collected(reaper: Reaper) -> None:
    for script in ("exit 0", "sleep 0.1; exit 3"):
        program = start(script)
        reaper.hand_over(program.pid, kill=False)
        assert gone(program.pid)


def test_a_running_program_is_left_alone_for_a_while_and_then_ended(reaper: Reaper) -> None:
    program = start("exec sleep 60")
    began = time.monotonic()
    reaper.hand_over(program.pid, kill=False)
    assert gone(program.pid)
    assert time.monotonic() - began >= 0.19


def test_what_it_left_in_the_background_goes_on(patient: Reaper, tmp_path: Path) -> None:
    program = start(f"(sleep 0.5; echo done >{tmp_path}/done) </dev/null >/dev/null 2>&1 & exit 0")
    patient.hand_over(program.pid, kill=False)
    assert gone(program.pid)
    assert becomes(tmp_path.joinpath("done").exists)


def test_a_kill_is_polite_first(patient: Reaper, tmp_path: Path) -> None:
    program = start("while :; do sleep 0.01; done", f"trap 'echo asked >{tmp_path}/asked; exit' TERM")
    patient.hand_over(program.pid, kill=True)
    assert gone(program.pid)
    assert tmp_path.joinpath("asked").read_text() == "asked\n"


def test_who_does_not_listen_is_killed_with_all_its_group(reaper: Reaper, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = start("while :; do sleep 0.05; done", f"trap '' TERM; sleep 60 & echo $! >{note}")
    began = time.monotonic()
    reaper.hand_over(program.pid, kill=True)
    assert gone(program.pid)
    assert gone(int(note.read_text()))
    assert time.monotonic() - began >= 0.19


def test_the_group_ends_with_its_leader(reaper: Reaper, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = start("wait", f"(trap '' TERM; echo go >{note}.ready; exec sleep 60) & echo $! >{note}")
    assert becomes(tmp_path.joinpath("pid.ready").exists)
    reaper.hand_over(program.pid, kill=True)
    assert gone(int(note.read_text()))


def test_many_from_many_threads(reaper: Reaper) -> None:
    programs = [start("sleep 0.05") for _each in range(20)]
    threads = [
        threading.Thread(target=reaper.hand_over, args=(program.pid, number % 2 == 0))
        for number, program in enumerate(programs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(gone(program.pid) for program in programs)


def test_it_takes_nobody_elses_child(reaper: Reaper) -> None:
    other = start("exit 7")
    other.returncode = None
    program = start("exit 0")
    reaper.hand_over(program.pid, kill=False)
    assert gone(program.pid)
    assert other.wait() == 7


def test_close_ends_what_still_runs(reaper: Reaper) -> None:
    program = start("while :; do sleep 0.05; done", "trap '' TERM")
    reaper.hand_over(program.pid, kill=False)
    reaper.close()
    assert gone(program.pid)


def test_no_descriptor_stays_open(reaper: Reaper) -> None:
    reaper.hand_over(start("sleep 0.05").pid, kill=False)
    before = len(os.listdir("/proc/self/fd"))
    for _round in range(4):
        programs = [start("sleep 0.01") for _each in range(5)]
        for program in programs:
            reaper.hand_over(program.pid, kill=True)
        assert all(gone(program.pid) for program in programs)
        assert becomes(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_it_waits_for_a_descriptor(reaper: Reaper, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.pidfd_open
    failures = [OSError(24, "Too many open files")] * 2

    def pidfd_open(pid: int) -> int:
        if failures:
            raise failures.pop()
        return opened(pid)

    monkeypatch.setattr(os, "pidfd_open", pidfd_open)
    program = start("sleep 0.3")
    reaper.hand_over(program.pid, kill=False)
    assert gone(program.pid)
    assert not failures
