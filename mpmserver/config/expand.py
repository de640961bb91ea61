"""What Apache does while it reads: includes, conditions, variables, macros, LoadModule and ServerRoot.

One loop (``_Reader._read_lines``) takes line after line, substitutes ``${...}`` in it, and either acts on it or
hands it to the tree. Acting at once matters: a ``Define`` is seen by the next line, a ``LoadModule`` by the next
``<IfModule>``, and the first error met is the one reported. The body of a condition that holds is a scope of its
own: a section opened inside must close inside. The lines of a macro, on the other hand, are read as if they stood
where the macro is used.

``read_configuration`` is what the server calls at start; ``read_htaccess`` is called when a request meets a
``.htaccess`` file that is not known yet. Both run on one thread, and all they change is in their ``ReadContext``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from mpmserver.config import macro as macros
from mpmserver.config.conditions import CONDITIONS
from mpmserver.config.context import (
    Included,
    LineSource,
    Modules,
    ReadContext,
    ignore_warning,
    read_text_file,
)
from mpmserver.config.directive import ACCESS_CONF, FIXED_COUNTS, OR_ALL, RSRC_CONF, Directive
from mpmserver.config.errors import COMMAND_LINE, ConfigError, ErrorKind, read_error, syntax_error
from mpmserver.config.include import MAX_DEPTH, included_files
from mpmserver.config.node import Node, Origin
from mpmserver.config.paths import server_relative
from mpmserver.config.read_directives import READ_DIRECTIVES
from mpmserver.config.syntax import (
    WHITE_SPACE,
    Line,
    RawLine,
    TreeBuilder,
    node_lines,
    raw_lines,
    split_line,
    take_word,
    words,
)
from mpmserver.config.yamlfile import is_yaml, parse_yaml
from mpmserver.records import dataclass

__all__ = [
    "Included",
    "Modules",
    "ReadContext",
    "expand",
    "expand_htaccess",
    "ignore_warning",
    "read_configuration",
    "read_htaccess",
    "read_text_file",
    "substitute",
]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def read_configuration(file: str, context: ReadContext) -> tuple[Node, ...]:
    """The tree that the server starts with: ``-C`` lines, ``file`` with all it includes, ``-c`` lines.

    ``file`` is relative to ServerRoot; its ending says its syntax, as for included files. Raises ConfigError at
    the first error, exactly where Apache stops reading.
    """
    reader = _Reader(context, RSRC_CONF | OR_ALL | ACCESS_CONF)
    nodes = reader.command_line(context.pre_lines)
    nodes += reader.main_file(server_relative(context.server_root, file))
    nodes += reader.command_line(context.post_lines)
    reader.check_brackets()
    return tuple(nodes)


def expand(nodes: Iterable[Node], context: ReadContext) -> tuple[Node, ...]:
    """``nodes`` with everything executed that acts while reading. Raises ConfigError."""
    reader = _Reader(context, RSRC_CONF | OR_ALL | ACCESS_CONF)
    expanded = reader.read(node_lines(nodes))
    reader.check_brackets()
    return tuple(expanded)


def expand_htaccess(nodes: Iterable[Node], context: ReadContext) -> tuple[Node, ...]:
    """As ``expand``, for a ``.htaccess`` file, where conditions, macros and variables work but Include, Define and
    LoadModule are not allowed. ``context`` is the main configuration's, which stays as it is."""
    reader = _Reader(context.for_htaccess(), OR_ALL)
    expanded = reader.read(node_lines(nodes))
    reader.check_brackets()
    return tuple(expanded)


def read_htaccess(text: str, file: str, context: ReadContext) -> tuple[Node, ...]:
    """As ``expand_htaccess``, straight from the text in Apache's syntax: what a condition leaves out is never
    parsed, and the first line that is wrong is the one reported."""
    reader = _Reader(context.for_htaccess(), OR_ALL)
    expanded = reader.read(raw_lines(text, file))
    reader.check_brackets()
    return tuple(expanded)


