"""Writes docs/directives.md from the modules' own tables: `make docs`. A test fails while the file is behind.

What a bit of `Directive.where` allows is Apache's rule (ap_walk_config): outside of sections everything but what
only AuthConfig or Limit allow, within them what ACCESS_CONF or any override class names, in .htaccess the latter.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from mpmserver.config.directive import (
    ACCESS_CONF,
    OR_ALL,
    OR_FILEINFO,
    OR_INDEXES,
    OR_OPTIONS,
    OVERRIDE_NAMES,
    RSRC_CONF,
    Directive,
    Shape,
)
from mpmserver.core.module import Module
from mpmserver.modules import standard

TARGET = Path(__file__).parent / "directives.md"
ANYWHERE_OUTSIDE = RSRC_CONF | OR_OPTIONS | OR_FILEINFO | OR_INDEXES

ARGUMENTS = {
    Shape.NO_ARGS: "none",
    Shape.RAW_ARGS: "a form of its own",
    Shape.FLAG: "On or Off",
    Shape.TAKE1: "1",
    Shape.TAKE2: "2",
    Shape.TAKE3: "3",
    Shape.TAKE12: "1 or 2",
    Shape.TAKE13: "1 or 3",
    Shape.TAKE23: "2 or 3",
    Shape.TAKE123: "1 to 3",
    Shape.TAKE_ARGV: "any number",
    Shape.ITERATE: "1 or more",
    Shape.ITERATE2: "1, then 1 or more",
}

HEAD = """\
# Directives

Written by `make docs` from the tables in the modules; do not edit. What each directive does is in
[Apache's manual](https://httpd.apache.org/docs/2.4/mod/quickreference.html).

*Where*: **s** in the server's configuration, **v** in `<VirtualHost>`, **d** in `<Directory>`, `<Location>`,
`<Files>` and the like, **h** in `.htaccess`, where *Override* names the class of `AllowOverride` that allows it.
"""


def modules() -> Iterator[tuple[str, Module]]:
    """The modules that come with the server, with their identifiers, in the order of `-l`."""
    for identifier, python_name in standard.BUILT_IN.items():
        yield identifier, importlib.import_module(python_name).MODULE


def contexts(directive: Directive) -> str:
    """The letters of the contexts in which it may stand."""
    outside = bool(directive.where & ANYWHERE_OUTSIDE)
    letters = {
        "s": outside,
        "v": outside and not directive.global_only,
        "d": bool(directive.where & (ACCESS_CONF | OR_ALL)),
        "h": bool(directive.where & OR_ALL),
    }
    return "".join(letter for letter, allowed in letters.items() if allowed)


def override(directive: Directive) -> str:
    """The classes of AllowOverride that let .htaccess use it."""
    if directive.where & OR_ALL == OR_ALL:
        return "any"
    return ", ".join(name for bit, name in OVERRIDE_NAMES if directive.where & bit)


def row(directive: Directive) -> str:
    name = f"{directive.name}>" if directive.is_section else directive.name
    text = directive.help.replace("|", "\\|").replace("<", "\\<")
    return f"| `{name}` | {ARGUMENTS[directive.shape]} | {contexts(directive)} | {override(directive)} | {text} |"


def render() -> str:
    """The whole document."""
    parts = [HEAD]
    for identifier, module in modules():
        if module.directives:
            parts.append(f"## {module.source.removesuffix('.c')} (`{identifier}`)\n")
            parts.append("| Directive | Arguments | Where | Override | |\n|---|---|---|---|---|")
            parts.append("\n".join(row(each) for each in sorted(module.directives, key=lambda each: each.key)) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
