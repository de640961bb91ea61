"""How the tables of core directives are written: rows of name, shape, function and help, for one set of contexts."""

from __future__ import annotations

from collections.abc import Callable

from mpmserver.config.directive import Directive, Shape

Row = tuple[str, Shape, Callable[..., None], str]


def directives(where: int, *rows: Row, global_only: bool = False) -> tuple[Directive, ...]:
    """The directives of some rows that are all allowed in the same places."""
    return tuple(Directive(name, shape, where, apply, text, global_only) for name, shape, apply, text in rows)
