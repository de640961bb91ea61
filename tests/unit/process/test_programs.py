"""The end of log programs: whoever reads ends by itself, the others are made to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mpmserver.process import programs
from mpmserver.process.programs import end_programs

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATIENCE_SECONDS", 0.2)


def status_of(program: subprocess.Popen[bytes]) -> None:
    """It has been collected: tell its Popen, and that nothing is left to be waited for."""
    with pytest.raises(ChildProcessError):
        os.waitpid(program.pid, os.WNOHANG)
    program.returncode = 0
    for stream in (program.stdin, program.stdout):
        if stream is not None:
            stream.close()


def test_a_program_that_saw_its_end_is_collected() -> None:
    program = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    assert program.stdin is not None
    program.stdin.close()
    end_programs([program.pid])
    status_of(program)


def test_a_stopped_and_a_deaf_program_are_killed() -> None:
    stopped = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    os.kill(stopped.pid, signal.SIGSTOP)
    deaf = subprocess.Popen([sys.executable, "-S", "-c", DEAF], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    deaf.stdout.read(1)
    end_programs([stopped.pid, deaf.pid])
    status_of(stopped)
    status_of(deaf)


def test_somebody_elses_process_is_let_be() -> None:
    end_programs([1])
