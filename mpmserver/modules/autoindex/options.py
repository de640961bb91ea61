"""IndexOptions: the keywords, and the rules by which directives of one section and of nested ones add up."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Final

from mpmserver.config.build import Build
from mpmserver.config.numbers import atoi
from mpmserver.config.settings import is_set
from mpmserver.config.syntax import words
from mpmserver.modules.autoindex.settings import AutoindexDir, Width


class Option(enum.IntFlag):
    """The keywords that are on or off."""

    NONE = 1
    ICONS_ARE_LINKS = 2
    SCAN_HTML_TITLES = 4
    SUPPRESS_ICON = 8
    SUPPRESS_LAST_MODIFIED = 16
    SUPPRESS_SIZE = 32
    SUPPRESS_DESCRIPTION = 64
    SUPPRESS_HTML_PREAMBLE = 128
    SUPPRESS_COLUMN_SORTING = 256
    SUPPRESS_RULES = 512
    FOLDERS_FIRST = 1024
    VERSION_SORT = 2048
    TRACK_MODIFIED = 4096
    FANCY_INDEXING = 8192
    HTML_TABLE = 16384
    IGNORE_CLIENT = 32768
    IGNORE_CASE = 65536
    XHTML = 131072
    SHOW_FORBIDDEN = 262144
    ADD_ALT_CLASS = 524288


KEYWORDS: Final = MappingProxyType({option.name.replace("_", "").lower(): option for option in Option if option.name})

ICON_SIZES: Final = MappingProxyType({"iconwidth": ("icon_width", 20), "iconheight": ("icon_height", 22)})
WIDTHS: Final = MappingProxyType({"namewidth": ("name_width", 5), "descriptionwidth": ("description_width", 12)})
SPELLED: Final = MappingProxyType(
    {"iconwidth": "IconWidth", "iconheight": "IconHeight", "namewidth": "NameWidth",
     "descriptionwidth": "DescriptionWidth"}
)  # fmt: skip
DEFAULT_WIDTH: Final = 23
"""Of the name and of the description, in bytes."""


def index_options(build: Build, arguments: str) -> None:
    """IndexOptions: on, plus and minus keywords, and those with a value."""
    settings = build.dir(AutoindexDir)
    options = _number(settings.options)
    added, removed = _number(settings.added), _number(settings.removed)
    for word in words(arguments):
        sign, keyword = (word[0], word[1:]) if word[:1] in ("+", "-") else ("", word)
        option = _option(build, settings, sign, keyword)
        if option is Option.NONE:
            options, added, removed = Option.NONE.value, 0, 0
        elif sign == "+":
            added, removed = added | option, removed & ~option
        elif sign == "-":
            added, removed = added & ~option, removed | option
        else:
            options, added, removed = options | option, 0, 0
    if options & Option.NONE and options & ~Option.NONE:
        build.fail("Cannot combine other IndexOptions keywords with 'None'")
    settings.options, settings.added, settings.removed = options, added, removed


def _number(value: int) -> int:
    return value if is_set(value) else 0


def _option(build: Build, settings: AutoindexDir, sign: str, keyword: str) -> int:
    """Return the bit of a keyword; those with a value are noted in `settings` and have none."""
    name, equals, value = keyword.partition("=")
    name = name.lower()
    if not equals and name in KEYWORDS:
        if name == "none" and sign:
            build.fail("Cannot combine '+' or '-' with 'None' keyword")
        return KEYWORDS[name]
    if name in ICON_SIZES:
        _icon_size(build, settings, sign, name, value if equals else None)
    elif name in WIDTHS:
        _width(build, settings, sign, name, value if equals else None)
    elif equals and name == "type":
        settings.content_type = value
    elif equals and name == "charset":
        settings.charset = value
    elif not equals and name == "useolddateformat":
        settings.old_date_format = True
    else:
        build.fail("Invalid directory indexing option")
    return 0


def _icon_size(build: Build, settings: AutoindexDir, sign: str, name: str, value: str | None) -> None:
    field, default = ICON_SIZES[name]
    if value is None:
        setattr(settings, field, 0 if sign == "-" else default)
    elif sign == "-":
        build.fail(f"Cannot combine '-' with {SPELLED[name]}=n")
    else:
        setattr(settings, field, atoi(value))


def _width(build: Build, settings: AutoindexDir, sign: str, name: str, value: str | None) -> None:
    field, least = WIDTHS[name]
    spelled = SPELLED[name]
    if value is None:
        if sign != "-":
            build.fail(f"{spelled} with no value may only appear as '-{spelled}'")
        setattr(settings, field, Width(DEFAULT_WIDTH))
        return
    if sign == "-":
        build.fail(f"Cannot combine '-' with {spelled}=n")
    if value.startswith("*"):
        known = getattr(settings, field)
        setattr(settings, field, Width(known.bytes if is_set(known) else DEFAULT_WIDTH, adjust=True))
        return
    width = atoi(value)
    if width and width < least:
        build.fail(f"{spelled} value must be greater than {least}")
    setattr(settings, field, Width(width))
