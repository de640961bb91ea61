"""Apache's configuration syntax: text to lines to a tree of nodes, and arguments to words and back.

Three layers, each usable alone. ``raw_lines`` joins continued lines and strips white space; ``split_line`` takes
one apart into its name and raw arguments; ``TreeBuilder`` nests them, and is fed one line at a time because Apache
acts on some directives while it reads: ``expand`` puts itself between the two. ``parse_text`` is all three
without that: the text as written, nothing included or substituted.

What surprises, measured against Apache 2.4.71: a backslash before the line's end always continues the line, also
in a comment; nothing escapes it. A continued line counts as its last line. A line ends at a NUL byte. An
unterminated quote extends to the end of the line. What follows a section's last ``>`` is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mpmserver.config.errors import ConfigError, ErrorKind, read_error
from mpmserver.config.node import Node, Origin
from mpmserver.records import dataclass

# isspace() in the C locale; str.strip() would also strip what Unicode calls a space.
WHITE_SPACE = " \t\n\v\f\r"

_NOT_PLAIN = re.compile(r"[\"'\\\x1c-\x1f]")
"""What `str.split` would take for more, or for less, than it is here."""
_BARE_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_QUOTED_WORD = {
    quote: re.compile(rf"{quote}((?:\\[\\{quote}]|[^{quote}])*){quote}?", re.DOTALL) for quote in "\"'"
}
_ESCAPED = {quote: re.compile(rf"\\([\\{quote}])") for quote in "\"'"}


MAX_LINE = 16 * 1024 * 1024
"""Apache's limit for one logical line, in characters."""


class RawLine(NamedTuple):
    """One logical line as written, without white space around it; perhaps empty, perhaps a comment."""

    text: str
    origin: Origin

    @property
    def is_blank(self) -> bool:
        """Whether the line says nothing: it is empty or a comment."""
        return not self.text or self.text.startswith("#")


class Line(NamedTuple):
    """A line that says something: a directive, or where a section opens (``<Name``) or closes (``</Name>``)."""

    name: str
    rest: str
    origin: Origin

    @property
    def closes(self) -> bool:
        return self.name.startswith("</")

    @property
    def opens(self) -> bool:
        return self.name.startswith("<") and not self.closes


def raw_lines(text: str, file: str) -> Iterator[RawLine]:
    """All logical lines of ``text``; ``file`` is what their origins call it. Raises ConfigError at one too long."""
    joined = ""
    physical_lines = text.split("\n")
    last = len(physical_lines)
    for number, physical in enumerate(physical_lines, 1):
        content = physical.removesuffix("\r")
        if len(joined) + len(content) >= MAX_LINE:
            reason = f"Error reading {file} at line {number}: Line too long"
            raise ConfigError(reason, kind=ErrorKind.READ)
        if content.endswith("\\") and number < last and "\0" not in content:
            joined += content[:-1]
            continue
        yield RawLine((joined + content.partition("\0")[0]).strip(WHITE_SPACE), Origin(file, number))
        joined = ""


def node_lines(nodes: Iterable[Node]) -> Iterator[RawLine]:
    """The lines that would spell ``nodes`` in Apache's syntax, at the nodes' own origins."""
    for node in nodes:
        yield RawLine(opening(node), node.origin)
        if node.children is not None:
            yield from node_lines(node.children)
            yield RawLine(closing(node), node.origin)


def opening(node: Node) -> str:
    """The line that spells a directive, or opens a section."""
    if node.children is None:
        return f"{quote(node.name)} {node.arguments}".rstrip(WHITE_SPACE)
    if not node.arguments:
        return quote(f"{node.name}>")
    # One closing bracket behind the name is taken for the section's own.
    name = f"{node.name}>" if node.name.endswith(">") else node.name
    return f"{quote(name)} {node.arguments}>"


def closing(node: Node) -> str:
    """The line that closes a section."""
    return quote(f"</{node.name[1:]}>")


def split_line(text: str, origin: Origin) -> Line:
    """Name and arguments of one logical line."""
    name, rest = take_word(text)
    if name.startswith("<") and not name.startswith("</"):
        name, rest = name.removesuffix(">"), rest or ">"
    return Line(name, rest, origin)


@dataclass(slots=True)
class _Open:
    """A section that was opened and not closed yet."""

    name: str
    arguments: str
    origin: Origin
    children: list[Node]


