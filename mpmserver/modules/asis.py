"""mod_asis: files that bring their own head: fields up to an empty line, as a script would write them, then the body.

The handler is `send-as-is`, or a file's type `httpd/send-as-is`. Only GET and HEAD are answered so, whatever conditions
a request has. Of a head that is broken, which is logged, only what describes the content counts, and there is no body.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from mpmserver.core.body import EMPTY, OpenFile, Response
from mpmserver.core.module import Hook, InternalRedirect, Module, Phase
from mpmserver.core.settings import Level
from mpmserver.http.errors import HTTPError
from mpmserver.modules.cgi.head import ScriptHead, apply_description, apply_head

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange

_BLOCK = 1 << 14


def send_as_is(x: Exchange) -> Response | InternalRedirect | None:
    """Answer with a file's own head and body, or go on at the local path that its Location names."""
    x.allowed.add("GET")
    if x.method not in ("GET", "HEAD"):
        return None
    fd = _open(x)
    try:
        head, rest = _read_head(fd)
        _apply(x, head)
        location = x.headers_out.get("Location")
        if location is not None and location.startswith("/") and (x.status == 200 or 300 <= x.status < 400):
            x.status, x.method = 200, "GET"
            os.close(fd)
            return InternalRedirect(location, content_type=x.content_type, quick=False)
    except BaseException:
        os.close(fd)
        raise
    if x.header_only:
        os.close(fd)
        return Response(x.status, EMPTY, head.status_line)
    size = x.finfo.st_size
    begin = rest if head.complete else size
    return Response(x.status, OpenFile(fd, size, ((begin, max(0, size - begin)),)), head.status_line)


def _open(x: Exchange) -> int:
    """Open the file; raises HTTPError 404 or 403."""
    if x.finfo is None:
        x.server.log(Level.INFO, "asis", f"AH01233: File does not exist: {x.filename}", x)
        raise HTTPError(404)
    try:
        return os.open(x.filename or "", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        number = error.errno or errno.EACCES
        cause = f"({number}){os.strerror(number)}: AH01234: file permissions deny server access: {x.filename}"
        x.server.log(Level.ERROR, "asis", cause, x)
        raise HTTPError(403) from None


def _read_head(fd: int) -> tuple[ScriptHead, int]:
    """The head, and where the body begins."""
    head, unread = ScriptHead(), bytearray()
    position = 0
    while not head.decided:
        try:
            block = os.pread(fd, _BLOCK, position)
        except IsADirectoryError:
            break
        position += len(block)
        unread += block or (b"\n" if unread else b"")  # the last line may lack its end
        del unread[: head.feed(unread)]
        if not block:
            break
    return head, position - len(unread)


def _apply(x: Exchange, head: ScriptHead) -> None:
    """Take the fields over. What the request's conditions come to does not count here."""
    name = os.path.basename(x.filename or "")
    if head.complete:
        with contextlib.suppress(HTTPError):
            apply_head(x, head)
    else:
        apply_description(x, head)
    if head.status is not None and not 100 <= x.status <= 599:
        _log(x, f"Invalid status line from script '{name}': {head.status[:30]}")
    if head.complete:
        return
    if head.bad_line is not None or head.overlong:
        _log(x, f"malformed header from script '{name}': Bad header: ")
    elif head.begun:
        _log(x, f"Premature end of script headers: {name}")
    else:
        _log(x, f"End of script output before headers: {name}")


def _log(x: Exchange, message: str) -> None:
    x.server.log(Level.ERROR, "asis", message, x)


MODULE = Module(
    "asis",
    hooks=(
        Hook(Phase.HANDLER, send_as_is, handler="send-as-is"),
        Hook(Phase.HANDLER, send_as_is, handler="httpd/send-as-is"),
    ),
)
