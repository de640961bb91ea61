"""Configurations that are wrong (or only just right): ``-t`` of both servers, its output and exit status compared.

``badconfig.conf`` holds the snippets, each below a line ``### title``. Each is written to one file, included by a main
file with the modules, so that both servers name the same file and line. A line ``# arguments: -S`` in a snippet asks
for something else than ``-t`` (never for a start), ``# unordered`` sorts the lines of an output that Apache takes from
a hash. Apache is started for each, ours forked off one process (``checker.py``); several threads share the snippets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.differential.case import HOST_NAME
from tests.differential.checker import CHECK_SECONDS, Checker
from tests.differential.compare import Difference
from tests.differential.explain import Entry, Verdict, judge
from tests.differential.replay import SERVERS
from tests.live_server import MIME_TYPES, free_port, server_head

NAME = "badconfig"
SNIPPETS = Path(__file__).resolve().parent / "badconfig.conf"
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


def run(subject: str, entries: Sequence[Entry], at_once: int = 2) -> Verdict:
    """Compare ``-t`` of Apache and ``subject`` on every snippet."""
    titles = list(snippets())
    with ThreadPoolExecutor(at_once) as pool:
        shares = pool.map(partial(_share, subject), [titles[first::at_once] for first in range(at_once)])
        differing = {title: items for share in shares for title, items in share.items()}
    return judge(NAME, dict.fromkeys(titles, 1), {title: differing[title] for title in titles}, entries)


def _share(subject: str, titles: Sequence[str]) -> dict[str, list[Difference]]:
    """The differences of some of the snippets, in a folder and with a checker of their own."""
    folder = Path(tempfile.mkdtemp(prefix="mpmserver-diff-"))
    texts = snippets()
    try:
        _lay_out(folder)
        with Checker() as checker:
            return {title: _differences(title, texts[title], folder, subject, checker) for title in titles}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lay_out(folder: Path) -> None:
    folder.chmod(0o755)
    for name in ("conf", "logs", "htdocs"):
        folder.joinpath(name).mkdir()
    folder.joinpath("conf/mime.types").write_bytes(MIME_TYPES.read_bytes())
    text = server_head(folder, free_port(), "event")
    text += f'ServerName {HOST_NAME}\nDocumentRoot "{folder}/htdocs"\nInclude "{folder}/conf/snippet.conf"\n'
    folder.joinpath("conf/httpd.conf").write_text(text, encoding="utf-8")


def _differences(title: str, text: str, folder: Path, subject: str, checker: Checker) -> list[Difference]:
    folder.joinpath("conf/snippet.conf").write_text(text.replace("${ROOT}", str(folder)), encoding="utf-8")
    asked = re.search(r"^# arguments: (.*)$", text, re.MULTILINE)
    arguments = asked[1].split() if asked else ["-t"]
    theirs, ours = (_check(server, folder, arguments, checker) for server in ("apache", subject))
    if re.search("^# unordered$", text, re.MULTILINE):
        for found in (theirs, ours):
            found["stdout"] = "\n".join(sorted(found["stdout"].splitlines()))
    return [Difference(NAME, title, key, theirs[key], ours[key]) for key in theirs if theirs[key] != ours[key]]


def _check(server: str, folder: Path, arguments: Sequence[str], checker: Checker) -> dict[str, str]:
    arguments = ["-d", str(folder), "-f", str(folder / "conf/httpd.conf"), *arguments]
    if server == "apache":
        done = subprocess.run(
            [*SERVERS[server].command(), *arguments],
            capture_output=True, timeout=CHECK_SECONDS, env={"PATH": os.environ["PATH"]}, cwd=folder, check=False,
        )  # fmt: skip
    else:
        done = checker.run(folder, arguments)
    stdout, stderr = (data.decode("utf-8", errors="backslashreplace") for data in (done.stdout, done.stderr))
    stderr = re.sub(
        r"^(AH\d+: )?(apache2|mpmserver|httpd): ", r"\1{program}: ", STAMP.sub(r"\1 ", stderr), flags=re.MULTILINE
    )
    stderr = re.sub(r"(?<=Usage: )\S+|^ +(?=\[)", "{program}", stderr, flags=re.MULTILINE)
    found = {"exit": str(done.returncode), "stderr": stderr, "stdout": stdout}
    return {key: text.replace(str(folder), "{run}") for key, text in found.items()}
