"""What every configuration syntax produces: a tree of nodes, each of which knows where it was written.

A ``Node`` is one directive or one section. Nodes are values: frozen, shared freely between threads, and equal
when they *say* the same, wherever they were written: two files are equal when their trees are. The ``Origin``
travels along so that any later message, however deep in the server, can name a file and a line.
"""

from __future__ import annotations

from mpmserver.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was written.

    ``file`` is what messages call the place: normally a path, but also ``Command line`` or mod_macro's description
    of a macro and its use. ``line`` counts from 1; of a directive that was continued over several lines it is the
    last one, as Apache counts.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Node:
    """A directive (``children`` is None) or a section (``children`` is a tuple, perhaps an empty one).

    ``name`` is the name as written, a section's with its opening bracket: ``DocumentRoot``, ``<Directory``.
    ``arguments`` is the raw text after the name, without white space around it and, for a section, without the
    closing ``>``: quotes and backslashes are still in it.
    """

    name: str
    arguments: str
    children: tuple[Node, ...] | None
    origin: Origin = field(compare=False)

    @property
    def is_section(self) -> bool:
        """Whether this node encloses others (or could)."""
        return self.children is not None

    @property
    def key(self) -> str:
        """The name as directives are looked up: in lower case, for Apache's names ignore case."""
        return self.name.lower()
