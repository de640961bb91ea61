"""CO: cookies of rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpmserver.modules.rewrite.cookies import set_cookie
from mpmserver.modules.rewrite.state import Run
from tests.unit.modules.kit import SiteKit


def cookies(tmp_path: Path, *texts: str) -> list[str]:
    run = Run(SiteKit(tmp_path, "").exchange("/"), None)
    for text in texts:
        set_cookie(run, text)
    return run.x.err_headers_out.get_all("Set-Cookie")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:b:.c", "a=b; path=/; domain=.c"),
        ("a:b:.c:0:/p", "a=b; path=/p; domain=.c"),
        ("a:b:.c:0:/p:1:true", "a=b; path=/p; domain=.c; secure; HttpOnly"),
        ("a:b:.c:0:/p:0:1:Strict", "a=b; path=/p; domain=.c; SameSite=Strict"),
        ("a:b:.c:0:/p:secure:HttpOnly:Lax", "a=b; path=/p; domain=.c; secure; HttpOnly; SameSite=Lax"),
        ("a:b:.c:0:/p:0:0:0", "a=b; path=/p; domain=.c"),
        (";a;b:c;.d", "a=b:c; path=/; domain=.d"),
        ("a::b:.c", "a=b; path=/; domain=.c"),
    ],
)
def test_set(tmp_path: Path, text: str, expected: str) -> None:
    assert cookies(tmp_path, text) == [expected]


@pytest.mark.parametrize("text", ["", "a", "a:b", "a:b:", "::"])
def test_incomplete(tmp_path: Path, text: str) -> None:
    assert cookies(tmp_path, text) == []


def test_the_first_of_a_name_holds(tmp_path: Path) -> None:
    assert cookies(tmp_path, "a:1:.c", "a:2:.c", "b:3:.c") == ["a=1; path=/; domain=.c", "b=3; path=/; domain=.c"]


def test_lifetime(tmp_path: Path) -> None:
    (cookie,) = cookies(tmp_path, "a:b:.c:10")
    assert "; expires=" in cookie
    assert cookie.endswith(" GMT")
