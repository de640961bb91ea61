"""Replacement texts as ap_pregsub reads them."""

from __future__ import annotations

import re

import pytest

from mpmserver.config.pregsub import Substitution


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$0", "abc"),
        ("[$1|$2]", "[a|]"),
        ("$10", "a0"),
        ("$9", ""),
        ("$", "$"),
        ("$$1", "$a"),
        ("$x", "$x"),
        (r"\$1", "$1"),
        (r"\x\\", "x\\"),
        ("end\\", "end\\"),
        ("&", "&"),
        ("", ""),
    ],
)
def test_expand(text: str, expanded: str) -> None:
    match = re.search("(a)(x)?bc", "zabc")
    assert match is not None
    assert Substitution(text).expand(match) == expanded
