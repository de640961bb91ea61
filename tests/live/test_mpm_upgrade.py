"""An upgrade in place: the package's files change, a graceful restart runs the new ones, old children the old ones."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.live.slow import MPMS, SlowServer, answer, generations
from tests.live.test_process_imports import WATCH
from tests.live_server import PROJECT, wait_until


@pytest.mark.parametrize("mpm", MPMS)
def test_new_code_runs_after_a_graceful_restart(mpm: str, tmp_path: Path) -> None:
    package = tmp_path / "lib" / "mpmserver"
    shutil.copytree(PROJECT / "mpmserver", package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    server = SlowServer(mpm, "LoadModule watch_module watch_imports\n")
    server.write("watch_imports.py", WATCH)
    imports = server.write("logs/imports", "")
    imports.chmod(0o666)
    server.environment["PYTHONPATH"] = f"{package.parent}{os.pathsep}{server.root}"
    with server:
        old = server.get("/a.txt").header("server")
        running = server.begin("1")
        init = package / "__init__.py"
        init.write_text(init.read_text().replace("__version__ = ", "__version__ = '77.' + "))
        server.signal(signal.SIGUSR1)
        wait_until(lambda: 2 in generations(server), 20, "the new generation")
        wait_until(lambda: "mpmserver/77." in str(server.get("/a.txt").header("server")), 20, "the new code's answer")
        server.let_go()
        text = answer(running)
        assert "done 1" in text
        assert f"Server: {old}\r\n" in text, "the old child answers what it had begun, as what it is"
        running.close()
        wait_until(lambda: generations(server) == {2}, 15, "the old children's end")
        server.stop()
        assert imports.read_text() == ""
