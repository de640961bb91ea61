"""What a listing's template is given: texts that are escaped, cut and padded, ready to be put in their places.

Widths are bytes, as Apache counts them. Everything that comes from names or the configuration is `Markup`: escaped
where Apache escapes it, and left as it is where Apache does (descriptions may hold tags). A template of one's own
gets the same `page` and can rely on that.
"""

from __future__ import annotations

import os
import time

from markupsafe import Markup

from mpmserver.http.text import escape_html as escaped_html
from mpmserver.http.uri import escape_path, escape_uri
from mpmserver.modules.autoindex.entry import Entry
from mpmserver.modules.autoindex.matching import BLANK_ICON, Subject, find
from mpmserver.modules.autoindex.options import Option
from mpmserver.modules.autoindex.order import Wishes
from mpmserver.modules.autoindex.settings import AutoindexDir, Width
from mpmserver.records import dataclass

_UNITS = "KMGTPE"


def escape_html(text: str) -> Markup:
    """Escape as Apache does: & < > and the double quote."""
    return Markup(escaped_html(text))


def size_text(size: int) -> str:
    """A size in four characters (apr_strfsize): "  - ", "973 ", "1.0K", " 10K"."""
    if size < 0:
        return "  - "
    if size < 973:
        return f"{size:3d} "
    unit = 0
    whole, rest = divmod(size, 1024)
    while whole >= 973:
        whole, rest = divmod(whole, 1024)
        unit += 1
    if whole < 9 or (whole == 9 and rest < 973):
        tenths = (rest * 5 + 256) // 512
        whole, tenths = (whole + 1, 0) if tenths >= 10 else (whole, tenths)
        return f"{whole}.{tenths}{_UNITS[unit]}"
    return f"{whole + (rest >= 512):3d}{_UNITS[unit]}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the template sees it."""

    href: Markup
    name: Markup
    """As it fits into its column."""
    full_name: Markup
    padding: str
    icon: Markup | None
    alt: Markup
    modified: str
    """Empty where there is no date."""
    size: str
    description: Markup | None
    css_class: str


@dataclass(frozen=True, slots=True)
class Column:
    """One heading; `href` is None where columns can't be sorted."""

    title: str
    href: Markup | None


