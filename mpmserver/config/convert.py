"""Nodes back to text, in either syntax: what ``mpmserver convert`` prints.

The rule is that reading the text gives equal nodes again. Comments are not nodes and get lost; includes,
conditions and variables stay as they are written, for they are executed when the configuration is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mpmserver.config.errors import ConfigError
from mpmserver.config.node import Node
from mpmserver.config.syntax import WHITE_SPACE, closing, opening, quote

if TYPE_CHECKING:
    import yaml

_INDENT = "    "
_LINE_BREAKS = "\r\x85\u2028\u2029"
"""What YAML takes for a line break, unless it is escaped."""
_TAG = "tag:yaml.org,2002:"


def to_apache(nodes: Iterable[Node]) -> str:
    """``nodes`` in Apache's syntax. Raises ConfigError where they hold what it cannot spell: a line break."""
    return "".join(f"{line}\n" for line in _apache_lines(nodes, ""))


def _apache_lines(nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        if any(character in text for text in (node.name, node.arguments) for character in "\n\0"):
            raise ConfigError(f"{node.name}: Apache's syntax cannot spell a line break or NUL", node.origin)
        line = opening(node)
        # A backslash at a line's end would join it with the next.
        yield f"{indent}{line} " if line.endswith("\\") else indent + line
        if node.children is not None:
            yield from _apache_lines(node.children, indent + _INDENT)
            yield indent + closing(node)


def to_yaml(nodes: Iterable[Node]) -> str:
    """``nodes`` in YAML. Raises ConfigError where PyYAML is missing."""
    try:
        import yaml  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("YAML needs the Python package PyYAML") from error
    composed = _Serializer().children(tuple(nodes))
    return yaml.serialize(composed, Dumper=yaml.SafeDumper, allow_unicode=True, width=1_000_000)


class _Serializer:
    """From our nodes to YAML's."""

    def __init__(self) -> None:
        import yaml  # noqa: PLC0415

        self._yaml = yaml
        self._resolver: Any = yaml.resolver.Resolver()

    def children(self, nodes: tuple[Node, ...]) -> yaml.Node:
        """A mapping, or a list of mappings of one key each where a key would occur twice."""
        keys = [self._key(node) for node in nodes]
        pairs = [(self._scalar(key), self._value(node)) for key, node in zip(keys, nodes, strict=True)]
        if len(set(keys)) == len(keys):
            return self._mapping(pairs)
        items = [self._mapping([pair]) for pair in pairs]
        return self._yaml.SequenceNode(f"{_TAG}seq", items, flow_style=False)

    def _mapping(self, pairs: list[tuple[yaml.Node, yaml.Node]]) -> yaml.Node:
        return self._yaml.MappingNode(f"{_TAG}map", pairs, flow_style=not pairs)

    @staticmethod
    def _key(node: Node) -> str:
        if node.children is None:
            return quote(node.name)
        return f"{quote(node.name[1:])} {node.arguments}".rstrip(WHITE_SPACE)

    def _value(self, node: Node) -> yaml.Node:
        if node.children is not None:
            return self.children(node.children)
        if not node.arguments:
            return self._yaml.ScalarNode(f"{_TAG}null", "")
        return self._scalar(node.arguments)

    def _scalar(self, text: str) -> yaml.Node:
        """Text, plain where it may be: what looks like a number stays one, but a switch or nothing is quoted."""
        if any(character in text for character in _LINE_BREAKS):
            return self._yaml.ScalarNode(f"{_TAG}str", text, style='"')
        tag = self._resolver.resolve(self._yaml.ScalarNode, text, (True, False))
        switch = text.lower() in ("true", "false")
        plain = tag in (f"{_TAG}int", f"{_TAG}float", f"{_TAG}bool") and not switch
        return self._yaml.ScalarNode(tag if plain else f"{_TAG}str", text)
