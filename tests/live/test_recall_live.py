"""Files that change under load: no answer is ever from the past, whatever is remembered, in any MPM.

A writer changes a file, and the `.htaccess` beside it, in every way there is; clients ask all the time. What a client
gets must be what was there at some moment between its asking and its answer. Between two changes is time enough for
answers to be remembered (a file that has changed within the last two seconds is not), and they must have been.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from tests.live_server import HOST, LiveServer

PAIRINGS = [
    ("prefork", ""),
    ("worker", ""),
    ("event", ""),
    ("reactor", "Multiplexer epoll"),
    ("reactor", "Multiplexer poll"),
    ("reactor", "Multiplexer select"),
]
CONFIG = """
Recall On
MaxKeepAliveRequests 0
<Directory "${ROOT}">
Require all granted
AllowOverride All
</Directory>
<Location "/server-status">
SetHandler server-status
</Location>
"""
PAUSE = 2.6
CLIENTS = 3
BREATH = 0.002
"""A client's pause behind an answer: who never pauses only takes the processor from those who answer."""


@dataclass
class Page:
    """A file with the number of its version in it, and which versions there may be at the moment."""

    path: Path
    begun: int = 0
    done: int = 0
    missing: int = 0
    """The number of the last version before which there was none for a while."""

    def change(self, kind: Callable[[Path, bytes], None]) -> None:
        if kind is recreate:
            self.missing = self.begun + 1
        self.begun += 1
        kind(self.path, self.text(self.begun))
        self.done = self.begun

    def text(self, version: int) -> bytes:
        return b"%08d\n" % version


def overwrite(path: Path, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, text, 0)
    os.close(descriptor)


def rename_over(path: Path, text: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(text)
    other.rename(path)


def through_another_name(path: Path, text: bytes) -> None:
    other = path.with_name("other")
    os.link(path, other)
    overwrite(other, text)
    other.unlink()


def recreate(path: Path, text: bytes) -> None:
    path.unlink()
    descriptor = os.open(path.with_name("new"), os.O_WRONLY | os.O_CREAT, 0o644)
    os.write(descriptor, text)
    os.close(descriptor)
    path.with_name("new").rename(path)


def exchange_folders(path: Path, text: bytes) -> None:
    """The folder above leads to another one from now on."""
    link = path.parent
    other = link.with_name(f"folder{time.time_ns()}")
    other.mkdir()
    (other / ".htaccess").write_bytes((link / ".htaccess").read_bytes())
    (other / path.name).write_bytes(text)
    new = link.with_name("link")
    new.symlink_to(other.name)
    new.rename(link)


CHANGES = (overwrite, rename_over, recreate, through_another_name, exchange_folders, overwrite, rename_over)


@dataclass
class Watched:
    """One server with its page, its header, and what clients found wrong."""

    server: LiveServer
    page: Page
    header: Page
    wrong: list[str] = field(default_factory=list)
    answers: int = 0
    over: bool = False

    def ask(self, anew: bool, apart: bool) -> None:
        """One client: over and over until all is over; `anew`: never for the same, so that nothing of it is remembered.

        What such requests have in common is the way to their folder, and that is remembered. `apart`: each on a
        connection of its own, which may come when a loop has heard of changes and is about to accept.
        """
        client = HTTPConnection(HOST, self.server.port, timeout=10)
        for number in count():
            if self.over:
                break
            least, least_header = self.page.done, self.header.done
            client.request("GET", f"/site/page.txt?{number}" if anew else "/site/page.txt")
            response = client.getresponse()
            body = response.read()
            self.answers += 1
            if apart:
                client.close()  # the next request opens another
            time.sleep(BREATH)
            if response.status in (403, 404) and least < self.page.missing:
                continue  # 403, as Apache's, where it was found but could not be opened any more
            version = int(body) if response.status == 200 else -response.status
            if not least <= version <= self.page.begun:
                self.wrong.append(f"got {version} when {least} was there, {self.page.begun} at most")
            shown = int(response.getheader("X-Version", "-1"))
            if not least_header <= shown <= self.header.begun:
                self.wrong.append(f"got header {shown} when {least_header} was there")
        client.close()

    def change(self) -> None:
        for kind in CHANGES:
            time.sleep(PAUSE)
            self.page.change(kind)
            if kind is overwrite:
                time.sleep(PAUSE)
                self.header.change(lambda path, text: rename_over(path, b"Header set X-Version " + text))
        time.sleep(PAUSE)
        self.over = True


def test_no_answer_is_from_the_past() -> None:
    with ExitStack() as stack:
        watched = [_start(stack, mpm, extra) for mpm, extra in PAIRINGS]
        threads = [
            threading.Thread(target=each.ask, args=(client == 0, client == 1))
            for each in watched for client in range(CLIENTS)
        ]
        threads += [threading.Thread(target=each.change) for each in watched]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        for each in watched:
            assert not each.wrong, f"{each.server.mpm}: {each.wrong[:5]} of {len(each.wrong)} in {each.answers}"
            assert each.answers > 100
            report = each.server.get("/server-status?auto").body.decode()
            assert each.server.recalled() > 50, f"{each.server.mpm} {report}"
            assert "Traceback" not in each.server.error_log()


def _start(stack: ExitStack, mpm: str, extra: str) -> Watched:
    files = {"htdocs/first/page.txt": "00000000\n", "htdocs/first/.htaccess": "Header set X-Version 0\n"}
    server = LiveServer(CONFIG + extra + "\n", mpm=mpm, modules=("headers", "authz_core", "status"), files=files)
    site = server.root / "htdocs" / "site"
    site.symlink_to("first")
    stack.enter_context(server)
    return Watched(server, Page(site / "page.txt"), Page(site / ".htaccess"))
