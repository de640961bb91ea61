"""Freshness against chance: whatever happens to a site, who remembers answers as one who never does.

Two worlds have the same configuration and the same files: one with Recall, kept fresh in either way, and one without.
Things happen to the files, everybody is asked the same, and the answers have to be the same to the byte, but for their
Date and an Expires that follows it. Modification times are set into the past, and now and then to what they were
before, so that no tag is a weak one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mpmserver.core.recall.memory import begin
from mpmserver.core.recall.room import Room
from mpmserver.core.world import World
from tests.memory import world
from tests.unit.core.recall.clients import RESTLESS, Client, head
from tests.unit.core.recall.kit import EXCHANGE

CONFIG = """
DirectoryIndex index.html b
ErrorDocument 404 /errors/missing.html
ErrorDocument 403 /errors/c
<Directory "{root}/htdocs">
Options FollowSymLinks
AllowOverride All
Require all granted
</Directory>
Alias /alias "{root}/htdocs/a"
<Location /flagged>
Require expr -f '{root}/htdocs/flag'
</Location>
<Files c>
Header set X-File c
</Files>
RewriteEngine On
RewriteMap names txt:{root}/map.txt
RewriteRule ^/mapped/(.*)$ /${{names:$1|b}}
RewriteCond %{{DOCUMENT_ROOT}}/flag -s
RewriteRule ^/asked /a/b
RewriteCond %{{DOCUMENT_ROOT}}%{{REQUEST_URI}} -d
RewriteCond %{{DOCUMENT_ROOT}}%{{REQUEST_URI}}/flag -f
RewriteRule ^(/.*[^/])$ $1/flag
"""
HTACCESS = (
    "Header set X-Seen 1\n", "Header set X-Seen 2\n", "Require all denied\n", "DirectoryIndex c\n",
    "Options -FollowSymLinks +SymLinksIfOwnerMatch\n", "Options -FollowSymLinks\n", "ErrorDocument 404 gone\n",
    "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . b\n", "ForceType text/x-own\n",
    "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} -l\nRewriteRule . - [G]\n", "", "",
    "<Files b>\nHeader set X-B b\n</Files>\n", "FallbackResource /a/b\n", "ExpiresActive On\nExpiresDefault M3600\n",
    "<If \"-f '%{DOCUMENT_ROOT}/flag'\">\nHeader set X-Flag on\n</If>\n", "RewriteEngine On\nRewriteRule ^b$ c/flag\n",
)  # fmt: skip
NAMES = ("a", "b", "c")
FILES = (".htaccess", ".htaccess", "index.html", "flag", "a", "b", "c")
OTHERS = ("flag", "map.txt", "errors/missing.html", "errors/c", "errors/.htaccess")
ASKED = ("/flagged", "/asked", "/mapped/one", "/mapped/two", "/alias", "/alias/b", "/alias/", "/errors/missing.html")
FIELDS = (
    "If-None-Match: {tag}",
    "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
    "Range: bytes=0-1",
    "User-Agent: x",
)
#: More than is kept in memory.
LARGE = 300_000
PAST = 1_000_000_000
DATE = re.compile(rb"\r\n(?:Date|Expires): [^\r]*")
STEPS = 60
#: So many requests are asked again in the next step.
KEPT = 8


def folder(chance: random.Random, top: Path, least: int = 1) -> Path:
    return top.joinpath("htdocs", *(chance.choice(NAMES) for _ in range(chance.randint(least, 2))))


def some_file(chance: random.Random, top: Path) -> Path:
    if chance.random() < 0.25:
        name = chance.choice(OTHERS)
        return top / name if name == "map.txt" else top / "htdocs" / name
    return folder(chance, top, 0) / chance.choice(FILES)


def content(chance: random.Random, path: Path) -> str:
    if path.name == ".htaccess":
        return chance.choice(HTACCESS) if chance.random() < 0.97 else "Nonsense\n"
    if path.name == "map.txt":
        return f"one {chance.choice(NAMES)}\ntwo {chance.choice(NAMES)}/{chance.choice(NAMES)}\n"
    return chance.choice(("", "1", "2", "3", "first\n", "other\n", chance.choice("45") * LARGE))


def aged(chance: random.Random, path: Path) -> None:
    """Some time in the past, often one that was there before."""
    moment = PAST + chance.choice((0, 0, 1, chance.randrange(1000)))
    os.utime(path, (moment, moment))


def write(chance: random.Random, path: Path, how: str) -> None:
    text = content(chance, path)
    if how == "r+":
        text = (text * 9)[: path.stat().st_size] or text
    if how == "over":
        other = path.with_name("new")
        other.write_text(text)
        aged(chance, other)
        other.rename(path)
        return
    with path.open(how) as file:
        file.write(text)
    aged(chance, path)


def exchange(one: Path, two: Path) -> None:
    ctypes.CDLL(None).renameat2(-100, os.fsencode(one), -100, os.fsencode(two), EXCHANGE)


def link(chance: random.Random, path: Path, other: Path) -> None:
    """A link in the place of whatever was there."""
    target = chance.choice((str(other), "b", "../b", "c/a", "../../htdocs/a", "a"))
    new = path.with_name("new")
    new.symlink_to(target)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    new.rename(path)


def rename(one: Path, two: Path) -> None:
    if two.is_dir() and not two.is_symlink():
        shutil.rmtree(two)
    one.rename(two)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


Happening = Callable[[random.Random, Path], object]
HAPPENINGS: tuple[Happening, ...] = (
    *[lambda chance, top: write(chance, some_file(chance, top), "w")] * 4,
    *[lambda chance, top: write(chance, some_file(chance, top), "r+")] * 3,
    *[lambda chance, top: write(chance, some_file(chance, top), "over")] * 3,
    *[lambda chance, top: folder(chance, top).mkdir()] * 2,
    lambda chance, top: link(chance, folder(chance, top), folder(chance, top)),
    lambda chance, top: link(chance, some_file(chance, top), some_file(chance, top)),
    lambda chance, top: rename(folder(chance, top), folder(chance, top)),
    lambda chance, top: rename(some_file(chance, top), some_file(chance, top)),
    lambda chance, top: exchange(folder(chance, top), folder(chance, top)),
    lambda chance, top: exchange(some_file(chance, top), some_file(chance, top)),
    lambda chance, top: os.link(some_file(chance, top), some_file(chance, top)),
    lambda chance, top: remove(some_file(chance, top)),
    lambda chance, top: remove(folder(chance, top)),
    lambda chance, top: folder(chance, top).chmod(chance.choice((0o755, 0o700, 0o711))),
    lambda chance, top: os.chown(folder(chance, top), chance.choice((0, 1)), -1, follow_symlinks=False),
    lambda chance, top: os.chown(some_file(chance, top), chance.choice((0, 1)), -1, follow_symlinks=False),
    lambda chance, top: aged(chance, some_file(chance, top)),
)


def happen(chance: random.Random, top: Path) -> None:
    """Do something to the site, or fail to."""
    with contextlib.suppress(OSError):
        chance.choice(HAPPENINGS)(chance, top)


def any_request(chance: random.Random, tags: Mapping[str, str]) -> bytes:
    names = [chance.choice((*NAMES, "b", "flag")) for _ in range(chance.randint(0, 3))]
    path = "/" + "/".join(names) + chance.choice(("", "", "/" if names else ""))
    path = chance.choice((path, path, path, chance.choice(ASKED)))
    fields = [chance.choice(FIELDS).format(tag=tags.get(path, '"x"'))] if chance.random() < 0.25 else []
    return head(path, *fields, method=chance.choice(("GET", "GET", "HEAD")))


class Pair:
    """Who remembers, and who doesn't."""

    def __init__(self, top: Path, blocking: bool) -> None:
        self.remembering, self.forgetful = (world(top, CONFIG.format(root=top)) for _ in range(2))
        self.remembering.recall = self.recall = begin(self.remembering.site, 1, blocking)
        assert self.recall is not None

    def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """What both answer."""
        if self.recall is not None and self.recall.watches is not None:
            self.recall.watches.read()
        now = time.time()
        return self._answer(self.remembering, data, now), self._answer(self.forgetful, data, now)

    @staticmethod
    def _answer(made: World, data: bytes, now: float) -> bytes:
        return DATE.sub(b"", Client(made).ask(data, now))


