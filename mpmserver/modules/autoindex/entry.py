"""One line of a listing, and the listing's collection: what a directory holds that a client may see.

Every name is looked up as a subrequest, so that what a request for it would be refused is not shown, and so that
its type is the one it would have. A directory's subrequest may lead on to its index file, whose date then counts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from mpmserver.core.exchange import Exchange
from mpmserver.core.subrequest import lookup_entry
from mpmserver.modules.autoindex.matching import DIRECTORY, Subject, find, find_description, is_ignored
from mpmserver.modules.autoindex.options import Option
from mpmserver.modules.autoindex.settings import AutoindexDir
from mpmserver.net.waits import sleep
from mpmserver.records import dataclass

TURN = 16
"""So many names are looked up in a row; then it is the others' turn."""
_TITLE_BYTES = 8191
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/x-server-parsed-html"})


@dataclass(slots=True)
class Entry:
    """A file, a directory (its name ends with a slash), or the parent (its name is an absolute URI)."""

    name: str
    is_directory: bool = False
    is_parent: bool = False
    modified: float = -1
    """Seconds since 1970; -1 is not shown."""
    size: int = -1
    icon: str | None = None
    alt: str | None = None
    description: str | None = None


def parent_entry(x: Exchange, settings: AutoindexDir, options: int) -> Entry | None:
    """Return the line that leads up; None at the root and where IndexIgnore hides "..". """
    above = x.uri[: x.uri.rstrip("/").rfind("/") + 1]
    path = f"{x.filename}.."
    if not x.uri.strip("/") or is_ignored(settings.ignored, path):
        return None
    entry = Entry(above, is_parent=True)
    if options & Option.FANCY_INDEXING:
        entry.icon = find(settings.icons, Subject(path, path_only=True)) or find(settings.icons, Subject(DIRECTORY))
        entry.alt = (
            find(settings.alts, Subject(path, path_only=True)) or find(settings.alts, Subject(DIRECTORY)) or "PARENTDIR"
        )
        entry.description = find_description(settings.descriptions, path)
    return entry


async def entries(
    x: Exchange, settings: AutoindexDir, options: int, names: list[str], shows: Callable[[str], bool] | None
) -> list[Entry]:
    """Return the lines for those `names` in the directory of `x` that a client may see."""
    found: list[Entry] = []
    for number, name in enumerate(names, 1):
        if number % TURN == 0:
            await sleep(0)
        if shows is not None and not shows(name):
            continue
        if not is_ignored(settings.ignored, f"{x.filename}{name}"):
            entry = await _entry(x, settings, options, name)
            if entry is not None:
                found.append(entry)
    return found


async def _entry(x: Exchange, settings: AutoindexDir, options: int, name: str) -> Entry | None:
    path = f"{x.filename}{name}"
    try:
        status = os.lstat(path)
        is_link = stat.S_ISLNK(status.st_mode)
        if is_link:
            status = os.stat(path)
    except OSError:
        return None
    is_directory = stat.S_ISDIR(status.st_mode)
    if not is_directory and not stat.S_ISREG(status.st_mode):
        return None
    sub = await lookup_entry(x, name, status, is_link)
    may_show = sub.status < 400 or (options & Option.SHOW_FORBIDDEN and sub.status in (401, 403))
    if not may_show or sub.finfo is None:
        return None
    entry = Entry(f"{name}/" if is_directory else name, is_directory)
    if options & (Option.FANCY_INDEXING | Option.HTML_TABLE):
        entry.modified = sub.finfo.st_mtime
        _describe(entry, settings, options, sub)
    return entry


def _describe(entry: Entry, settings: AutoindexDir, options: int, sub: Exchange) -> None:
    """Find icon, alternate text, size and description."""
    path = sub.filename or ""
    if entry.is_directory:
        path = path[: path.rfind("/")]
        subject = Subject(path, path_only=True)
        entry.icon = find(settings.icons, subject) or find(settings.icons, Subject(DIRECTORY))
        entry.alt = find(settings.alts, subject) or find(settings.alts, Subject(DIRECTORY)) or "DIR"
    else:
        subject = Subject(path, _essence(sub.content_type), sub.content_encoding)
        entry.icon = find(settings.icons, subject)
        entry.alt = find(settings.alts, subject)
        entry.size = sub.finfo.st_size
    entry.description = find_description(settings.descriptions, path)
    if entry.description is None and options & Option.SCAN_HTML_TITLES:
        entry.description = _title(sub)


def _essence(content_type: str | None) -> str | None:
    return None if content_type is None else content_type.partition(";")[0].rstrip()


def is_html(content_type: str | None) -> bool:
    """Whether a type is one whose files are HTML documents."""
    return _essence(content_type) in _HTML_TYPES


def _title(sub: Exchange) -> str | None:
    """The title of an HTML document, where it stands within the first 8 KiB."""
    if sub.status != 200 or sub.content_encoding or not is_html(sub.content_type) or sub.filename is None:
        return None
    try:
        with open(sub.filename, "rb") as file:
            text = file.read(_TITLE_BYTES)
    except OSError:
        return None
    start = text.lower().find(b"<title>")
    if start < 0:
        return None
    title = text[start + 7 :].partition(b"<")[0].lstrip(b"\r\n").replace(b"\r", b" ").replace(b"\n", b" ")
    return os.fsdecode(title)
