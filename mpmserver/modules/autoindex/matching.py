"""The wildcards of mod_autoindex, and the search through its lists for one file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mpmserver.modules.autoindex.settings import Description, Item
from mpmserver.records import dataclass

DIRECTORY = "^^DIRECTORY^^"
BLANK_ICON = "^^BLANKICON^^"


@dataclass(frozen=True, slots=True)
class Subject:
    """What items are matched against: a path, or a ^^NAME^^, and the file's type and encoding.

    `path_only` leaves items by type and encoding out, as for directories.
    """

    path: str
    content_type: str | None = None
    encoding: str | None = None
    path_only: bool = False


def wildcards(text: str, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a text in which * and ? stand for any characters and any one (ap_strcmp_match); for `fullmatch`."""
    pieces = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text)
    flags = re.DOTALL | (re.IGNORECASE | re.ASCII if ignore_case else re.NOFLAG)
    return re.compile("".join(pieces), flags)


def has_wildcards(text: str) -> bool:
    """Whether a text has one of those two (ap_is_matchexp)."""
    return "*" in text or "?" in text


def find(items: Iterable[Item], subject: Subject) -> str | None:
    """Return the data of the first item that is for `subject`."""
    special = subject.path.startswith("^")
    for item in items:
        if not special and item.place.fullmatch(subject.path) is None:
            continue
        if item.kind == "path" or special:
            text: str | None = subject.path
        elif subject.path_only or item.kind != ("encoding" if subject.encoding else "type"):
            continue
        else:
            text = subject.encoding or subject.content_type
        if text is not None and item.matches.fullmatch(text) is not None:
            return item.data
    return None


def find_description(descriptions: Iterable[Description], path: str) -> str | None:
    """Return the first description that is for the file at `path`."""
    name = path[path.rfind("/") + 1 :]
    for description in descriptions:
        if description.pattern.search(path if description.whole_path else name) is not None:
            return description.text
    return None


def is_ignored(items: Iterable[Item], path: str) -> bool:
    """Whether IndexIgnore hides the entry at `path`."""
    name = path[path.rfind("/") + 1 :]
    return any(item.place.fullmatch(path) and item.matches.fullmatch(name) for item in items)
