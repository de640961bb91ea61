"""A site of 3,000 .htaccess files with 18,000 rewrite rules starts at once, and reads what a request needs, no more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pytest

from mpmserver.core.htaccess import CACHE_SIZE
from tests.live_server import MODULES, LiveServer, family
from tests.memory import get, world

GROUPS, SITES, PLACES = 25, 10, 11
"""Folders in folders in folders: 25 + 250 + 2,750 files, six rules in each but the uppermost."""
FILES = GROUPS * (1 + SITES * (1 + PLACES)) - GROUPS
RULES = """RewriteEngine On
RewriteBase {path}
RewriteRule ^{name}-old-([0-9]+)\\.html$ new.txt?id=$1 [L]
RewriteCond %{{REQUEST_FILENAME}} !-f
RewriteRule ^shop/{name}/(.+)$ new.txt?item=$1 [L,QSA]
RewriteRule ^(?:archive|attic)/([a-z]+)-{name}$ - [G]
RewriteCond %{{HTTP_USER_AGENT}} "bad{name}bot|worse{name}spider" [NC]
RewriteRule .* - [F]
RewriteRule ^{name}/private(/|$) - [F,NC]
RewriteRule ^away-{name}$ https://other.example/{name} [R=301,L]
"""
OVERRIDE = '<Directory "{root}/htdocs">\nAllowOverride All\nOptions FollowSymLinks\n</Directory>\n'


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """The folder with all those files; `htdocs` of it is the site. pytest's own folders are locked for others."""
    with TemporaryDirectory(prefix="mpmserver-many-") as name:
        root = Path(name)
        root.chmod(0o755)
        write_files(root)
        yield root


def write_files(root: Path) -> None:
    written = 0
    for group in range(GROUPS):
        for site in range(SITES):
            top = Path(f"g{group}/s{site}")
            for folder in (top, *(top / f"p{place}" for place in range(PLACES))):
                place = root / "htdocs" / folder
                place.mkdir(parents=True)
                place.joinpath("new.txt").write_text(f"{folder}\n")
                place.joinpath(".htaccess").write_text(RULES.format(path=f"/{folder}/", name="".join(folder.parts)))
                written += 1
    assert written == FILES == 3000


class Counted:
    """A site in memory whose parsed files are counted."""

    def __init__(self, root: Path) -> None:
        self.world = world(root, OVERRIDE.format(root=root))
        self.files = self.world.resolver._htaccess

    def status(self, path: str) -> int:
        """Ask for a path."""
        return get(self.world, path).status


@pytest.fixture
def made(tree: Path) -> Counted:
    return Counted(tree)


def test_a_file_is_parsed_when_a_request_comes_by_and_once(made: Counted) -> None:
    assert made.files.parses == 0
    assert get(made.world, "/g3/s4/p5/g3s4p5-old-7.html").body == b"g3/s4/p5\n"
    assert made.files.parses == 2, "the one of s4 and the one of p5"
    for path, status in (("archive/x-g3s4p5", 410), ("away-g3s4p5", 301), ("g3s4p5/private", 403), ("new.txt", 200)):
        assert made.status(f"/g3/s4/p5/{path}") == status
    assert made.files.parses == 2
    assert (made.status("/g3/s4/new.txt"), made.status("/new.txt")) == (200, 404)
    assert made.files.parses == 2
    assert made.status("/g3/s4/p6/new.txt") == 200
    assert made.files.parses == 3


def test_who_walks_a_part_twice_has_each_file_parsed_once(made: Counted) -> None:
    part = [
        f"/g{group}/s{site}/p{place}/new.txt" for group in (0, 9) for site in range(SITES) for place in range(PLACES)
    ]
    for _round in range(2):
        assert {made.status(path) for path in part} == {200}
        assert made.files.parses == 2 * SITES * (1 + PLACES)
    assert FILES < CACHE_SIZE, "the whole site is kept"


def used(server: LiveServer) -> float:
    """Seconds of the processor that the server and its children have used: how busy the machine is hardly matters."""
    ticks = 0
    for process in family(server.pid):
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="latin-1")
        ticks += sum(map(int, stat[stat.rindex(")") + 2 :].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def started(docs: str, path: str) -> tuple[float, float]:
    """What is used from the start to the first accepted connection, and from the first request to its answer."""
    config = f'DocumentRoot "{docs}/htdocs"\n{OVERRIDE.format(root=docs)}'
    server = LiveServer(config, modules=(*MODULES, "rewrite"), files={"htdocs/new.txt": "the only one\n"})
    with server:
        ready = used(server)
        assert server.get(path).status == 200
        return ready, used(server) - ready


def test_it_starts_and_answers_like_an_empty_site(tree: Path) -> None:
    """Alternately, the middle of three: what else the machine does meets both."""
    pairs = [(started(str(tree), "/g3/s4/p5/new.txt"), started("${ROOT}", "/new.txt")) for _round in range(3)]
    full_start, empty_start = (median(pair[which][0] for pair in pairs) for which in (0, 1))
    full_answer, empty_answer = (median(pair[which][1] for pair in pairs) for which in (0, 1))
    assert full_start < empty_start * 1.5 + 0.1
    assert full_answer < empty_answer + 0.2
