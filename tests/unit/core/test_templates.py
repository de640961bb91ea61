"""Pages are compiled once for each version of their text, options and jinja2, where their code can be kept."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from jinja2 import Environment

from mpmserver.core.templates import TEMPLATES, Page


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)


class Counting(Environment):
    """Counts what it compiles."""

    compiled = 0

    def _generate(self, *arguments: object, **options: object) -> str:
        Counting.compiled += 1
        return super()._generate(*arguments, **options)  # type: ignore[arg-type]


def page(folder: Path, **options: bool) -> Page:
    Counting.compiled = 0
    return Page("page.html", lambda: Counting(**options), str(folder))  # type: ignore[arg-type]


def render(folder: Path, **options: bool) -> tuple[str, int]:
    """The page, and how many templates were compiled for it."""
    return page(folder, **options).render(x="<&>"), Counting.compiled


def test_the_code_is_kept_beside_the_source(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("a {{ x }}\n")
    assert render(tmp_path) == ("a <&>", 1)
    assert [file.parent.name for file in tmp_path.rglob("*.pyc")] == ["__pycache__"]
    assert render(tmp_path) == ("a <&>", 0)


def test_another_text_or_other_options_are_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("a {{ x }}")
    assert render(tmp_path) == ("a <&>", 1)
    (tmp_path / "page.html").write_text("b {{ x }}")
    assert render(tmp_path) == ("b <&>", 1)
    assert render(tmp_path, autoescape=True) == ("b &lt;&amp;&gt;", 1)
    assert render(tmp_path, autoescape=True) == ("b &lt;&amp;&gt;", 0)


def test_damaged_code_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("a {{ x }}")
    render(tmp_path)
    (file,) = tmp_path.rglob("*.pyc")
    file.write_bytes(b"nonsense")
    assert render(tmp_path) == ("a <&>", 1)
    assert render(tmp_path) == ("a <&>", 0)


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "page.html").write_text("a {{ x }}")
    assert render(tmp_path) == ("a <&>", 1)
    assert render(tmp_path) == ("a <&>", 1)
    assert not list(tmp_path.rglob("*.pyc"))


def test_who_cannot_write_compiles_each_time(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("a {{ x }}")
    (tmp_path / "__pycache__").write_text("no folder")
    assert render(tmp_path) == ("a <&>", 1)
    assert render(tmp_path) == ("a <&>", 1)


@pytest.mark.parametrize("nothing_is_kept", [False, True])
def test_nothing_is_left_to_do_behind_the_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_is_kept: bool
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", nothing_is_kept)
    (tmp_path / "page.html").write_text("a {{ x }}")
    expected = page(tmp_path)
    expected.expect()
    shutil.rmtree(tmp_path)  # a child may read nothing of it any more
    assert (expected.render(x=1), Counting.compiled) == ("a 1", 1)


@pytest.mark.parametrize("name", ["autoindex.html", "status.html"])
def test_ours_are_there(name: str) -> None:
    assert os.path.isfile(os.path.join(TEMPLATES, name))
