"""Settings of mod_autoindex in a section, and the lists that choose icons, texts and what is hidden.

Lists are asked from the innermost section outwards. Each item is bound to the place it was written in: it only counts
for files whose path begins with it, so what stands in a <Location> or <Files> says nothing about any file.
"""

from __future__ import annotations

import re
from typing import Any, Self

from mpmserver.config.settings import Settings, is_set, join_values, setting
from mpmserver.records import dataclass


@dataclass(frozen=True, slots=True)
class Width:
    """A column's width in bytes; `adjust` widens it to the longest text."""

    bytes: int
    adjust: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One AddIcon, AddAlt or IndexIgnore: `data` for what `matches`, below `place`.

    `kind` is "path", "type" or "encoding"; `special` is the text of a ^^NAME^^.
    """

    kind: str
    data: str
    place: re.Pattern[str]
    matches: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Description:
    """One AddDescription; `whole_path` compares the path instead of the name."""

    text: str
    pattern: re.Pattern[str]
    whole_path: bool


@dataclass(slots=True)
class AutoindexDir(Settings):
    """What holds in a section; `added` and `removed` are what + and - said, which count when they meet an outer one."""

    options: int = setting(0)
    added: int = setting(0)
    removed: int = setting(0)
    name_width: Width = setting(Width(23))
    description_width: Width | None = setting(None)
    """None is 23 bytes and what the columns that are not shown would take."""
    icon_width: int = setting(0)
    icon_height: int = setting(0)
    content_type: str = setting("text/html")
    charset: str = setting("ISO-8859-1")
    old_date_format: bool = setting(False)
    order: tuple[str, str] = setting(("N", "A"))
    """Column (N, M, S, D) and direction (A, D)."""
    icons: tuple[Item, ...] = setting(())
    alts: tuple[Item, ...] = setting(())
    descriptions: tuple[Description, ...] = setting(())
    ignored: tuple[Item, ...] = setting(())
    ignore_reset: bool = setting(False)
    default_icon: str | None = setting(None)
    header: str | None = setting(None)
    readme: str | None = setting(None)
    head_insert: str | None = setting(None)
    style_sheet: str | None = setting(None)
    template: Any = setting(None)
    """IndexTemplate's, compiled; None for the one that comes along."""

    @classmethod
    def merge(cls, outer: Self, inner: Self) -> Self:
        merged = super().merge(outer, inner)
        for name in ("icons", "alts", "descriptions"):
            setattr(merged, name, join_values("append", getattr(inner, name), getattr(outer, name)))
        resets = is_set(inner.ignore_reset) and inner.ignore_reset
        merged.ignored = inner.ignored if resets else join_values("append", inner.ignored, outer.ignored)
        merged.ignore_reset = False
        _merge_options(merged, outer, inner)
        for name in ("icon_width", "icon_height"):
            if not getattr(inner, name):
                setattr(merged, name, getattr(outer, name))
        return merged


def _merge_options(merged: AutoindexDir, outer: AutoindexDir, inner: AutoindexDir) -> None:
    """Plus and minus change what is inherited; beside a plain keyword (or None) they count for nothing."""
    if _bits(inner.options):
        merged.options, merged.added, merged.removed = inner.options, 0, 0
        return
    added, removed = _bits(inner.added), _bits(inner.removed)
    merged.added = (_bits(outer.added) | added) & ~removed
    merged.removed = _bits(outer.removed) | removed
    merged.options = (_bits(outer.options) | merged.added) & ~merged.removed


def _bits(value: int) -> int:
    return value if is_set(value) else 0
