"""The generated reference is up to date, and tells contexts as Apache means them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mpmserver.config.directive import (
    ACCESS_CONF,
    OR_ALL,
    OR_AUTHCFG,
    OR_FILEINFO,
    RSRC_CONF,
    Directive,
    Shape,
    ignored,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_directives_md_is_up_to_date(generate: ModuleType) -> None:
    assert (DOCS / "directives.md").read_text(encoding="utf-8") == generate.render(), "run: make docs"


@pytest.mark.parametrize(
    ("where", "global_only", "contexts", "override"),
    [
        (RSRC_CONF, False, "sv", ""),
        (RSRC_CONF, True, "s", ""),
        (ACCESS_CONF, False, "d", ""),
        (RSRC_CONF | ACCESS_CONF, False, "svd", ""),
        (OR_FILEINFO, False, "svdh", "FileInfo"),
        (OR_AUTHCFG, False, "dh", "AuthConfig"),
        (OR_ALL, False, "svdh", "any"),
        (OR_AUTHCFG | OR_FILEINFO, False, "svdh", "AuthConfig, FileInfo"),
    ],
)
def test_contexts(generate: ModuleType, where: int, global_only: bool, contexts: str, override: str) -> None:
    directive = Directive("Some", Shape.TAKE1, where, ignored, "", global_only)
    assert (generate.contexts(directive), generate.override(directive)) == (contexts, override)


def test_every_shape_has_words(generate: ModuleType) -> None:
    assert set(generate.ARGUMENTS) == set(Shape)
