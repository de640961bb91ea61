"""Ten thousand files below 500 .htaccess files, walked by four clients while some of these are being rewritten.

Each rewrite has a number. An answer must come from a version that was in force while the request was on its way:
not older than the last one that was complete when it was sent, not newer than the last one begun when it came.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_server import LiveServer
from tests.wire_client import Response, parse_responses

MPMS = ("prefork", "worker", "event", "reactor")
TOPS, SUBS, FILES = 25, 19, 20
CLIENTS = 4
REWRITTEN = 40
"""So many folders get a new type again and again; three of the upper ones are locked and unlocked."""
LOCKED = 3
CONFIG = """
<Directory "${ROOT}/htdocs">
  AllowOverride All
</Directory>
KeepAlive On
MaxKeepAliveRequests 0
"""


class Versioned:
    """One .htaccess file: `begun` and `complete` are the numbers of its last rewrite."""

    def __init__(self, folder: Path, locks: bool) -> None:
        self.file = folder / ".htaccess"
        self.locks = locks
        self.begun = self.complete = 0
        self.write()

    def write(self) -> None:
        temporary = self.file.with_name("htaccess-new")
        temporary.write_text(self.content(self.begun))
        temporary.chmod(0o644)
        temporary.replace(self.file)

    def content(self, version: int) -> str:
        if self.locks:
            return f"Require all {'denied' if version % 2 else 'granted'}\n"
        return f"ForceType text/x-version-{version}\n"

    def rewrite(self) -> None:
        self.begun += 1
        self.write()
        self.complete = self.begun


class Tree:
    """The files on disk, by folder."""

    def __init__(self, root: Path) -> None:
        self.tops = [Path(f"top{number:02}") for number in range(TOPS)]
        self.folders = [*self.tops, *(top / f"sub{number:02}" for top in self.tops for number in range(SUBS))]
        self.versions: dict[Path, Versioned] = {}
        for folder in self.folders:
            place = root / folder
            place.mkdir()
            place.chmod(0o755)
            self.versions[folder] = Versioned(place, locks=folder in self.tops)
            for number in range(FILES):
                place.joinpath(f"{number:02}.txt").write_text(f"{folder}/{number:02}.txt\n" * (number + 1))

    def rewritten(self) -> list[Versioned]:
        """Those that change while the clients walk."""
        leaves = [self.versions[folder] for folder in self.folders[TOPS :: len(self.folders) // REWRITTEN]]
        return [*leaves, *(self.versions[top] for top in self.tops[:LOCKED])]


class Client(threading.Thread):
    """Asks for every fourth file of every folder, a folder's in one go."""

    def __init__(self, server: LiveServer, tree: Tree, number: int) -> None:
        super().__init__()
        self.server, self.tree, self.number = server, tree, number
        self.answered = 0
        self.wrong: list[str] = []
        self.denied = 0

    def run(self) -> None:
        folders = self.tree.folders
        start = self.number * len(folders) // CLIENTS
        with self.server.connect(30) as connection:
            for folder in folders[start:] + folders[:start]:
                self.visit(connection, folder)

    def visit(self, connection: socket.socket, folder: Path) -> None:
        numbers = range(self.number, FILES, CLIENTS)
        paths = [f"/{folder}/{number:02}.txt" for number in numbers]
        governing = [self.tree.versions[folder], self.tree.versions[Path(folder.parts[0])]]
        before = [each.complete for each in governing]
        connection.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths).encode())
        received = b""
        responses: list[Response] = []
        while len(responses) < len(paths) or not responses[-1].complete:
            data = connection.recv(262144)
            if not data:
                self.wrong.append(f"{folder}: the connection was closed after {received[-200:]!r}")
                return
            received += data
            responses, _rest = parse_responses(received, ("GET",))
        allowed = [range(first, each.begun + 1) for first, each in zip(before, governing, strict=True)]
        for path, number, response in zip(paths, numbers, responses, strict=True):
            self.judge(path, number, response, *allowed)

    def judge(self, path: str, number: int, response: Response, types: range, locks: range) -> None:
        self.answered += 1
        if response.status == 403:
            self.denied += 1
            fits = any(version % 2 for version in locks)
        else:
            kind = response.header("content-type") or ""
            expected = {f"text/x-version-{version}" for version in types} if "/sub" in path else {"text/plain"}
            fits = (
                response.status == 200
                and kind in expected
                and response.body == f"{path[1:]}\n".encode() * (number + 1)
                and any(version % 2 == 0 for version in locks)
            )
        if not fits:
            self.wrong.append(f"{path}: {response.status_line}, {response.headers}, versions {types} and {locks}")


@pytest.fixture(scope="module")
def tree() -> Iterator[tuple[Path, Tree]]:
    with tempfile.TemporaryDirectory(prefix="mpmserver-tree-") as name:  # pytest's own folders are locked for others
        docs = Path(name) / "htdocs"
        docs.mkdir()
        for each in (docs, docs.parent):
            each.chmod(0o755)
        yield docs.parent, Tree(docs)


@pytest.mark.parametrize("mpm", MPMS)
def test_every_answer_fits_a_version_that_was_in_force(tree: tuple[Path, Tree], mpm: str) -> None:
    root, files = tree
    assert sum(len(names) for _folder, _folders, names in os.walk(root / "htdocs")) == 10_000 + 500
    with LiveServer(CONFIG, mpm=mpm, root=root) as server:
        clients = [Client(server, files, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        rewrites = 0
        while any(client.is_alive() for client in clients):
            for version in files.rewritten():
                version.rewrite()
                rewrites += 1
                time.sleep(0.001)
        for client in clients:
            client.join()
        wrong = [text for client in clients for text in client.wrong]
        assert not wrong, f"{len(wrong)} wrong answers after {rewrites} rewrites, among them:\n" + "\n".join(wrong[:5])
        assert sum(client.answered for client in clients) == 10_000
        assert rewrites > 3 * REWRITTEN
        assert "Traceback" not in server.error_log()
