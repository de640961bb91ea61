"""A site without sockets: a configuration as text, requests through the pipeline, answers as values.

The modules are the real ones; only MPM, connection and logs are left out. Error log lines are kept in `log`.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mpmserver.config.build import Build, Configuration, Registry
from mpmserver.config.context import ReadContext
from mpmserver.config.errors import ConfigError
from mpmserver.config.expand import expand
from mpmserver.config.node import Origin
from mpmserver.config.sections import HostConfig
from mpmserver.config.syntax import parse_text
from mpmserver.core.body import Body, Content, OpenFile, Stream
from mpmserver.core.exchange import Exchange, Peer
from mpmserver.core.module import Module
from mpmserver.core.pipeline import answer
from mpmserver.core.settings import Level
from mpmserver.core.site import Server, Site
from mpmserver.core.steps import waited
from mpmserver.core.world import World
from mpmserver.http.framing import NoBody
from mpmserver.http.headers import Headers
from mpmserver.http.request import Request
from mpmserver.http.uri import parse_target
from mpmserver.net.waits import Sleep, Wait
from mpmserver.serve.input import NO_REQUEST_BODY

USUAL = ("core", "mime", "dir", "alias", "autoindex", "env", "setenvif", "authz_core", "authz_host")
TYPES = "text/html html\ntext/plain txt\nimage/gif gif\napplication/x-tar tar\napplication/gzip gz\n"

T = TypeVar("T")


def driven(coroutine: Coroutine[Wait, Any, T]) -> T:
    """Run a coroutine to its end; where it lets others go first nobody is there."""
    try:
        while True:
            waited = coroutine.send(None)
            assert isinstance(waited, Sleep), waited
            assert not waited.seconds
    except StopIteration as end:
        result: T = end.value
        return result


class NoModules:
    """What reading asks about modules: nothing can be loaded, everything is there."""

    def load(self, name: str, path: str, origin: Origin) -> None:
        raise ConfigError(f"LoadModule {name}", origin)

    def is_loaded(self, name: str) -> bool:
        return True

    def has_directive(self, name: str) -> bool:
        return True

    def has_section(self, name: str) -> bool:
        return True


@dataclass(frozen=True)
class Answer:
    """What a request came to; `x` is the Exchange that answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    x: Exchange

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")


class SiteKit:
    """One configuration, served in this process."""

    def __init__(self, root: Path, text: str, modules: Iterable[str] = USUAL) -> None:
        self.root = root
        self.docs = root / "htdocs"
        self.docs.mkdir(exist_ok=True)
        (root / "logs").mkdir(exist_ok=True)
        (root / "conf").mkdir(exist_ok=True)
        (root / "conf" / "mime.types").write_text(TYPES)
        self.warnings: list[str] = []
        self.log: list[tuple[Level, str, str]] = []
        loaded = [import_module(f"mpmserver.modules.{name}").MODULE for name in modules]
        self.site, context = self._build(text, loaded)
        for server in self.site.servers:
            server.error_log = self
        self.world = World(self.site, context)

    def _build(self, text: str, modules: list[Module]) -> tuple[Site, ReadContext]:
        registry = Registry()
        for module in modules:
            registry.add(module.name, module.directives)
        configuration = Configuration(
            str(self.root), HostConfig(Origin("test.conf", 0)), registry, modules,
            warn=lambda message, origin: self.warnings.append(message),
        )  # fmt: skip
        context = ReadContext(str(self.root), NoModules())
        configuration.read_context = context
        tree = expand(parse_text(f"DocumentRoot {self.docs}\nServerName localhost\n{text}", "test.conf"), context)
        Build(configuration, configuration.main, configuration.main.defaults).walk(tree)
        for module in modules:
            if module.post_config is not None:
                module.post_config(configuration)
        return Site(configuration), context

    def logs(self, level: Level, module: str, exchange: Exchange | None = None) -> bool:
        """Everything is kept."""
        return True

    def write(
        self, server: Server, level: Level, module: str, message: str, exchange: Exchange | None
    ) -> None:
        """Keep a message of the error log."""
        self.log.append((level, module, message))

    def file(self, name: str, content: str = "x", mtime: float | None = None) -> Path:
        """Make a file below the DocumentRoot."""
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def get(self, target: str, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Send a request and return its answer."""
        x = driven(waited(answer(self.exchange(target, method, headers))))
        response = x.response
        assert response is not None
        body = driven(read_body(response.body))
        response.body.close()
        fields = dict([*x.headers_out.items(), *x.err_headers_out.items()])
        if x.content_type:
            fields["Content-Type"] = x.content_type
        return Answer(response.status, fields, body, x)

    def exchange(self, target: str, method: str = "GET", headers: Iterable[tuple[str, str]] = ()) -> Exchange:
        """Return a request as the connection would open it."""
        uri = parse_target(target, method)
        assert uri is not None
        fields = Headers([("Host", "localhost:8080"), *headers])
        request = Request(
            method=method, target=target, protocol="HTTP/1.1", version=(1, 1), headers=fields,
            request_line=f"{method} {target} HTTP/1.1", head_bytes=100, uri=uri, host="localhost", port=8080,
            keep_alive=True, keep_alive_asked=False, expect_continue=False, framing=NoBody(),
        )  # fmt: skip
        peer = Peer(("127.0.0.1", 8080), ("127.0.0.2", 40000))
        x = Exchange(request, peer, self.site.main, NO_REQUEST_BODY, self.world)
        x.uri, x.args, x.hostname, x.port = uri.path_raw, uri.query, request.host, request.port
        return x


async def read_body(body: Body) -> bytes:
    """All bytes of a body."""
    if isinstance(body, Content):
        return body.data
    if isinstance(body, OpenFile):
        return b"".join(p if isinstance(p, bytes) else os.pread(body.fd, p[1], p[0]) for p in body.pieces)
    pieces = []
    if isinstance(body, Stream):
        while data := await body.read():
            pieces.append(data)
    return b"".join(pieces)


def refusal(root: Path, text: str, modules: Iterable[str] = USUAL) -> str:
    """The message with which a configuration is refused, "" where it is not."""
    try:
        SiteKit(root, text, modules)
    except ConfigError as error:
        return error.message
    return ""
