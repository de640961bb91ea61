"""config/node.py: nodes are values."""

from __future__ import annotations

import pytest

from mpmserver.config.node import Node, Origin
from mpmserver.records import FrozenError


def test_equality_ignores_where_it_was_written() -> None:
    node = Node("Listen", "80", None, Origin("a", 1))
    assert node == Node("Listen", "80", None, Origin("b", 9))
    assert hash(node) == hash(Node("Listen", "80", None, Origin("b", 9)))
    assert node != Node("Listen", "81", None, Origin("a", 1))
    assert node != Node("Listen", "80", (), Origin("a", 1))


def test_a_node_is_frozen_and_knows_its_key() -> None:
    node = Node("<Directory", "/x", (), Origin("a", 1))
    with pytest.raises(FrozenError):
        node.name = "y"  # type: ignore[misc]
    assert (node.key, node.is_section, str(node.origin)) == ("<directory", True, "a:1")
