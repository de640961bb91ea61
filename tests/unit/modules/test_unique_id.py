"""mod_unique_id: the shape of the identifiers, that none comes twice, and that a request keeps its own."""

from __future__ import annotations

import base64
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from mpmserver.core.errorlog_format import log_ids
from mpmserver.core.redirect import redirected
from mpmserver.modules.unique_id import MODULE, Generator, UniqueIdServer, make_log_id
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "unique_id")
GRANTED = "<Directory />\nRequire all granted\n</Directory>\n"


def kit(root: Path, config: str = "") -> SiteKit:
    made = SiteKit(root, GRANTED + config, MODULES)
    made.file("a.txt")
    return made


def test_the_shape(tmp_path: Path) -> None:
    x = kit(tmp_path).exchange("/a.txt")
    x.request_time = 1700000000.9
    text = make_log_id(x)
    assert re.fullmatch("[A-Za-z0-9_-]{27}", text)
    data = base64.urlsafe_b64decode(text + "=")
    assert int.from_bytes(data[:4], "big") == 1700000000
    assert int.from_bytes(data[16:], "big") == x.peer.number


def test_the_counter_rolls_over(tmp_path: Path) -> None:
    x = kit(tmp_path).exchange("/a.txt")
    generator = Generator()
    assert len({generator.make(x) for _ in range(1 << 16)}) == 1 << 16
    assert generator.make(x)  # and the next one begins again


def test_no_identifier_comes_twice_from_many_threads(tmp_path: Path) -> None:
    x = kit(tmp_path).exchange("/a.txt")
    generator, made = Generator(), list[str]()
    threads = [
        threading.Thread(target=lambda: made.extend([generator.make(x) for _ in range(2000)])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16000


def test_children_have_roots_of_their_own(tmp_path: Path) -> None:
    site = kit(tmp_path).site
    generator = site.main[UniqueIdServer].generator
    assert generator is not None and MODULE.child_init is not None
    read, write = os.pipe()
    x = kit(tmp_path).exchange("/a.txt")
    for _ in range(2):
        if os.fork() == 0:
            MODULE.child_init(cast(Any, SimpleNamespace(site=site)))
            os.write(write, base64.urlsafe_b64decode(generator.make(x) + "=")[4:14].hex().encode() + b"\n")
            os._exit(0)
        os.wait()
    os.close(write)
    with open(read) as roots:
        assert len({generator.make(x)[:0], *roots.read().split()}) == 3


def test_a_request_has_one(tmp_path: Path) -> None:
    x = kit(tmp_path).get("/a.txt").x
    assert len(x.env["UNIQUE_ID"]) == 27
    assert x.log_id is None  # only what is logged has an id in the logs
    assert log_ids(x)[0] == x.env["UNIQUE_ID"]


def test_what_was_logged_before_names_the_request(tmp_path: Path) -> None:
    made = kit(tmp_path)
    x = made.exchange("/a.txt")
    early = log_ids(x)[0]
    for step in x.plan.post_read:
        step.function(x)
    assert x.env["UNIQUE_ID"] == early


def test_a_redirected_request_keeps_its_own(tmp_path: Path) -> None:
    x = kit(tmp_path).get("/a.txt").x
    new = redirected(x, "/b")
    for step in new.plan.post_read:
        step.function(new)
    assert new.env["UNIQUE_ID"] == new.env["REDIRECT_UNIQUE_ID"] == x.env["UNIQUE_ID"]


def test_virtual_hosts_share_the_generator(tmp_path: Path) -> None:
    site = kit(tmp_path, "<VirtualHost *:80>\nServerName a\n</VirtualHost>\n").site
    assert site.servers[1][UniqueIdServer].generator is site.main[UniqueIdServer].generator
