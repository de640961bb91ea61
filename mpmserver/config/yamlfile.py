"""YAML as a second way to write a configuration: to the same nodes, so everything else is the same.

A mapping's keys are directives; what they hold says what they mean::

    ServerName: www.example.org        # text: the raw arguments, as behind the name in Apache's syntax
    KeepAlive: true                    # true and false are On and Off (write "true" for the word itself)
    SetEnv: [GREETING, hello world]    # a list: words, quoted where they need it
    AddType:                           # a list of lists: the directive again for each
      - [text/markdown, .md]
      - [text/x-toml, .toml]
    ClearModuleList:                   # nothing: no arguments
    Directory "/srv/www":              # a mapping below: a section; its arguments are part of the key
      Options: +Indexes
      RequireAll:
        Require: all granted
    VirtualHost *:443:                 # a list of mappings below: a section, too, whose directives repeat
      - Alias: /a /srv/a
      - AliasMatch: ["^/b/(.*)", /srv/b/$1]
      - Alias: /c /srv/c

The whole file may be such a list of mappings as well. Conditions, Include, Define, macros and ``${...}`` work as
in Apache's syntax. A mapping with one key twice is an error, for YAML's sake; so are tags and merge keys.

PyYAML is imported by the one function that needs it: a server with Apache's syntax starts without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.config.errors import ConfigError, ErrorKind, read_error
from mpmserver.config.node import Node, Origin
from mpmserver.config.syntax import WHITE_SPACE, quote, take_word

if TYPE_CHECKING:
    import yaml

_TAG = "tag:yaml.org,2002:"
_SWITCH = {"true": "On", "false": "Off"}


def is_yaml(path: str) -> bool:
    """Whether a file's name says that it is YAML."""
    return path.lower().endswith((".yaml", ".yml"))


def parse_yaml(text: str, file: str) -> tuple[Node, ...]:
    """The nodes that YAML ``text`` spells; ``file`` is what origins call it. Raises ConfigError with the line."""
    try:
        import yaml  # noqa: PLC0415
    except ImportError as error:
        reason = f"Could not read {file}: a configuration in YAML needs the Python package PyYAML"
        raise ConfigError(reason, kind=ErrorKind.READ) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise read_error(f"not valid YAML: {error.problem or error.context}", Origin(file, line)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise read_error(f"not valid YAML: {error.reason}", Origin(file, line)) from error
    return _Composer(file).entries(root) if root is not None else ()


def _kind(node: yaml.Node) -> str:
    """``mapping``, ``sequence`` or ``scalar``: PyYAML's nodes say it themselves, so no class need be imported."""
    kind: str = getattr(node, "id")  # noqa: B009
    return kind


class _Composer:
    """From YAML's nodes to ours."""

    __slots__ = ("_ancestors", "_file")

    def __init__(self, file: str) -> None:
        self._file = file
        self._ancestors: list[yaml.Node] = []

    def entries(self, node: yaml.Node) -> tuple[Node, ...]:
        """What a mapping, or a list of mappings, says."""
        if any(node is ancestor for ancestor in self._ancestors):
            raise self._error("an alias may not stand inside of what it names", node)
        self._check_tag(node)
        self._ancestors.append(node)
        try:
            if _kind(node) == "mapping":
                return self._mapping(node)
            if _kind(node) == "sequence" and all(_kind(item) == "mapping" for item in node.value):
                return tuple(found for item in node.value for found in self.entries(item))
        finally:
            self._ancestors.pop()
        raise self._error("expected a mapping of directives, or a list of such mappings", node)

    def _mapping(self, mapping: yaml.Node) -> tuple[Node, ...]:
        found: list[Node] = []
        seen: set[str] = set()
        for key, value in mapping.value:
            text = self._text(key)
            if text in seen:
                raise self._error(f"{text} occurs twice in this mapping; write a list of mappings", key)
            seen.add(text)
            found += self._entry(key, text, value)
        return tuple(found)

    def _entry(self, key: yaml.Node, text: str, value: yaml.Node) -> list[Node]:
        """The directive or directives of one key."""
        name, arguments = take_word(text)
        origin = self._origin(key)
        if not name or name.startswith("<"):
            raise self._error("expected the name of a directive, or of a section without its brackets", key)
        self._check_tag(value)
        if _kind(value) == "mapping" or (_kind(value) == "sequence" and self._all(value, "mapping")):
            return [Node(f"<{name}", arguments.rstrip(WHITE_SPACE), self.entries(value), origin)]
        if arguments:
            raise self._error(f"{name} holds no mapping, so its arguments cannot be part of the key", key)
        if _kind(value) == "scalar":
            return [Node(name, self._raw(value), None, origin)]
        if self._all(value, "sequence"):
            return [Node(name, self._words(item), None, self._origin(item)) for item in value.value]
        return [Node(name, self._words(value), None, origin)]

    @staticmethod
    def _all(sequence: yaml.Node, kind: str) -> bool:
        return bool(sequence.value) and all(_kind(item) == kind for item in sequence.value)

    def _raw(self, scalar: yaml.Node) -> str:
        """Raw arguments. A line break is a space: arguments are one line in Apache's syntax."""
        if scalar.tag == f"{_TAG}null":
            return ""
        text = self._text(scalar)
        if scalar.tag == f"{_TAG}bool":
            return _SWITCH.get(text.lower(), text)
        return text

    def _words(self, sequence: yaml.Node) -> str:
        self._check_tag(sequence)
        if any(_kind(item) != "scalar" for item in sequence.value):
            raise self._error("expected words only, lists of words only, or mappings only", sequence)
        return " ".join(quote(self._word(item)) for item in sequence.value)

    def _word(self, scalar: yaml.Node) -> str:
        self._check_tag(scalar)
        if "\n" in scalar.value or "\0" in scalar.value:
            raise self._error("a word cannot hold a line break or NUL", scalar)
        return str(scalar.value)

    def _text(self, node: yaml.Node) -> str:
        self._check_tag(node)
        if _kind(node) != "scalar":
            raise self._error("expected text", node)
        if "\0" in node.value:
            raise self._error("text cannot hold NUL", node)
        return str(node.value).strip(WHITE_SPACE).replace("\n", " ")

    def _check_tag(self, node: yaml.Node) -> None:
        if not node.tag.startswith(_TAG) or node.tag == f"{_TAG}merge":
            raise self._error("tags and merge keys have no meaning here", node)

    def _origin(self, node: yaml.Node) -> Origin:
        return Origin(self._file, node.start_mark.line + 1)

    def _error(self, message: str, node: yaml.Node) -> ConfigError:
        return read_error(message, self._origin(node))
