"""A response on the wire: filters, head, framing, and the system call that suits the body.

The head is made as Apache makes it: Date and Server first, the module's headers, then what the connection adds
(Connection, Keep-Alive, Transfer-Encoding), the type last. A body of unknown length is chunked for HTTP/1.1 and
ends with the connection for HTTP/1.0.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mpmserver.core.body import EMPTY, Content, OpenFile, Response, Stream
from mpmserver.core.names import full_content_type, server_product
from mpmserver.core.settings import CoreServer
from mpmserver.http.chunked import LAST_CHUNK, encode_chunk
from mpmserver.http.headers import Headers
from mpmserver.http.status import has_no_body, status_line
from mpmserver.serve.persistence import persistence

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.serve.connection import Connection


class Sender:
    """Sends one response; made anew for each."""

    __slots__ = ("chunked", "connection", "response", "seconds", "x")

    def __init__(self, connection: Connection, x: Exchange) -> None:
        self.connection = connection
        self.x = x
        assert x.response is not None
        self.response: Response = x.response
        self.seconds = x.server[CoreServer].timeout
        self.chunked = False

    async def send(self) -> None:
        """Send head and body; raises OSError or TimedOut where the client is gone, after closing the body."""
        body = self.response.body
        if self.x.protocol == "HTTP/0.9":
            self.x.keep_alive = False
        try:
            if isinstance(body, Stream):
                await self._send_stream(body)
            elif self.x.protocol == "HTTP/0.9":
                await self._send_body(b"")
            else:
                head = self._head(body.length)
                await self._send_body(head)
        finally:
            body.close()

    async def _send_body(self, head: bytes) -> None:
        x, body = self.x, self.response.body
        without = x.header_only or body is EMPTY or has_no_body(self.response.status)
        pieces = [head] if head else []
        if without:
            await self._count(pieces, 0)
        elif isinstance(body, Content):
            pieces.append(encode_chunk(body.data) + LAST_CHUNK if self.chunked else body.data)
            await self._count(pieces, len(body.data))
        elif isinstance(body, OpenFile):
            await self._send_file(body, pieces)
        else:
            raise TypeError(f"{type(body).__name__} is no body that can be sent")

    async def _count(self, pieces: list[bytes], of_body: int, more: bool = False) -> None:
        """Send bytes, and count them for the log."""
        if not pieces:
            return
        self.x.sent_body += of_body
        await self.connection.transport.send(pieces, self.seconds, more)

    async def _send_file(self, body: OpenFile, pieces: list[bytes]) -> None:
        self.x.sent_body += body.length  # all of it, also where the client leaves, as Apache counts for %b
        for piece in body.pieces:
            if isinstance(piece, bytes):
                pieces.append(piece)
                continue
            await self._count(pieces, 0, more=True)
            pieces = []
            offset, count = piece
            if await self.connection.transport.sendfile(body.fd, offset, count, self.seconds) < count:
                raise ConnectionAbortedError("the file became shorter while it was sent")
        await self._count(pieces, 0)

    async def _send_stream(self, body: Stream) -> None:
        """Send a body that is produced meanwhile."""
        x = self.x
        if body.raw:
            x.keep_alive = False
            await self._pump(body, await body.read())
        elif x.header_only or has_no_body(self.response.status):
            await self._count([self._head(body.total)], 0)
        else:
            head = [] if x.protocol == "HTTP/0.9" else [self._head(body.total)]
            await self._count(head, 0, more=body.ready)
            await self._pump(body, await body.read())
        await body.finish()

    async def _pump(self, body: Stream, data: bytes) -> None:
        """Send a stream to its end; while the client takes nothing the body may go on with its other work."""
        transport = self.connection.transport
        while data:
            rest = memoryview(encode_chunk(data) if self.chunked else data)
            if not body.raw:  # nobody looks for where the body of a whole answer begins
                self.x.sent_body += len(data)
            while rest:
                sent = transport.send_now(rest)
                rest = rest[sent:]
                if rest and not sent:
                    await body.while_blocked(transport.fd, self.seconds)
            data = await body.read()
        if self.chunked:
            await self._count([LAST_CHUNK], 0)

    def _head(self, length: int | None) -> bytes:
        x, response = self.x, self.response
        status = response.status
        decided = persistence(x, response, length, self.connection.stopping)
        x.keep_alive, self.chunked = decided.keep, decided.chunked
        lines = [
            f"{decided.version} {response.reason or status_line(status)}",
            f"Date: {x.world.dates.http_date(int(x.request_time))}",
            f"Server: {server_product(x.world.site)}",
        ]
        fields = self._fields(status, length)
        content = self._content_fields(fields, status)
        if decided.lines and decided.lines[0].startswith("Keep-Alive"):
            fields.unset("Keep-Alive")  # a module's gives way to the connection's own
        lines += [f"{name}: {value}" for name, value in fields.items()]
        lines += decided.lines
        lines += content
        x.notes["sent-head"] = lines
        if "track-first-byte" in x.notes:
            x.first.notes["first-byte"] = int((time.time() - x.first.request_time) * 1_000_000)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _fields(self, status: int, length: int | None) -> Headers:
        """What the modules set, with the length; a 304 keeps all of it, but nothing that the resource says of itself.

        How a body is framed is the connection's business alone, whatever a module said about it.
        """
        fields = self._modules_fields()
        fields.unset("Transfer-Encoding")
        if has_no_body(status):
            fields.unset("Content-Length")
        elif length is not None and not (self.x.header_only and length == 0):
            fields.set("Content-Length", str(length))
        elif not self.x.header_only or fields.get("Content-Length") == "0":
            fields.unset("Content-Length")
        return fields

    def _content_fields(self, fields: Headers, status: int) -> list[str]:
        """Content-Type and its kin: in the place that a module gave them, or last, as Apache writes them."""
        x = self.x
        if has_no_body(status):
            x.content_type = None  # the log shows what was sent
            return []
        own = {
            "Content-Type": full_content_type(x),
            "Content-Encoding": x.content_encoding,
            "Content-Language": self._languages(fields) if x.content_languages else None,
        }
        lines = []
        for name, value in own.items():
            if not value:
                continue
            if name in fields:
                fields.set(name, value)
            else:
                lines.append(f"{name}: {value}")
        return lines

    def _languages(self, fields: Headers) -> str:
        """The resource's own languages, and those that a module named besides."""
        named = dict.fromkeys(self.x.content_languages)
        known = {language.lower() for language in named}
        for language in (fields.get("Content-Language") or "").split(","):
            if language.strip() and language.strip().lower() not in known:
                named[language.strip()] = None
        return ",".join(named)

    def _modules_fields(self) -> Headers:
        x = self.x
        fields = x.err_headers_out.copy()
        for name, value in x.headers_out.items():
            fields.add(name, value)
        for name in ("Date", "Server", "Connection"):
            fields.unset(name)
        if "Vary" in fields:
            if "force-no-vary" in x.env:
                fields.unset("Vary")
            elif varies := _one_vary(fields.get_all("Vary")):
                fields.set("Vary", varies)
        return fields


def _one_vary(values: list[str]) -> str:
    """All that Vary fields name, each once. (fixup_vary)"""
    names: dict[str, str] = {}
    for name in (part for value in values for part in value.replace(",", " ").split()):
        names.setdefault(name.lower(), name)
    return ",".join(names.values())
