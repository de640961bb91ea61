"""The configurations in conf/ agree with each other, and mime.types with itself."""

from __future__ import annotations

from pathlib import Path

from mpmserver.config.node import Node
from mpmserver.config.syntax import parse_text
from mpmserver.config.yamlfile import parse_yaml

CONF = Path(__file__).resolve().parents[2] / "conf"


def shape(nodes: tuple[Node, ...]) -> list[object]:
    """A tree without its lines in the file."""
    return [
        (node.name, node.arguments, None if node.children is None else shape(node.children)) for node in nodes
    ]  # fmt: skip


def test_both_syntaxes_say_the_same() -> None:
    apache = parse_text((CONF / "httpd.conf").read_text(), "httpd.conf")
    yaml = parse_yaml((CONF / "mpmserver.yaml").read_text(), "mpmserver.yaml")
    assert shape(yaml) == shape(apache)
    assert len(apache) > 40


def test_every_included_file_is_there() -> None:
    nodes = parse_text((CONF / "httpd.conf").read_text(), "httpd.conf")
    included = [node.arguments for node in nodes if node.name == "Include"]
    assert included
    assert [name for name in included if not (CONF.parent / name).is_file()] == []


def test_an_ending_means_one_media_type() -> None:
    rows = [line.split() for line in (CONF / "mime.types").read_text().splitlines() if line and line[0] != "#"]
    endings = [ending for _, *row in rows for ending in row]
    assert len(endings) > 1000
    assert sorted(endings) == sorted(set(endings))
    types = {ending: row[0] for row in rows for ending in row[1:]}
    assert [types[ending] for ending in ("html", "js", "css", "svg", "woff2", "wasm", "json", "txt", "yaml")] == [
        "text/html", "text/javascript", "text/css", "image/svg+xml", "font/woff2", "application/wasm",
        "application/json", "text/plain", "application/yaml",
    ]  # fmt: skip
