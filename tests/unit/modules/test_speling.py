"""mod_speling: which names are near, redirects and lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.modules.speling import Quality, SpelingDir, candidates, distance
from tests.unit.modules.kit import USUAL, SiteKit

MODULES = (*USUAL, "speling")


@pytest.mark.parametrize(
    ("wanted", "given", "quality"),
    [
        ("giude", "guide", Quality.TRANSPOSED),
        ("ugide", "guide", Quality.TRANSPOSED),
        ("guied", "guide", Quality.TRANSPOSED),
        ("guid", "guide", Quality.MISSING),
        ("uide", "guide", Quality.MISSING),
        ("gude", "guide", Quality.MISSING),
        ("guidee", "guide", Quality.EXTRA),
        ("xguide", "guide", Quality.EXTRA),
        ("guixde", "guide", Quality.EXTRA),
        ("guixe", "guide", Quality.MISTYPED),
        ("xuide", "guide", Quality.MISTYPED),
        ("guidx", "guide", Quality.MISTYPED),
        ("x", "y", Quality.MISTYPED),
        ("", "a", Quality.MISSING),
        ("ab", "ba", Quality.TRANSPOSED),
        ("gdiue", "guide", None),
        ("guidexx", "guide", None),
        ("gu", "guide", None),
        ("abc", "xyz", None),
        ("\N{LATIN SMALL LETTER U WITH DIAERESIS}", "u", None),
    ],
)
def test_distance(wanted: str, given: str, quality: Quality | None) -> None:
    assert distance(wanted.encode(), given.encode()) is quality


@pytest.mark.parametrize(
    ("case_only", "basename", "found"),
    [
        (False, True, {"Guide.html": 1, "guide.htm": 4, "guide": 6, "guide.x.y": 6}),
        (False, False, {"Guide.html": 1, "guide.htm": 4}),
        (True, True, {"Guide.html": 1, "guide.htm": 6, "guide": 6, "guide.x.y": 6}),
        (True, False, {"Guide.html": 1}),
    ],
)
def test_candidates(tmp_path: Path, case_only: bool, basename: bool, found: dict[str, int]) -> None:
    for name in ("Guide.html", "guide.htm", "guide", "guide.x.y", "other.html", "guides.html.gz"):
        tmp_path.joinpath(name).touch()
    settings = SpelingDir(enabled=True, case_only=case_only, basename_match=basename)
    result = candidates("guide.html", str(tmp_path), settings)
    assert {name: int(quality) for quality, name in result} == found
    assert [quality for quality, _name in result] == sorted(found.values())


def test_a_name_that_is_there_after_all_is_left_alone(tmp_path: Path) -> None:
    tmp_path.joinpath("a").symlink_to("nowhere")
    tmp_path.joinpath("A").touch()
    assert candidates("a", str(tmp_path), SpelingDir(True, False, True)) == []


def site(tmp_path: Path, text: str = "CheckSpelling On\n") -> SiteKit:
    kit = SiteKit(tmp_path, text, MODULES)
    for name in ("guide.html", "bb.txt", "bb.gif", "sub dir/x.html"):
        kit.file(name)
    return kit


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/GUIDE.html", "/guide.html"),
        ("/guide.htm?q=1", "/guide.html?q=1"),
        ("/Guide.html/info%20x", "/guide.html/info%20x"),
        ("/sub%20dri/x.html", "/sub%20dir/x.html"),
        ("/subdir/", "/sub%20dir/"),
    ],
)
def test_redirects(tmp_path: Path, target: str, location: str) -> None:
    answer = site(tmp_path).get(target)
    assert answer.status == 301
    assert answer.headers["Location"] == f"http://localhost:8080{location}"


def test_list(tmp_path: Path) -> None:
    kit = site(tmp_path)
    answer = kit.get("/bb?q", headers=[("Referer", 'http://a.test/"<x>')])
    assert answer.status == 300
    assert '<li><a href="/bb.txt%3fq">/bb.txt?q</a> (common basename)\n' in answer.text
    assert "<tt>http://a.test/&quot;&lt;x&gt;</tt>" in answer.text
    assert answer.x.env["VARIANTS"].count("common basename") == 2
    assert kit.log[-1][2] == 'AH03226: Spelling fix: /bb: 2 candidates from http://a.test/"<x>'


@pytest.mark.parametrize(
    ("method", "target", "text"),
    [
        ("POST", "/Guide.html", "CheckSpelling On"),
        ("GET", "/Guide.html", "CheckCaseOnly On"),
        ("GET", "/Guide.html", "CheckSpelling On\n<Location />\nCheckBasenameMatch On\n</Location>"),
        ("GET", "/nothing/like/it", "CheckSpelling On"),
    ],
)
def test_left_alone(tmp_path: Path, method: str, target: str, text: str) -> None:
    assert site(tmp_path, f"{text}\n").get(target, method).status == 404
