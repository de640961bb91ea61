"""From a URI to a file and its bytes: translation to the DocumentRoot, forced types, and the default handler.

The hooks are functions of one request and run on the thread that holds its connection. The default handler is
the last that is asked; it opens the file once, and the open file travels in the response.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from base64 import b64encode
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from mpmserver.core.body import EMPTY, OpenFile, Response
from mpmserver.core.errorpage import allow_header
from mpmserver.core.module import HANDLED
from mpmserver.core.ranges import meets_conditions
from mpmserver.core.settings import CoreDir, CoreServer, ETag
from mpmserver.core.vhost import under_server_path
from mpmserver.http.dates import http_date
from mpmserver.http.errors import HTTPError
from mpmserver.http.etag import is_weak, make_digest_etag, make_etag
from mpmserver.http.limits import REGISTERED_METHODS
from mpmserver.http.text import path_octets
from mpmserver.http.uri import without_dots

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.expr import StringExpression
    from mpmserver.core.module import Handled
    from mpmserver.core.site import Merged

STANDARD_METHODS = ("GET", "OPTIONS", "POST")
_ETAG_FIELDS = ((ETag.INODE, "INode"), (ETag.MTIME, "MTime"), (ETag.SIZE, "Size"))
_BLOCK = 1 << 16
_PATH_MAX = 4096
_SURELY_SHORT = _PATH_MAX // 4
"""So many characters are no path that is too long, whatever they are."""


def translate(x: Exchange) -> Handled:
    """Map the URI below the DocumentRoot. (ap_core_translate)"""
    uri = x.uri
    if uri[:1] != "/" and uri != "*":
        raise HTTPError(400, log=f"AH00126: Invalid URI in request '{uri}' '{x.request.request_line}'")
    server = x.server
    server_path = server.core.server_path
    if server_path is not None and under_server_path(server_path, uri):
        uri = uri[len(server_path) :]
    path = uri.lstrip("/")
    if "//" in path or "./" in path or "\0" in path or path[-1:] == ".":
        path = _normal(x, path)
    filename = server.document_root + path
    if len(filename) >= _SURELY_SHORT and len(os.fsencode(filename)) >= _PATH_MAX:
        raise _unmappable(x, f"({errno.ENAMETOOLONG}){os.strerror(errno.ENAMETOOLONG)}: ")
    x.filename = filename
    return HANDLED


def _unmappable(x: Exchange, cause: str = "") -> HTTPError:
    return HTTPError(403, log=f"{cause}AH00127: Cannot map {x.request.request_line} to file")


def _normal(x: Exchange, path: str) -> str:
    """A path without dot segments and slashes in a row: modules may rewrite. Raises HTTPError for what is no file's."""
    *folders, name = path.split("/")
    path, above = without_dots("/".join(("", *filter(None, folders), name)))
    if above:
        raise _unmappable(x, "(20023)The given path was above the root path: ")
    if "\0" in path:
        raise _unmappable(x)
    return path.lstrip("/")


def override_type(x: Exchange) -> None:
    """ForceType, SetHandler, AcceptPathInfo. (core_override_type)"""
    core = x.settings[CoreDir]
    if core.forced_type is not None and core.forced_type != "none":
        x.content_type = path_octets(core.forced_type)
        x.charset = None
    if core.handler is not None:
        _use_handler(x, core.handler)
    if core.accept_path_info is not None:
        x.used_path_info = core.accept_path_info


def _use_handler(x: Exchange, expression: StringExpression) -> None:
    """SetHandler: its name, unless that is none; raises HTTPError 500 where there is none to be had."""
    handler, failure = expression.evaluate(x)
    if failure is not None:
        raise HTTPError(500, log=f"AH03154: Can't evaluate handler expression: {failure}")
    if handler.lower() != "none":
        x.handler = handler.lower()


def overrides_anything(settings: Any) -> bool:
    """Whether `override_type` has anything to do under these settings."""
    core = settings[CoreDir]
    return core.forced_type is not None or core.handler is not None or core.accept_path_info is not None


def overrides_purely(settings: Any) -> bool:
    """Whether the handler, where SetHandler is an expression, depends on nothing but the request's head and files."""
    handler = settings[CoreDir].handler
    return handler is None or bool(handler.is_pure)


def discard_body(x: Exchange) -> Coroutine[Any, Any, None] | None:
    """Read and forget the request's body before a file is looked at: a broken one is answered 400 or 413.

    Where the connection ends anyway after a Transfer-Encoding beside a Content-Length, it is left alone.
    (ap_discard_request_body)
    """
    request = x.request
    if not request.has_body or x.main is not None or request.ambiguous_framing:
        return None
    return _discard(x)


