"""Requests without a socket: a configuration text, the modules a test names, and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpmserver.config.load import Loaded, LoadOptions, load
from mpmserver.core.body import Content, OpenFile, Response
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.output import deliverable
from mpmserver.core.pipeline import answer
from mpmserver.core.settings import Level
from mpmserver.core.site import Server, Site
from mpmserver.core.steps import then, waited
from mpmserver.core.world import World
from mpmserver.http.head import parse_head
from mpmserver.modules import authz_core, core, http, unixd
from mpmserver.modules.so import Catalog
from mpmserver.mpm import prefork
from mpmserver.serve.input import NO_REQUEST_BODY, NoRequestBody

BASE = "ServerName localhost\nListen 127.0.0.1:80\nErrorLog error.log\n"


class SomeModules:
    """A catalog of a few modules, so that a test depends on no others."""

    default_mpm = "prefork"
    mpms: tuple[str, ...] = ("prefork",)

    def __init__(self, *modules: Any) -> None:
        found = (core.MODULE, http.MODULE, unixd.MODULE, authz_core.MODULE, *modules)
        self._found = {module.identifier: module for module in found}
        self.static = tuple(self._found)

    def names(self) -> tuple[str, ...]:
        return self.static

    def find(self, identifier: str, path: str) -> Any:
        if identifier == "mpm_prefork_module":
            return prefork.MODULE
        return self._found.get(identifier) or Catalog().find(identifier, path)


@dataclass(slots=True)
class Loading:
    """A configuration with the warnings it gave."""

    loaded: Loaded
    warnings: list[str] = field(default_factory=list)


def configure(text: str, root: Path, *modules: Any) -> Loading:
    """Load a configuration text that stands below BASE; raises ConfigError."""
    file = root / "httpd.conf"
    file.write_text(BASE + text + "\n", encoding="utf-8")
    warnings: list[str] = []
    options = LoadOptions(str(root), str(file), environ={})
    loaded = load(options, SomeModules(*modules), lambda message, origin: warnings.append(message))
    return Loading(loaded, warnings)


def offset(line: int) -> int:
    """The line in a test's own text."""
    return line - BASE.count("\n")


class ListLog:
    """An error log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[Level, str]] = []

    def write(self, server: Server, level: Level, module: str, message: str, exchange: Exchange | None) -> None:
        self.lines.append((level, message))

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        return True


class OneBody(NoRequestBody):
    """A body in one piece."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    async def read(self, count: int) -> bytes:
        data, self._data = self._data[:count], self._data[count:]
        return data


class TestSite:
    """A site that answers requests in place."""

    __test__ = False

    def __init__(self, text: str, root: Path, *modules: Any) -> None:
        loading = configure(text, root, *modules)
        self.world = World(Site(loading.loaded.configuration), loading.loaded.context)
        self.log = ListLog()
        for server in self.world.site.servers:
            server.error_log = self.log

    def ask(self, method: str, target: str, *headers: str, body: bytes = b"", version: str = "HTTP/1.1") -> Exchange:
        """Answer one request; the response is as it would be sent."""
        fields = ["Host: localhost", *headers] if not any(h.startswith("Host:") for h in headers) else list(headers)
        if body:
            fields.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([f"{method} {target} {version}", *fields]) + "\r\n\r\n"
        hosts = self.world.hosts.for_address(("127.0.0.1", 80))
        request = parse_head(head.encode("latin-1"), hosts.default.head_limits)
        peer = Peer(("127.0.0.1", 80), ("127.0.0.1", 12345))
        server = hosts.choose(request.host, request.uri.path_raw)
        x = Exchange(request, peer, server, OneBody(body) if body else NO_REQUEST_BODY, self.world)
        x.uri, x.args = request.uri.path_raw, request.uri.query
        x.hostname, x.port = request.host, request.port
        return _run(_answered(x))


async def _answered(x: Exchange) -> Exchange:
    last: Exchange = await then(waited(answer(x)), deliverable)
    return last


def _run(coroutine: Any) -> Exchange:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("a request that needs no waiting waited")


def content(x: Exchange) -> bytes:
    """The body of an answer; closes it."""
    response: Response | None = x.response
    assert response is not None
    body = response.body
    try:
        if isinstance(body, Content):
            return body.data
        if isinstance(body, OpenFile):
            with open(body.fd, "rb", closefd=False) as file:
                pieces = []
                for piece in body.pieces:
                    if isinstance(piece, bytes):
                        pieces.append(piece)
                    else:
                        file.seek(piece[0])
                        pieces.append(file.read(piece[1]))
                return b"".join(pieces)
        return b""
    finally:
        body.close()
