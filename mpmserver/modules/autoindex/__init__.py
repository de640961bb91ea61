"""mod_autoindex: the listing of a directory that has no index.

The handler collects what the directory holds (`entry`), puts it in order (`order`) and renders it through a template
(`page`, `data/templates/autoindex.html` or IndexTemplate's, which is compiled when the configuration is read).
"""

from __future__ import annotations

import os

from markupsafe import Markup

from mpmserver.core.body import Content, Response, Stream
from mpmserver.core.errorlog import os_error
from mpmserver.core.exchange import Exchange
from mpmserver.core.module import Hook, Module, Phase
from mpmserver.core.names import signature
from mpmserver.core.settings import CoreDir, ETag, Level, Options, effective
from mpmserver.http.dates import http_date
from mpmserver.http.errors import HTTPError
from mpmserver.http.etag import is_weak, make_etag
from mpmserver.http.text import path_octets
from mpmserver.modules.autoindex.directives import DIRECTIVES
from mpmserver.modules.autoindex.entry import entries, parent_entry
from mpmserver.modules.autoindex.frame import Insert, insert
from mpmserver.modules.autoindex.options import Option
from mpmserver.modules.autoindex.order import Wishes, arranged, hear
from mpmserver.modules.autoindex.page import Frame, build_page
from mpmserver.modules.autoindex.settings import AutoindexDir
from mpmserver.modules.autoindex.templates import PAGE
from mpmserver.modules.core.files import etag_bits
from mpmserver.modules.dir import DIRECTORY_HANDLER
from mpmserver.net.waits import offload, work

BUFFERED = 8000
"""A listing up to this size is sent with its length, as Apache's output buffer lets it."""

SHORT = 200
"""Names; what holds more is listed where it keeps nobody else waiting."""


class Listing(Stream):
    """A listing that is too long to know its length at the start: it is chunked."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    async def read(self) -> bytes:
        data, self._data = self._data, b""
        return data


async def handle(x: Exchange) -> Response | None:
    """Answer with a listing. Raises HTTPError 403 where Options or the file system forbid it."""
    x.allowed.add("GET")
    if x.method not in ("GET", "HEAD"):
        return None
    filename = x.filename or "/"
    core = x.settings[CoreDir]
    if not effective(core.options, core.options_add, core.options_remove, int(Options.SYM_LINKS)) & Options.INDEXES:
        tried = x.notes.get("dir-index-names", "none")
        x.server.log(
            Level.ERROR,
            "autoindex",
            f"AH01276: Cannot serve directory {filename}: No matching DirectoryIndex ({tried}) found, "
            "and server-generated directory index forbidden by Options directive",
            x,
        )
        raise HTTPError(403)
    x.filename = filename if filename.endswith("/") else f"{filename}/"
    return await _index(x, x.settings[AutoindexDir])


async def _index(x: Exchange, settings: AutoindexDir) -> Response:
    names = _names(x)
    charset = settings.charset
    x.content_type = f"{settings.content_type};charset={charset}" if charset else settings.content_type
    if settings.options & Option.TRACK_MODIFIED:
        _track_modified(x)
    if x.header_only:
        return Response(200)
    if len(names) > SHORT:
        await work()
    wishes = _wishes(x, settings)
    above = parent_entry(x, settings, wishes.options)
    found = await entries(x, settings, wishes.options, names, wishes.shows)
    ordered = arranged([above, *found] if above is not None else found, wishes)
    frame, streamed = await _frame(x, settings, wishes.options)
    page = build_page(x.uri, settings, wishes, ordered, frame)
    template = settings.template or PAGE
    text = template.render(page=page) if len(names) <= SHORT else await offload(template.render, page=page)
    data = os.fsencode(text)
    return Response(200, Listing(data) if streamed or len(data) > BUFFERED else Content(data))


def _names(x: Exchange) -> list[str]:
    try:
        return os.listdir(x.filename)
    except OSError as error:
        reason = os_error(error)
        x.server.log(
            Level.ERROR, "autoindex", f"{reason}: AH01275: Can't open directory for index: {x.filename}", x
        )
        raise HTTPError(403) from None


def _track_modified(x: Exchange) -> None:
    """Set the directory's own validators (TrackModified)."""
    status: os.stat_result = x.finfo
    now_us, mtime_us = int(x.request_time * 1_000_000), status.st_mtime_ns // 1000
    x.headers_out.set("Last-Modified", http_date(int(min(status.st_mtime, x.request_time))))
    bits = etag_bits(x.settings[CoreDir])
    names = {ETag.INODE: "INode", ETag.MTIME: "MTime", ETag.SIZE: "Size"}
    fields = tuple(name for bit, name in names.items() if bits & bit)
    tag = make_etag(status.st_ino, status.st_size, mtime_us, fields, is_weak(mtime_us, now_us))
    if tag is not None:
        x.headers_out.set("ETag", tag)


def _wishes(x: Exchange, settings: AutoindexDir) -> Wishes:
    column, direction = settings.order
    if settings.options & Option.IGNORE_CLIENT:
        return Wishes(settings.options | Option.SUPPRESS_COLUMN_SORTING, column, direction)
    return hear(Wishes(settings.options, column, direction), x.args)


async def _frame(x: Exchange, settings: AutoindexDir, options: int) -> tuple[Frame, bool]:
    """Header and readme, and whether one of them was answered by a subrequest (the length is unknown then)."""
    suppress = bool(options & Option.SUPPRESS_HTML_PREAMBLE)
    header = await _insert(x, settings.header, x.args)
    readme = await _insert(x, settings.readme, None)
    frame = Frame(
        header=None if header is None else header.html,
        preamble=not (suppress and header is not None and header.is_html),
        readme=None if readme is None else readme.html,
        signature=Markup(signature(x)),
        closing=not (suppress and readme is not None and readme.is_html),
    )
    return frame, any(part is not None and part.is_html for part in (header, readme))


async def _insert(x: Exchange, name: str | None, query: str | None) -> Insert | None:
    if name is None:
        return None
    uri = path_octets(name)
    return await insert(x, uri if query is None else f"{uri}?{query}")


MODULE = Module(
    "autoindex",
    directives=DIRECTIVES,
    hooks=(Hook(Phase.HANDLER, handle, handler=DIRECTORY_HANDLER),),
    dir_settings=AutoindexDir,
    pages=(PAGE,),
)
