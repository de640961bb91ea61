"""Configurations that are wrong (or only just right): ``-t`` of both servers, its output and exit status compared.

``badconfig.conf`` holds the snippets, each below a line ``### title``. Each is written to one file, included by a main
file with the modules, so that both servers name the same file and line. A line ``# arguments: -S`` in a snippet asks
for something else than ``-t`` (never for a start), ``# unordered`` sorts the lines of an output that Apache takes from
a hash.
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
    asked = re.search(r"^# arguments: (.*)$", text, re.MULTILINE)
    arguments = asked[1].split() if asked else ["-t"]
    theirs, ours = (_check(server, folder, arguments) for server in ("apache", subject))
    if re.search("^# unordered$", text, re.MULTILINE):
        for found in (theirs, ours):
            found["stdout"] = "\n".join(sorted(found["stdout"].splitlines()))
    return [Difference(NAME, title, key, theirs[key], ours[key]) for key in theirs if theirs[key] != ours[key]]


def _check(server: str, folder: Path, arguments: Sequence[str]) -> dict[str, str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [*SERVERS[server].command(), "-d", str(folder), "-f", str(folder / "conf/httpd.conf"), *arguments],
        capture_output=True, timeout=CHECK_SECONDS, env=environment, cwd=folder, check=False,
    )  # fmt: skip
    stdout, stderr = (data.decode("utf-8", errors="backslashreplace") for data in (done.stdout, done.stderr))
    stderr = re.sub(
        r"^(AH\d+: )?(apache2|mpmserver|httpd): ", r"\1{program}: ", STAMP.sub(r"\1 ", stderr), flags=re.MULTILINE
    )
    stderr = re.sub(r"(?<=Usage: )\S+|^ +(?=\[)", "{program}", stderr, flags=re.MULTILINE)
    found = {"exit": str(done.returncode), "stderr": stderr, "stdout": stdout}
    return {key: text.replace(str(folder), "{run}") for key, text in found.items()}
