"""The sections <If>, <ElseIf> and <Else>: what is inside holds where an expression does.

They are kept in the section that they stand in (or the server), in the order of the text; `core/ifwalk.py` asks them.
"""

from __future__ import annotations

from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.config.directive import OR_ALL, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.sections import Section, SectionKind
from mpmserver.config.syntax import take_word
from mpmserver.core.expr import Condition, compile_condition


def if_section(build: Build, arguments: str) -> None:
    """<If expression>."""
    _conditional(build, arguments, "If")


def else_if_section(build: Build, arguments: str) -> None:
    """<ElseIf expression>, behind <If> or <ElseIf>."""
    _conditional(build, arguments, "ElseIf")


def else_section(build: Build, arguments: str) -> None:
    """<Else>, behind <If> or <ElseIf>."""
    build.forbid_within("<Limit")
    if arguments:
        build.fail("<Else> does not take an argument")
    _walk(build, "Else", "", None)


def _conditional(build: Build, arguments: str, branch: str) -> None:
    build.forbid_within("<Limit")
    if not arguments:
        build.fail(f"{build.name}> directive requires additional arguments")
    text, rest = take_word(arguments)
    try:
        condition = compile_condition(build, text)
    except ConfigError as error:
        build.fail(f"Cannot parse condition clause: {error.message}")
    _walk(build, branch, text, condition)
    if rest:
        build.fail(f"Multiple {build.name}> arguments not supported.")


def _walk(build: Build, branch: str, text: str, condition: Condition | None) -> None:
    """Keep the section with those of its scope, when what it contains has been read."""
    outer = build.section
    section = Section(SectionKind.IF, text, build.origin, condition=condition, branch=branch, path=outer.path)
    section.depth = outer.depth + 1 if outer.kind is SectionKind.IF else 0
    build.enter(section, build.name).walk(build.node.children or ())
    siblings = build.host.ifs if outer.kind is SectionKind.SERVER else outer.ifs
    if branch != "If" and (not siblings or siblings[-1].branch == "Else"):
        build.fail("<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope")
    siblings.append(section)


_HELP = "Container for directives to be conditionally applied"
_TABLE: tuple[tuple[str, Callable[[Build, str], None]], ...] = (
    ("<If", if_section),
    ("<ElseIf", else_if_section),
    ("<Else", else_section),
)

DIRECTIVES = tuple(Directive(name, Shape.RAW_ARGS, OR_ALL | RSRC_CONF, apply, _HELP) for name, apply in _TABLE)
