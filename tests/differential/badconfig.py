"""Configurations that are wrong (or only just right): ``-t`` of both servers, its stderr and exit status compared.

``badconfig.conf`` holds the snippets, each below a line ``### title``. Each is written to one file, included by a main
file with the modules, so that both servers name the same file and line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.differential.case import HOST_NAME
from tests.differential.compare import Difference
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.replay import SERVERS
from tests.live_server import MIME_TYPES, PROJECT, free_port, server_head

NAME = "badconfig"
SNIPPETS = Path(__file__).resolve().parent / "badconfig.conf"
CHECK_SECONDS = 20.0
STAMP = re.compile(r"^\[\w{3} \w{3} [^\]]*\] (\[[^\]]*\]) \[pid \d+(?::tid \d+)?\] ", re.MULTILINE)


def snippets() -> dict[str, str]:
    """Title to text, in the file's order; ``ValueError`` for a title that stands twice."""
    _, *pieces = re.split(r"^### (.*)\n", SNIPPETS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, str] = {}
    for title, text in zip(pieces[::2], pieces[1::2], strict=True):
        if title in found:
            raise ValueError(f"{SNIPPETS.name}: {title!r} stands twice")
        found[title] = text.rstrip("\n") + "\n"
    return found


def run(subject: str, entries: Sequence[Entry]) -> Verdict:
    """Compare ``-t`` of Apache and ``subject`` on every snippet."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    try:
        _lay_out(folder)
        found = {title: list(_differences(title, text, folder, subject)) for title, text in snippets().items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return judge(NAME, dict.fromkeys(found, 1), found, entries)


def _lay_out(folder: Path) -> None:
    folder.chmod(0o755)
    for name in ("conf", "logs", "htdocs"):
        folder.joinpath(name).mkdir()
    folder.joinpath("conf/mime.types").write_bytes(MIME_TYPES.read_bytes())
    text = server_head(folder, free_port(), "event")
    text += f'ServerName {HOST_NAME}\nDocumentRoot "{folder}/htdocs"\nInclude "{folder}/conf/snippet.conf"\n'
    folder.joinpath("conf/httpd.conf").write_text(text, encoding="utf-8")


def _differences(title: str, text: str, folder: Path, subject: str) -> list[Difference]:
    folder.joinpath("conf/snippet.conf").write_text(text.replace("${ROOT}", str(folder)), encoding="utf-8")
    theirs, ours = (_check(server, folder) for server in ("apache", subject))
    return [Difference(NAME, title, key, theirs[key], ours[key]) for key in theirs if theirs[key] != ours[key]]


def _check(server: str, folder: Path) -> dict[str, str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [*SERVERS[server].command(), "-d", str(folder), "-f", str(folder / "conf/httpd.conf"), "-t"],
        capture_output=True, timeout=CHECK_SECONDS, env=environment, cwd=folder, check=False,
    )  # fmt: skip
    stderr = done.stderr.decode("utf-8", errors="backslashreplace").replace(str(folder), "{run}")
    stderr = re.sub(r"^(apache2|mpmserver|httpd): ", "{program}: ", STAMP.sub(r"\1 ", stderr), flags=re.MULTILINE)
    return {"exit": str(done.returncode), "stderr": stderr, "stdout": done.stdout.decode("utf-8", errors="replace")}