def substitute(text: str, origin: Origin, context: ReadContext) -> str:
    """``text`` with each ``${name}`` replaced by the value Define'd for it, or else the environment's.

    One that has no value stays as it is, with a warning; so does one with a colon, silently: RewriteMap's.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if ":" in name:
            return match[0]
        found = context.value(name) or context.environ.get(name)
        if found is None:
            context.warn(f"AH00111: Config variable {match[0]} is not defined", origin)
            return match[0]
        return found

    return _VARIABLE.sub(value, text) if "${" in text else text


@dataclass(slots=True)
class _Scope:
    """A stretch of lines whose sections must close in it: a file, or (``end`` is its last line) a condition."""

    builder: TreeBuilder
    end: str | None


class _Reader:
    """Reads lines to nodes; one for a whole configuration."""

    __slots__ = ("_allowed", "_context", "_depth", "_main_line", "_source", "_unbracketed")

    def __init__(self, context: ReadContext, allowed: int) -> None:
        self._context = context
        self._allowed = allowed
        self._depth = 0
        self._main_line: int | None = None
        self._source = LineSource(())
        self._unbracketed: list[ConfigError] = []

    def check_brackets(self) -> None:
        """Raises the error of the first section without its ``>``, if it is one that exists: the walk's business
        in Apache, and so later than any error of reading."""
        for error in self._unbracketed:
            if self._context.modules.has_section(error.message.partition(">")[0].removeprefix("<")):
                raise error

    # Where lines come from

    def command_line(self, texts: Iterable[str]) -> list[Node]:
        """``-C`` or ``-c``: each text is one line."""
        numbered = enumerate(texts, 1)
        self._depth += 1
        nodes = self.read(RawLine(text.strip(WHITE_SPACE), Origin(COMMAND_LINE, n)) for n, text in numbered)
        self._depth -= 1
        return nodes

    def main_file(self, path: str) -> list[Node]:
        """The file that the server is started with."""
        return self._file(path, self._main_line)

    def read(self, lines: Iterable[RawLine]) -> list[Node]:
        """The tree of ``lines``; whoever is reading other lines goes on with them afterwards."""
        outer = self._source
        self._source = LineSource(lines)
        try:
            return list(self._read_lines())
        finally:
            self._source = outer

    def _file(self, path: str, line: int | None) -> list[Node]:
        """One file. A ConfigError about opening it has no origin: it belongs to the line that named the file."""
        try:
            text = self._context.read_file(path)
        except OSError as error:
            reason = f"Could not open configuration file {path}: {error.strerror}"
            raise ConfigError(reason, kind=ErrorKind.READ) from error
        self._depth += 1
        self._context.included.append(Included(self._depth, line, path))
        nodes = self.read(node_lines(parse_yaml(text, path)) if is_yaml(path) else raw_lines(text, path))
        self._depth -= 1
        return nodes

    # The loop

    def _read_lines(self) -> tuple[Node, ...]:
        scopes = [_Scope(TreeBuilder(self._unbracketed), None)]
        while raw := self._source.next():
            scope = scopes[-1]
            if raw.text.lower() == scope.end and not scope.builder.is_inside:
                self._leave(scopes)
            elif not raw.is_blank:
                self._line(split_line(substitute(raw.text, raw.origin, self._context), raw.origin), scopes)
        while len(scopes) > 1:
            self._leave(scopes)
        return scopes[0].builder.finish()

    def _leave(self, scopes: list[_Scope]) -> None:
        """Apache takes what is still open at the end of a condition for closed."""
        inner = scopes.pop()
        scopes[-1].builder.add_nodes(inner.builder.close_all())

    def _line(self, line: Line, scopes: list[_Scope]) -> None:
        action = _ACTIONS.get(line.name.lower())
        if action is None or not self._knows(action):
            scopes[-1].builder.add(line)
            return
        try:
            if not action.directive.where & self._allowed:
                raise ConfigError(f"{action.directive.name} not allowed here")
            action.act(self, line, scopes)
        except ConfigError as error:
            if error.origin is None or error.kind is not ErrorKind.READ:
                raise read_error(error.message, error.origin or line.origin) from error
            raise

    def _knows(self, action: _Action) -> bool:
        return action.module == "core.c" or self._context.modules.is_loaded(action.module)

    # What lines do

    def condition(self, line: Line, scopes: list[_Scope]) -> None:
        """A condition that holds opens a scope; the lines of one that does not are passed over."""
        name, holds = CONDITIONS[line.name.lower()]
        if holds(line.rest, self._context):
            scopes.append(_Scope(TreeBuilder(self._unbracketed), f"</{name}>".lower()))
        else:
            self._pass_over(name)

    def _pass_over(self, name: str) -> None:
        """Drops lines up to the end of section ``name``; they need not make sense, but their sections must nest."""
        open_sections = [name]
        while raw := self._source.next():
            word = take_word(raw.text)[0] if not raw.is_blank else ""
            if word.startswith("</"):
                expected = open_sections.pop()
                if word[2:-1].lower() != expected.lower():
                    raise ConfigError(f"Expected </{expected}> but saw {word[:-1]}>")
                if not open_sections:
                    return
            elif word.startswith("<"):
                open_sections.append(word[1:].removesuffix(">"))
        raise ConfigError(f"Expected </{open_sections[-1]}> before end of configuration")

    def include(self, line: Line, scopes: list[_Scope]) -> None:
        """Include and IncludeOptional."""
        [word] = _arguments(line)
        if self._depth > MAX_DEPTH:
            raise ConfigError(
                f"Exceeded maximum include depth of {MAX_DEPTH}, There appears to be a recursion."
            )
        if line.origin.file == COMMAND_LINE:
            self._main_line = line.origin.line
        path = server_relative(self._context.server_root, word)
        for file in included_files(path, optional=line.name.lower() == "includeoptional"):
            scopes[-1].builder.add_nodes(self._included(file, line.origin))

    def _included(self, file: str, origin: Origin) -> list[Node]:
        try:
            return self._file(file, origin.line)
        except ConfigError as error:
            if error.origin is None:
                raise
            raise read_error(syntax_error(error.message, error.origin), origin) from error

    def define(self, line: Line, scopes: list[_Scope]) -> None:
        """Define name [value]."""
        name, *value = _arguments(line)
        _check_variable(name)
        self._context.define(name, value[0] if value else None)

    def undefine(self, line: Line, scopes: list[_Scope]) -> None:
        """UnDefine name."""
        [name] = _arguments(line)
        _check_variable(name)
        self._context.undefine(name)

    def load_module(self, line: Line, scopes: list[_Scope]) -> None:
        """LoadModule name path."""
        name, path = _arguments(line)
        self._context.modules.load(name, path, line.origin)

    def load_file(self, line: Line, scopes: list[_Scope]) -> None:
        """LoadFile: what would be linked into Apache must exist; Python has no use for it."""
        for path in _arguments(line):
            if not os.path.exists(server_relative(self._context.server_root, path)):
                reason = "cannot open shared object file: No such file or directory"
                raise ConfigError(f"Cannot load {path} into server: {path}: {reason}")

    def server_root(self, line: Line, scopes: list[_Scope]) -> None:
        """ServerRoot: later relative paths start there."""
        [path] = _arguments(line)
        if not os.path.isdir(path):
            raise ConfigError("ServerRoot must be a valid directory")
        self._context.server_root = os.path.abspath(path)

    def runtime_dir(self, line: Line, scopes: list[_Scope]) -> None:
        """DefaultRuntimeDir."""
        path = server_relative(self._context.server_root, _arguments(line)[0])
        if not os.path.isdir(path):
            raise ConfigError(
                "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot"
            )
        self._context.runtime_dir = path

    def macro(self, line: Line, scopes: list[_Scope]) -> None:
        """<Macro>: keeps its lines."""
        known = self._context.macros
        defined = macros.define(line.rest, line.origin, self._source, known, self._warner(line))
        known[defined.name] = defined
        self._context.any_macro = True

    def use(self, line: Line, scopes: list[_Scope]) -> None:
        """Use: its lines come next."""
        if not self._context.any_macro:
            raise ConfigError("no macro defined before Use")
        word, arguments = take_word(line.rest)
        if not word:
            raise ConfigError("no macro name specified with Use")
        name = word.lower()
        if name not in self._context.macros:
            raise ConfigError(f"macro '{name}' undefined")
        macro = self._context.macros[name]
        self._source.push(macros.use(macro, words(arguments), line.origin, self._warner(line)))

    def undef_macro(self, line: Line, scopes: list[_Scope]) -> None:
        """UndefMacro."""
        [word] = _arguments(line)
        if not self._context.any_macro:
            raise ConfigError("no macro defined before UndefMacro")
        if self._context.macros.pop(word.lower(), None) is None:
            raise ConfigError(f"cannot remove undefined macro '{word.lower()}'")

    def _warner(self, line: Line) -> Callable[[str], None]:
        return lambda message: self._context.warn(message, line.origin)


@dataclass(frozen=True, slots=True)
class _Action:
    """A directive of the reader, the module that must be there for it, and what executes it."""

    directive: Directive
    module: str
    act: Callable[[_Reader, Line, list[_Scope]], None]


_EXECUTED: dict[str, Callable[[_Reader, Line, list[_Scope]], None]] = {
    **dict.fromkeys(CONDITIONS, _Reader.condition),
    "include": _Reader.include,
    "includeoptional": _Reader.include,
    "define": _Reader.define,
    "undefine": _Reader.undefine,
    "serverroot": _Reader.server_root,
    "defaultruntimedir": _Reader.runtime_dir,
    "loadmodule": _Reader.load_module,
    "loadfile": _Reader.load_file,
    "<macro": _Reader.macro,
    "use": _Reader.use,
    "undefmacro": _Reader.undef_macro,
}

_ACTIONS = {
    directive.key: _Action(directive, module, _EXECUTED[directive.key])
    for module, directives in READ_DIRECTIVES.items()
    for directive in directives
}


def _arguments(line: Line) -> list[str]:
    """The words of a line, as many as its directive's shape wants; an empty last one counts as none."""
    directive = _ACTIONS[line.name.lower()].directive
    given = words(line.rest)
    while given and not given[-1]:
        given.pop()
    counts = FIXED_COUNTS.get(directive.shape)
    if not all(given) or (len(given) not in counts if counts else not given):
        raise ConfigError(f"{directive.name} {directive.shape.value}, {directive.help}")
    return given


def _check_variable(name: str) -> None:
    if ":" in name:
        raise ConfigError("Variable name must not contain ':'")