async def _discard(x: Exchange) -> None:
    while await x.first.body.read(_BLOCK):
        pass


def file_server(settings: Merged) -> Callable[[Exchange], Response]:
    """The default handler: a file's bytes, with validators, conditions and everything that says no to it."""
    describe = _describer(settings.core)

    def serve_file(x: Exchange) -> Response:
        if x.method not in ("GET", "HEAD", "POST"):
            return _other_method(x)
        status = _servable(x)
        fd = _open(x)
        try:
            describe(x, fd, status)
            verdict = meets_conditions(x)
        except BaseException:
            os.close(fd)
            raise
        if verdict is None or (verdict == 412 and x.header_only):
            return Response(verdict or x.status, OpenFile(fd, status.st_size))
        os.close(fd)
        return Response(verdict, EMPTY)

    return serve_file


def _other_method(x: Exchange) -> Response:
    x.allowed.update(STANDARD_METHODS)
    if x.method == "OPTIONS":
        x.headers_out.set("Allow", allow_header(x))
        return Response(200, EMPTY)
    if x.method in REGISTERED_METHODS or x.method in x.server.site.main[CoreServer].http_methods:
        raise HTTPError(405)
    line = x.request.request_line
    if line[:1] == "\x16" and line[1:2] in ("\x02", "\x03"):
        raise HTTPError(
            501,
            log=f"AH00134: Invalid method in request {line} - possible attempt to establish SSL connection on "
            "non-SSL port",
        )
    raise HTTPError(501, log=f"AH00135: Invalid method in request {line}")


def _servable(x: Exchange) -> os.stat_result:
    """The file's status; raises HTTPError for what is no file, or goes on behind one."""
    status = x.finfo
    name = x.filename or ""
    if status is None:
        raise HTTPError(404, log=f"AH00128: File does not exist: {name}{x.path_info}", level="info")
    if stat.S_ISDIR(status.st_mode):
        raise HTTPError(404, log=f"AH00129: Attempt to serve directory: {name}", level="info")
    if x.path_info and x.used_path_info is not True:
        raise HTTPError(404, log=f"AH00130: File does not exist: {name}{x.path_info}", level="info")
    if not stat.S_ISREG(status.st_mode):
        raise HTTPError(403, log=f"AH00038: Forbidden: {name} doesn't point to a file or directory")
    return status  # type: ignore[no-any-return]


def _open(x: Exchange) -> int:
    """Open the file; never blocks, even where a pipe took its place meanwhile."""
    try:
        return os.open(x.filename or "", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        number = error.errno or errno.EACCES
        log = f"({number}){os.strerror(number)}: AH00132: file permissions deny server access: {x.filename}"
        raise HTTPError(403, log=log) from None


def _describer(core: CoreDir) -> Callable[[Exchange, int, os.stat_result], None]:
    """What sets Last-Modified, ETag, Accept-Ranges and Content-Length, in Apache's order."""
    bits = etag_bits(core)
    by_digest = bool(bits & ETag.DIGEST)
    tag_fields = tuple(name for bit, name in _ETAG_FIELDS if bits & bit)
    accepted = ("accept-ranges", "Accept-Ranges", "none" if core.max_ranges == 0 else "bytes")

    def describe(x: Exchange, fd: int, status: os.stat_result) -> None:
        now, size = x.request_time, status.st_size
        fields = [("last-modified", "Last-Modified", http_date(int(min(status.st_mtime, now))))]
        if by_digest:
            fields.append(("etag", "ETag", make_digest_etag(_digest(fd, size, "sha1"))))
        elif tag_fields:
            mtime_us = status.st_mtime_ns // 1000
            weak = is_weak(mtime_us, int(now * 1_000_000))
            fields.append(("etag", "ETag", make_etag(status.st_ino, size, mtime_us, tag_fields, weak) or ""))
        fields.append(accepted)
        fields.append(("content-length", "Content-Length", str(size)))
        if core.content_digest:
            fields.append(("content-md5", "Content-MD5", b64encode(_digest(fd, size, "md5")).decode("ascii")))
        x.headers_out.fill(fields)

    return describe


def etag_bits(core: CoreDir) -> ETag:
    """What FileETag leaves: nothing at all means modification time and size, `None` only counts alone."""
    bits = ETag(((core.file_etag or 0) & ~core.etag_remove) | core.etag_add)
    if not bits:
        return ETag.MTIME | ETag.SIZE
    return bits & ~ETag.NO_TAG


def _digest(fd: int, size: int, name: Literal["md5", "sha1"]) -> bytes:
    digest = hashlib.new(name, usedforsecurity=False)
    offset = 0
    while offset < size and (block := os.pread(fd, _BLOCK, offset)):
        digest.update(block)
        offset += len(block)
    return digest.digest()