pytestmark = pytest.mark.usefixtures("restless", "eager")


@pytest.mark.parametrize("brief", [False, True], ids=["whole", "in brief"])
@pytest.mark.parametrize("blocking", [True, False], ids=["looks", "is told"])
@pytest.mark.parametrize("seed", range(2))
def test_no_answer_is_from_the_past(
    tmp_path: Path, blocking: bool, seed: int, brief: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    tmp_path.joinpath("htdocs", "errors").mkdir(parents=True)
    tmp_path.joinpath("map.txt").write_text("one a\n")
    pair = Pair(tmp_path, blocking)
    monkeypatch.setattr(Room, "is_ample", not brief)
    tags: dict[str, str] = {}
    asked: list[bytes] = []
    for step in range(STEPS):
        for _ in range(chance.choice((1, 1, 1, 3, 10))):
            happen(chance, tmp_path)
        if chance.random() < 0.5:
            time.sleep(1.4 * RESTLESS / 1e9)
        asked = [*asked[-KEPT:], *(any_request(chance, tags) for _ in range(3))]
        for data in (*asked, *asked):
            theirs, ours = reversed(pair.ask(data))
            assert theirs == ours, (seed, step, data)
            if tag := re.search(rb'\r\nETag: ("[^"]*")', ours):
                tags[data.split(b" ", 2)[1].decode()] = tag[1].decode()
    assert pair.recall is not None
    hits = pair.recall.hits + pair.recall.resource_hits
    assert hits > STEPS // 2
    assert not brief or pair.recall.resource_hits > STEPS // 2