@dataclass(frozen=True, slots=True)
class Page:
    """All that a listing shows."""

    kind: str
    """plain, fancy or table."""
    title: Markup
    xhtml: bool
    lines: tuple[Line, ...]
    columns: dict[str, Column]
    """Those that are shown: "name" always, "modified", "size", "description"."""
    icons: bool
    icons_are_links: bool
    rules: bool
    blank_icon: Markup | None
    icon_width: int
    icon_height: int
    name_width: int
    style_sheet: Markup | None
    head_insert: Markup | None
    header: Markup | None
    preamble: bool
    readme: Markup | None
    signature: Markup | None
    closing: bool

    @property
    def column_count(self) -> int:
        return len(self.columns) + self.icons


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the lines: header and readme as HTML, and what they make superfluous."""

    header: Markup | None = None
    preamble: bool = True
    readme: Markup | None = None
    signature: Markup | None = None
    closing: bool = True


def build_page(uri: str, settings: AutoindexDir, wishes: Wishes, entries: list[Entry], frame: Frame) -> Page:
    """Make the page of the directory at `uri` from its entries, which are in order."""
    options = wishes.options
    kind = "table" if options & Option.HTML_TABLE else "fancy" if options & Option.FANCY_INDEXING else "plain"
    name_width = _width(settings.name_width, [entry.name for entry in entries], kind)
    described = [entry.description for entry in entries if entry.description is not None]
    writer = _Writer(settings, options, kind, name_width, _description_width(settings, options, described, kind))
    blank_icon = find(settings.icons, Subject(BLANK_ICON))
    return Page(
        kind=kind,
        title=escape_html(uri.rstrip("/") or uri[:1]),
        xhtml=bool(options & Option.XHTML),
        lines=tuple(writer.line(number, entry) for number, entry in enumerate(entries)),
        columns=_columns(wishes),
        icons=not options & Option.SUPPRESS_ICON,
        icons_are_links=bool(options & Option.ICONS_ARE_LINKS),
        rules=not options & Option.SUPPRESS_RULES,
        blank_icon=None if blank_icon is None else escape_html(blank_icon),
        icon_width=settings.icon_width,
        icon_height=settings.icon_height,
        name_width=name_width,
        style_sheet=None if settings.style_sheet is None else Markup(settings.style_sheet),
        head_insert=None if settings.head_insert is None else Markup(settings.head_insert),
        header=frame.header,
        preamble=frame.preamble,
        readme=frame.readme,
        signature=frame.signature,
        closing=frame.closing,
    )


def _width(width: Width, texts: list[str], kind: str) -> int:
    if not width.adjust or kind != "fancy":
        return width.bytes
    return max([width.bytes, *(len(os.fsencode(text)) for text in texts)])


def _description_width(settings: AutoindexDir, options: int, texts: list[str], kind: str) -> int:
    """Bytes for descriptions: as configured, or 23 and what suppressed columns leave."""
    if settings.description_width is not None:
        return _width(settings.description_width, texts, kind)
    spare = {Option.SUPPRESS_ICON: 6, Option.SUPPRESS_LAST_MODIFIED: 19, Option.SUPPRESS_SIZE: 7}
    return 23 + sum(width for option, width in spare.items() if options & option)


_COLUMNS = (
    ("name", "Name", "N", Option(0)),
    ("modified", "Last modified", "M", Option.SUPPRESS_LAST_MODIFIED),
    ("size", "Size", "S", Option.SUPPRESS_SIZE),
    ("description", "Description", "D", Option.SUPPRESS_DESCRIPTION),
)


def _columns(wishes: Wishes) -> dict[str, Column]:
    sortable = not wishes.options & Option.SUPPRESS_COLUMN_SORTING
    columns = {}
    for key, title, letter, suppressed in _COLUMNS:
        if not wishes.options & suppressed:
            direction = "D" if wishes.column == letter and wishes.direction == "A" else "A"
            href = Markup(f"?C={letter};O={direction}{wishes.link_query}")
            columns[key] = Column(title, href if sortable else None)
    return columns


class _Writer:
    """Makes lines for one page."""

    __slots__ = ("_cut_description", "_cut_name", "_date", "_description_width", "_name_width", "_options", "_settings")

    def __init__(
        self, settings: AutoindexDir, options: int, kind: str, name_width: int, description_width: int
    ) -> None:
        self._settings = settings
        self._options = options
        self._name_width = name_width
        self._description_width = description_width
        is_table = kind == "table"
        self._cut_name = kind != "plain" and not (is_table and settings.name_width.adjust)
        width = settings.description_width
        self._cut_description = not (is_table and width is not None and width.adjust)
        self._date = "%d-%b-%Y %H:%M" if settings.old_date_format else "%Y-%m-%d %H:%M"

    def line(self, number: int, entry: Entry) -> Line:
        text = "Parent Directory" if entry.is_parent else entry.name
        shown, padding = self._name(text) if self._cut_name else (text, "")
        escaped = escape_uri(entry.name) if entry.is_parent else escape_path(entry.name)
        icon = entry.icon or self._settings.default_icon
        has_date = entry.modified != -1
        return Line(
            href=escape_html(escaped),
            name=escape_html(shown),
            full_name=escape_html(text),
            padding=padding,
            icon=None if icon is None else escape_html(icon),
            alt=Markup("   " if entry.alt is None else entry.alt),
            modified=time.strftime(self._date, time.localtime(entry.modified)) if has_date else "",
            size=size_text(entry.size),
            description=self._description(entry.description),
            css_class=self._css_class(number, entry),
        )

    def _name(self, text: str) -> tuple[str, str]:
        """Cut a name to the column's width, or say what fills the column up."""
        octets = os.fsencode(text)
        if len(octets) > self._name_width:
            return os.fsdecode(octets[: self._name_width - 3]) + "..>", ""
        return text, " " * (self._name_width - len(octets))

    def _description(self, text: str | None) -> Markup | None:
        if text is None or not self._cut_description:
            return None if text is None else Markup(text)
        return Markup(cut_description(text, self._description_width))

    def _css_class(self, number: int, entry: Entry) -> str:
        parity = "odd" if number % 2 else "even"
        if entry.alt is not None and self._options & Option.ADD_ALT_CLASS:
            return f"{parity}-{entry.alt.lower()}"
        return parity


def cut_description(text: str, width: int) -> str:
    """Cut a description after `width` bytes; tags count nothing, entities one."""
    octets = os.fsencode(text)
    position = 0
    while position < len(octets) and (width > 0 or octets[position] == ord("<")):
        if octets[position] == ord("<"):
            end = octets.find(b">", position)
        elif octets[position] == ord("&"):
            width -= 1
            end = octets.find(b";", position)
        else:
            width -= 1
            end = position
        if end < 0:
            return text
        position = end + 1
    if position >= len(octets) or not position:
        return text
    return os.fsdecode(octets[: position - 1] + b">")
