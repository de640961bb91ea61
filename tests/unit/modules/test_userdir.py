"""mod_userdir: where /~name/ leads to, and whose."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from mpmserver.config.errors import ConfigError
from mpmserver.modules import userdir
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "userdir")


@pytest.fixture(autouse=True)
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver answers waits here: what blocks is called at once."""

    async def offload(function: Callable[[str], str | None], name: str) -> str | None:
        return function(name)

    monkeypatch.setattr(userdir, "offload", offload)


def site(tmp_path: Path, text: str) -> SiteKit:
    return SiteKit(tmp_path, text, MODULES)


@pytest.mark.parametrize(
    ("words", "target", "filename"),
    [
        ("/web", "/~bob/one/two", "/web/bob/one/two"),
        ("/home/*/www", "/~bob/one", "/home/bob/www/one"),
        ("/home/*", "/~bob", "/home/bob"),
        ("/none /web", "/~bob/x", "/web/bob/x"),
        ("no_such_home /web", "/~bob/x", "/web/bob/x"),
    ],
)
def test_directories(tmp_path: Path, words: str, target: str, filename: str) -> None:
    places = " ".join(f"{tmp_path}{word}" if word[0] == "/" else word for word in words.split())
    x = site(tmp_path, f"UserDir {places}\n").get(target).x
    assert (x.filename or "") + x.path_info == f"{tmp_path}{filename}"


def test_the_first_place_that_exists(tmp_path: Path) -> None:
    kit = site(tmp_path, f"UserDir {tmp_path}/a {tmp_path}/b {tmp_path}/c\n")
    tmp_path.joinpath("b/bob").mkdir(parents=True)
    x = kit.get("/~bob/x").x
    assert (x.filename or "").startswith(f"{tmp_path}/b/bob")
    assert x.notes["context-prefix"] == "/~bob"
    assert x.notes["context-document-root"] == f"{tmp_path}/b/bob"


def test_home(tmp_path: Path) -> None:
    user = pwd.getpwuid(os.geteuid())
    x = site(tmp_path, "UserDir no_such_public_html\n").get(f"/~{user.pw_name}/x").x
    assert (x.filename or "") + x.path_info == f"{user.pw_dir}/no_such_public_html/x"


def test_dot_segments_lead_to_sections_all_the_same(tmp_path: Path) -> None:
    text = f"UserDir {tmp_path}/x/../web\n<Directory {tmp_path}/web/bob>\nRequire all denied\n</Directory>\n"
    kit = site(tmp_path, text)
    tmp_path.joinpath("web/bob").mkdir(parents=True)
    tmp_path.joinpath("x").mkdir()
    tmp_path.joinpath("web/bob/a").write_text("a")
    assert kit.get("/~bob/a").status == 403


@pytest.mark.parametrize(
    ("word", "location"),
    [
        ("http://x.test/~*/", "http://x.test/~bob/a b"),
        ("http://*.x.test/home", "http://bob/a b"),
    ],
)
def test_urls(tmp_path: Path, word: str, location: str) -> None:
    answer = site(tmp_path, f"UserDir {word}\n").get("/~bob/a%20b?q")
    assert (answer.status, answer.headers["Location"]) == (302, location)


LISTS = "UserDir /web\nUserDir disabled\nUserDir enabled Alice bob\nUserDir disabled bob"


@pytest.mark.parametrize(
    ("text", "name", "is_user"),
    [
        ("UserDir /web", "bob", True),
        ("UserDir /web", "..", False),
        ("UserDir /web", "", False),
        ("UserDir /web\nUserDir disabled Bob", "bob", False),
        ("UserDir /web\nUserDir disabled bob", "carl", True),
        (LISTS, "ALICE", True),
        (LISTS, "bob", False),
        (LISTS, "carl", False),
        ("UserDir /web\nUserDir disable\nUserDir enable", "carl", True),
        ("UserDir disabled", "carl", False),
        ("", "carl", False),
    ],
)
def test_lists(tmp_path: Path, text: str, name: str, is_user: bool) -> None:
    x = site(tmp_path, f"{text}\n").get(f"/~{name}/x").x
    assert (x.filename or "").startswith("/web") is is_user


def test_without_an_argument(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        site(tmp_path, "UserDir\n")
    assert error.value.message == "UserDir requires an argument."