class TreeBuilder:
    """Nests lines as they come. One builder is one scope: a section must close in the scope that opened it."""

    __slots__ = ("_open", "_roots", "_unbracketed")

    def __init__(self, unbracketed: list[ConfigError]) -> None:
        """``unbracketed`` collects sections without their ``>``: an error of the walk in Apache, and so the
        caller's to raise when all is read."""
        self._roots: list[Node] = []
        self._unbracketed = unbracketed
        self._open: list[_Open] = []

    @property
    def is_inside(self) -> bool:
        """Whether a section is open."""
        return bool(self._open)

    def add(self, line: Line) -> None:
        """Takes the next line. Raises ConfigError when it closes what is not open."""
        if not line.name:
            return
        if line.closes:
            self._close(line)
        elif line.opens:
            self._open.append(self._section(line))
        else:
            self.add_node(Node(line.name, line.rest, None, line.origin))

    def add_node(self, node: Node) -> None:
        """Takes a finished node into the section that is open now."""
        (self._open[-1].children if self._open else self._roots).append(node)

    def add_nodes(self, nodes: Iterable[Node]) -> None:
        """Takes finished nodes into the section that is open now."""
        for node in nodes:
            self.add_node(node)

    def close_all(self) -> tuple[Node, ...]:
        """The tree, with every section that is still open taken as closed here."""
        while self._open:
            self._pop()
        return tuple(self._roots)

    def finish(self) -> tuple[Node, ...]:
        """The tree. Raises ConfigError when sections are still open, naming each of them."""
        if self._open:
            unclosed = (f"{section.origin}: {section.name}> was not closed." for section in reversed(self._open))
            raise read_error("\n".join(unclosed), self._open[0].origin)
        return tuple(self._roots)

    def _section(self, line: Line) -> _Open:
        arguments, bracket, _ = line.rest.rpartition(">")
        if not bracket:
            arguments = line.rest
            self._unbracketed.append(ConfigError(f"{line.name}> directive missing closing '>'", line.origin))
        return _Open(line.name, arguments.strip(WHITE_SPACE), line.origin, [])

    def _close(self, line: Line) -> None:
        if not self._open:
            raise read_error(f"{line.name} without matching <{line.name[2:]} section", line.origin)
        if not line.name.endswith(">"):
            raise read_error(f"{line.name}> directive missing closing '>'", line.origin)
        section = self._open[-1]
        if line.name[2:-1].lower() != section.name[1:].lower():
            raise read_error(f"Expected </{section.name[1:]}> but saw {line.name}", line.origin)
        self._pop()

    def _pop(self) -> None:
        section = self._open.pop()
        self.add_node(Node(section.name, section.arguments, tuple(section.children), section.origin))


def parse_text(text: str, file: str) -> tuple[Node, ...]:
    """The tree that ``text`` spells, exactly as written: nothing is included, substituted or left out.

    Raises ConfigError for sections that do not nest or lack their ``>``.
    """
    unbracketed: list[ConfigError] = []
    builder = TreeBuilder(unbracketed)
    for raw in raw_lines(text, file):
        if not raw.is_blank:
            builder.add(split_line(raw.text, raw.origin))
    roots = builder.finish()
    if unbracketed:
        raise unbracketed[0]
    return roots


def take_word(text: str) -> tuple[str, str]:
    """The first word of ``text``, unquoted, and what follows it without leading white space; ("", "") at the end.

    A word that *begins* with a quote extends to the next such quote; inside, a backslash protects that quote and
    itself. In any word a double backslash means one. (ap_getword_conf)
    """
    text = text.lstrip(WHITE_SPACE)
    if not text:
        return "", ""
    quote = text[0]
    if quote in _QUOTED_WORD:
        match = _QUOTED_WORD[quote].match(text)
        assert match is not None
        word = _ESCAPED[quote].sub(r"\1", match[1])
    else:
        match = _BARE_WORD.match(text)
        assert match is not None
        word = match[0]
        if "\\" in word:
            word = word.replace("\\\\", "\\")
    return word, text[match.end() :].lstrip(WHITE_SPACE)


def words(arguments: str) -> list[str]:
    """All words of raw arguments, unquoted."""
    if arguments.isascii() and _NOT_PLAIN.search(arguments) is None:
        return arguments.split()
    found = []
    while arguments := arguments.lstrip(WHITE_SPACE):
        word, arguments = take_word(arguments)
        found.append(word)
    return found


def quote(word: str) -> str:
    """The shortest way to write ``word`` as an argument: ``words(quote(word)) == [word]``."""
    if word and not re.search(r"[ \t\n\v\f\r]|\\\\|\\$", word) and word[0] not in "\"'#":
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
