"""git over http through `git http-backend`, and gitweb, as CGI scripts: large streams both ways, gzip'd bodies.

A small repository under each MPM, one of more than 100 MiB under one of them; gitweb in curl's and Chromium's eyes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import UNPRIVILEGED, LiveServer, wait_until
from tests.require import require_file, require_tool

MPMS = ("prefork", "worker", "event", "reactor")
MEGABYTE = 1 << 20
BRANCHES = 40
"""Wanting so many makes a request of more than 1,024 bytes, which git compresses."""
CONFIG = """
SetEnv GIT_PROJECT_ROOT "${ROOT}/repositories"
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnv GIT_CONFIG_COUNT 1
SetEnv GIT_CONFIG_KEY_0 safe.directory
SetEnv GIT_CONFIG_VALUE_0 *
SetEnv GITWEB_CONFIG "${ROOT}/conf/gitweb.conf"
ScriptAlias /git/ BACKEND/
Alias /static/ GITWEB/static/
ScriptAlias /gitweb GITWEB/gitweb.cgi
LogFormat "%m %U%q %>s %{Content-Encoding}i" git
CustomLog "${ROOT}/logs/git.log" git
"""
GITWEB_CONFIG = """
$projectroot = "ROOT/repositories";
@stylesheets = ("/static/gitweb.css");
$javascript = "/static/gitweb.js";
$logo = "/static/git-logo.png";
$favicon = "/static/git-favicon.png";
$feature{'snapshot'}{'default'} = ['tgz'];
1;
"""


class Git:
    """git as a client, with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.program = require_tool("git")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example",
        }  # fmt: skip

    def __call__(self, *arguments: str | Path, at: Path | None = None, data: bytes = b"") -> str:
        """Run a command; returns what it printed. Fails the test where git fails."""
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=at, env=self.environment, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
            check=False,
        )  # fmt: skip
        text = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"git {' '.join(map(str, arguments))}:\n{text}"
        return text.strip()


def history() -> bytes:
    """A stream for `git fast-import`: a file on main, and BRANCHES branches with a commit each."""
    who = "committer A <a@example> 1700000000 +0000\n"
    lines = [f"commit refs/heads/main\nmark :1\n{who}data 5\nfirstM 644 inline read.me\ndata 12\nhello, world\n"]
    lines += [
        f"commit refs/heads/branch-{number}\n{who}data 1\nxfrom :1\nM 644 inline file\ndata <<END\n{number}\nEND\n"
        for number in range(BRANCHES)
    ]
    return "\n".join(lines).replace("firstM", "first\nM").replace("xfrom", "x\nfrom").encode()


def bare(git: Git, path: Path) -> None:
    """Make an empty repository on the server's side, which anybody may push to."""
    git("init", "-q", "--bare", "-b", "main", path)
    git("config", "http.receivepack", "true", at=path)


def hand_to_server(path: Path) -> None:
    """The scripts run as the server's user."""
    if os.geteuid() == 0:
        for each in (path, *path.rglob("*")):
            shutil.chown(each, UNPRIVILEGED, UNPRIVILEGED)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(tmp_path)


def start(mpm: str, git: Git) -> LiveServer:
    backend = require_tool("git-http-backend")
    gitweb = require_file(["/usr/share/gitweb/gitweb.cgi"]).parent
    config = CONFIG.replace("BACKEND", backend).replace("GITWEB/", f"{gitweb}/")
    server = LiveServer(config, mpm=mpm)
    server.write("conf/gitweb.conf", GITWEB_CONFIG.replace("ROOT", str(server.root)))
    repositories = server.root / "repositories"
    repositories.mkdir(mode=0o755)
    bare(git, repositories / "small.git")
    git("fast-import", "--quiet", at=repositories / "small.git", data=history())
    git("update-server-info", at=repositories / "small.git")
    bare(git, repositories / "large.git")
    hand_to_server(repositories)
    return server


@pytest.fixture(params=MPMS)
def server(request: pytest.FixtureRequest, git: Git) -> Iterator[LiveServer]:
    with start(request.param, git) as live:
        yield live


def commit(git: Git, work: Path, name: str, content: bytes) -> str:
    work.joinpath(name).write_bytes(content)
    git("add", name, at=work)
    git("commit", "-q", "-m", name, at=work)
    return git("rev-parse", "HEAD", at=work)


def logged(server: LiveServer, *lines: str) -> None:
    """Wait until these lines are in the log: one is written after the answer that it is about."""
    log = server.root.joinpath("logs", "git.log")
    for line in lines:
        wait_until(lambda line=line: line in log.read_text().splitlines(), 10, f"the log line {line}")  # type: ignore[misc]


def test_clone_fetch_and_push(server: LiveServer, git: Git, tmp_path: Path) -> None:
    url = f"{server.url}/git/small.git"
    one, two = tmp_path / "one", tmp_path / "two"
    git("clone", "-q", url, one)
    git("clone", "-q", url, two)
    assert one.joinpath("read.me").read_bytes() == b"hello, world"
    pushed = commit(git, one, "new", b"pushed\n" * 1000)
    git("push", "-q", "origin", "main", at=one)
    git("fetch", "-q", at=two)
    assert git("rev-parse", "origin/main", at=two) == pushed
    git("fsck", "--strict", at=two)
    logged(server, "POST /git/small.git/git-upload-pack 200 gzip", "POST /git/small.git/git-receive-pack 200 -")
    assert server.error_log().count(":error]") == 0, server.error_log()


def test_a_repository_of_more_than_100_mebibytes(git: Git, tmp_path: Path) -> None:
    sizes = (60 * MEGABYTE, 45 * MEGABYTE, 1 * MEGABYTE)
    contents = [os.urandom(size) for size in sizes]
    work = tmp_path / "work"
    git("init", "-q", "-b", "main", work)
    git("config", "core.compression", "0", at=work)
    for number, content in enumerate(contents[:2]):
        commit(git, work, f"blob-{number}", content)
    with start("event", git) as server:
        url = f"{server.url}/git/large.git"
        git("-c", "pack.window=0", "push", "-q", url, "main", at=work)
        clone = tmp_path / "clone"
        git("clone", "-q", url, clone)
        for number, content in enumerate(contents[:2]):
            found = clone.joinpath(f"blob-{number}").read_bytes()
            assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
        pushed = commit(git, clone, "blob-2", contents[2])
        git("push", "-q", "origin", "main", at=clone)
        git("fetch", "-q", url, "main", at=work)
        assert git("rev-parse", "FETCH_HEAD", at=work) == pushed
        assert server.error_log().count(":error]") == 0, server.error_log()


def test_gitweb_in_a_browsers_eyes(server: LiveServer, tmp_path: Path) -> None:
    curl, chromium = require_tool("curl"), require_tool("chromium")

    def fetch(query: str) -> bytes:
        return subprocess.run([curl, "-sSf", f"{server.url}/gitweb{query}"], check=True, capture_output=True).stdout

    assert b"small.git" in fetch("")
    assert b"branch-7" in fetch("?p=small.git;a=heads")
    assert fetch("?p=small.git;a=blob_plain;f=read.me") == b"hello, world"
    assert fetch("?p=small.git;a=snapshot;h=main;sf=tgz").startswith(b"\x1f\x8b")
    page = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"{server.url}/gitweb?p=small.git;a=summary",
        ],
        check=True, capture_output=True, timeout=60, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    ).stdout.decode()  # fmt: skip
    assert "branch-" in page
    assert "</html>" in page
    logged(server, "GET /static/gitweb.css 200 -", "GET /static/gitweb.js 200 -")
