"""The directives of mod_autoindex besides IndexOptions."""

from __future__ import annotations

import re
from collections.abc import Callable

from mpmserver.config.build import Build
from mpmserver.config.directive import ACCESS_CONF, OR_ALL, OR_INDEXES, RSRC_CONF, Directive, Shape
from mpmserver.config.errors import ConfigError
from mpmserver.config.fnmatch import has_wildcards as has_shell_wildcards
from mpmserver.config.fnmatch import translate
from mpmserver.modules.autoindex.matching import DIRECTORY, has_wildcards, wildcards
from mpmserver.modules.autoindex.options import index_options
from mpmserver.modules.autoindex.settings import AutoindexDir, Description, Item
from mpmserver.modules.autoindex.templates import compile_template

DIRECTIONS = {"ascending": "A", "descending": "D"}
COLUMNS = {"name": "N", "date": "M", "size": "S", "description": "D"}


def _place(build: Build) -> str:
    """Where the directive stands, as items compare paths with it: "" outside of sections."""
    if not build.in_section:
        return ""
    section = build.section
    path = section.path if section.path is not None else build.path
    if path is not None and section.kind.value in ("Directory", ".htaccess"):
        return path if path.endswith("/") else f"{path}/"
    return section.pattern


def _item(build: Build, kind: str, data: str, to: str) -> Item:
    if kind == "path":
        to = DIRECTORY if to == "**DIRECTORY**" else to
        to = to if has_wildcards(to) else f"*{to}"
    elif kind == "encoding":
        to = to.lower()
    pattern = wildcards(to, ignore_case=kind in ("type", "encoding"))
    return Item(kind, data, wildcards(_place(build) + "*"), pattern)


def add_icon(kind: str) -> Callable[[Build, str, str], None]:
    """AddIcon and its relatives: a URL, or (alternate text,URL)."""

    def apply(build: Build, icon: str, to: str) -> None:
        settings = build.dir(AutoindexDir)
        if icon.startswith("("):
            if ")" not in icon:
                build.fail("missing closing paren")
            alt, _comma, icon = icon[: icon.index(")")].partition(",")
            settings.append("alts", _item(build, kind, alt[1:], to))
        settings.append("icons", _item(build, kind, icon, to))

    return apply


def add_alt(kind: str) -> Callable[[Build, str, str], None]:
    """AddAlt and its relatives."""

    def apply(build: Build, text: str, to: str) -> None:
        build.dir(AutoindexDir).append("alts", _item(build, kind, text, to))

    return apply


def add_description(build: Build, text: str, to: str) -> None:
    """AddDescription: part of a name, a pattern, or a path from any directory on."""
    whole_path = "/" in to
    if whole_path or has_shell_wildcards(to):
        shell = translate(f"{'*/' if whole_path else '*'}{to}*")
        pattern = re.compile(rf"\A(?:{shell})\Z", re.DOTALL)
    else:
        pattern = re.compile(re.escape(to))
    build.dir(AutoindexDir).append("descriptions", Description(text, pattern, whole_path))


def index_ignore(build: Build, name: str) -> None:
    pattern = wildcards(name[name.rfind("/") + 1 :])
    build.dir(AutoindexDir).append("ignored", Item("path", "", wildcards(_place(build) + "*"), pattern))


def index_ignore_reset(build: Build, on: bool) -> None:
    build.dir(AutoindexDir).ignore_reset = on


def index_order_default(build: Build, direction: str, column: str) -> None:
    if direction.lower() not in DIRECTIONS:
        build.fail("First keyword must be 'Ascending' or 'Descending'")
    if column.lower() not in COLUMNS:
        build.fail("Second keyword must be 'Name', 'Date', 'Size', or 'Description'")
    build.dir(AutoindexDir).order = (COLUMNS[column.lower()], DIRECTIONS[direction.lower()])


def fancy_indexing(build: Build, arguments: str) -> None:
    build.fail("The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing.")


def index_template(build: Build, path: str) -> None:
    """IndexTemplate (ours): a jinja2 template in place of the one that comes along."""
    try:
        build.dir(AutoindexDir).template = compile_template(build.resolve(path))
    except (OSError, ConfigError, UnicodeError) as error:
        build.fail(f"IndexTemplate {path}: {error}")


def _set(field: str) -> Callable[[Build, str], None]:
    def apply(build: Build, value: str) -> None:
        setattr(build.dir(AutoindexDir), field, value)

    return apply


_NAMES = "followed by one or more filenames"
_TYPES = "followed by one or more MIME types"
_ENCODINGS = "followed by one or more content encodings"

DIRECTIVES = (
    Directive("AddIcon", Shape.ITERATE2, OR_INDEXES, add_icon("path"), f"an icon URL {_NAMES}"),
    Directive("AddIconByType", Shape.ITERATE2, OR_INDEXES, add_icon("type"), f"an icon URL {_TYPES}"),
    Directive("AddIconByEncoding", Shape.ITERATE2, OR_INDEXES, add_icon("encoding"), f"an icon URL {_ENCODINGS}"),
    Directive("AddAlt", Shape.ITERATE2, OR_INDEXES, add_alt("path"), f"alternate descriptive text {_NAMES}"),
    Directive("AddAltByType", Shape.ITERATE2, OR_INDEXES, add_alt("type"), f"alternate descriptive text {_TYPES}"),
    Directive(
        "AddAltByEncoding", Shape.ITERATE2, OR_INDEXES, add_alt("encoding"),
        f"alternate descriptive text {_ENCODINGS}",
    ),
    Directive("IndexOptions", Shape.RAW_ARGS, OR_INDEXES, index_options, "one or more index options [+|-][]"),
    Directive(
        "IndexOrderDefault", Shape.TAKE2, OR_INDEXES, index_order_default,
        "{Ascending,Descending} {Name,Size,Description,Date}",
    ),
    Directive("IndexIgnore", Shape.ITERATE, OR_INDEXES, index_ignore, "one or more file extensions"),
    Directive(
        "IndexIgnoreReset", Shape.FLAG, OR_INDEXES, index_ignore_reset,
        "Reset the inherited list of IndexIgnore filenames",
    ),
    Directive("AddDescription", Shape.ITERATE2, OR_INDEXES, add_description, f"Descriptive text {_NAMES}"),
    Directive("HeaderName", Shape.TAKE1, OR_INDEXES, _set("header"), "a filename"),
    Directive("ReadmeName", Shape.TAKE1, OR_INDEXES, _set("readme"), "a filename"),
    Directive(
        "FancyIndexing", Shape.RAW_ARGS, OR_ALL, fancy_indexing,
        "The FancyIndexing directive is no longer supported. Use IndexOptions FancyIndexing.",
    ),
    Directive("DefaultIcon", Shape.TAKE1, OR_INDEXES, _set("default_icon"), "an icon URL"),
    Directive("IndexStyleSheet", Shape.TAKE1, OR_INDEXES, _set("style_sheet"), "URL to style sheet"),
    Directive("IndexHeadInsert", Shape.TAKE1, OR_INDEXES, _set("head_insert"), "String to insert in HTML HEAD section"),
    Directive(
        "IndexTemplate", Shape.TAKE1, RSRC_CONF | ACCESS_CONF, index_template,
        "a jinja2 template for directory listings",
    ),
)  # fmt: skip
