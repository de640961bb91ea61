"""``-t`` of mpmserver, many times: one process has everything imported, and forks for each configuration.

What starting an interpreter costs is paid once; each check still has a process, a working directory and standard
streams of its own. The protocol is a line of JSON in and a line of JSON out. Nothing of the server keeps state at
module level, so a forked process begins as a started one does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from tests.live_server import MODULES, PROJECT

CHECK_SECONDS = 20


class Checker:
    """The process that forks, as a context manager; for one thread."""

    def __init__(self) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.differential.checker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=CHECK_SECONDS)

    def run(self, folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        """Run the command line in ``folder``; a signal's number is a negative status, as subprocess has it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "arguments": list(arguments)}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        streams = (answer[name].encode("latin-1") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(list(arguments), answer["status"], *streams)


def serve() -> None:
    """Answer each line of standard input, until its end."""
    from mpmserver.modules.standard import BUILT_IN  # noqa: PLC0415 (this process has the server in it, others not)

    for name in ("mpmserver.commands.check", *(BUILT_IN[f"{name}_module"] for name in MODULES)):
        import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            pid = os.fork()
            if not pid:
                _check(asked["folder"], asked["arguments"], stdout, stderr)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            texts = {"stdout": _text(stdout), "stderr": _text(stderr)}
        print(json.dumps({"status": status, **texts}), flush=True)


def _check(folder: str, arguments: list[str], stdout: BinaryIO, stderr: BinaryIO) -> NoReturn:
    from mpmserver.cli import main  # noqa: PLC0415

    signal.alarm(CHECK_SECONDS)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    status = 1
    try:
        os.chdir(folder)
        sys.argv = [str(PROJECT / "mpmserver" / "__main__.py"), *arguments]
        status = main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 (shown, and never to go on as the process that forks)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _text(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode("latin-1")


if __name__ == "__main__":
    serve()
