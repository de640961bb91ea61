"""One request with its answer in the making: what hooks are called with.

An internal redirect makes a new Exchange whose `prev` is the old one; a subrequest makes one whose `main` is
the request that asked. LOG runs once, for the first Exchange of a chain, and sees the last one's answer.

Clean-up is a synchronous stack of functions, run last in first out by whoever drives the exchange to its
end; a coroutine's `finally` never awaits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mpmserver.core.recall.looks import DISK, Files
from mpmserver.http.headers import ChangedHeaders, Headers
from mpmserver.http.request import Request

if TYPE_CHECKING:
    from mpmserver.core.body import Filter, RequestBody, Response
    from mpmserver.core.plan import Plan
    from mpmserver.core.recall.memo import Memo
    from mpmserver.core.recall.routes import Route
    from mpmserver.core.site import Merged, Server
    from mpmserver.core.ways import Way
    from mpmserver.core.world import World


_NO_NOTES: Mapping[str, Any] = MappingProxyType({})
"""The notes of the many connections that have none."""
_NUMBERS = count(1)


class Peer:
    """Both ends of a connection, as requests see them.

    `local` and `remote` are (address, port) with the address as text ("::1" for IPv6); `client_ip` is what
    mod_remoteip may replace. `notes` lives as long as the connection. Idle connections are mostly this: what is
    rarely asked for (`remote`, `number`) is made then.
    """

    __slots__ = ("_number", "address", "fd", "keepalives", "local", "log_id", "notes", "port", "secure")

    def __init__(self, local: tuple[str, int], remote: tuple[str, int], fd: int = -1, secure: bool = False) -> None:
        self.local = local
        self.address = remote[0].encode()
        """The client's, for logs and scoreboard."""
        self.port = remote[1]
        self.fd = fd
        """The client's socket, for those who wait for something else and must know when it hangs up; -1 without one."""
        self._number = 0
        self.secure = secure
        self.keepalives = 0
        """Requests answered on this connection before the present one (%k)."""
        self.notes: Mapping[str, Any] = _NO_NOTES
        self.log_id: str | None = None

    @property
    def remote(self) -> tuple[str, int]:
        """The client's address and port."""
        return self.address.decode(), self.port

    @property
    def number(self) -> int:
        """A number that no other connection of this process has."""
        if not self._number:
            self._number = next(_NUMBERS)
        return self._number

    def note(self, name: str, value: Any) -> None:
        """Keep something as `notes[name]`."""
        if self.notes is _NO_NOTES:
            self.notes = {}
        self.notes[name] = value  # type: ignore[index]


class Exchange:
    """A request's state while it passes through the phases; the fields are Apache's request_rec's."""

    __slots__ = (
        "_last", "allowed", "args", "auth_type", "body", "bytes_in", "bytes_out", "charset", "cleanups", "client_ip",
        "client_port", "content_encoding", "content_languages", "content_type", "env", "err_headers_out", "filename",
        "files", "filters", "finfo", "handler", "headers_in", "headers_out", "hostname", "keep_alive", "log_id",
        "main", "memo", "method", "next", "no_cache", "no_local_copy", "notes", "path_info", "peer", "plan", "port",
        "prev", "protocol", "redirects", "request", "request_time", "response", "route", "sent_body", "server",
        "settings", "status", "trace", "unparsed_uri", "uri", "used_path_info", "user", "way", "world",
    )  # fmt: skip

    world: World
    """What requests share in this process: resolver, child, site."""
    request: Request
    """As received; what modules change is below."""
    peer: Peer
    server: Server
    body: RequestBody
    files: Files
    """How hooks look at the disk."""
    memo: Memo | None
    """What decides whether this request's answer is remembered, None where it won't be; one for its whole chain."""
    route: Route | None
    """What takes the place of its phases, where it is known to which handler they lead."""
    method: str
    protocol: str
    unparsed_uri: str
    uri: str
    """The path: unescaped, normalized (may be changed by TRANSLATE hooks of modules that rewrite)."""
    args: str | None
    """The query as received, without the '?'."""
    hostname: str | None
    """Host without port, lower case; None where the request named none."""
    port: int | None
    """The port in Host, if any."""
    filename: str | None
    path_info: str
    way: Way | None
    """How its folder was reached: no .htaccess file is looked for twice for one request of a client."""
    finfo: Any
    """`os.stat_result` of `filename`, None where it does not exist."""
    used_path_info: bool | None
    """What the handler thinks of trailing path info: True accept, False reject, None AcceptPathInfo Default."""
    settings: Merged
    plan: Plan
    handler: str | None
    content_type: str | None
    charset: str | None
    content_encoding: str | None
    content_languages: list[str]
    headers_in: Headers
    """The request's; copy before a change (`own_headers_in`)."""
    headers_out: Headers
    err_headers_out: Headers
    """Sent with errors too, and they survive internal redirects."""
    env: dict[str, str]
    """subprocess_env: SetEnv, SetEnvIf, REDIRECT_*."""
    notes: dict[str, Any]
    user: str | None
    auth_type: str | None
    client_ip: str
    """Who asks; mod_remoteip may know better than the connection does, and then often knows no port (0)."""
    client_port: int
    status: int
    response: Response | None
    filters: list[Filter]
    prev: Exchange | None
    next: Exchange | None
    """The one that it was redirected to."""
    main: Exchange | None
    _last: Exchange | None
    redirects: int
    request_time: float
    log_id: str | None
    no_cache: bool
    no_local_copy: bool
    """No conditional answers (304): a CGI script's output, an error page."""
    keep_alive: bool
    """False once the server has decided to end the connection; behind the answer, whether it really goes on."""
    allowed: set[str]
    """The methods that handlers have said they would answer, for Allow."""
    bytes_in: int
    bytes_out: int
    sent_body: int
    trace: Callable[[str, str, Any], None] | None
    """Reports (phase, module, outcome) of each hook when somebody asks why; None costs a comparison."""
    cleanups: list[Callable[[], object]]

    def __init__(self, request: Request, peer: Peer, server: Server, body: RequestBody, world: World) -> None:
        self.world, self.server = world, server
        self.request, self.peer, self.body = request, peer, body
        self.method, self.protocol = request.method, request.protocol
        self.unparsed_uri, self.headers_in = request.target, request.headers
        self.bytes_in = request.head_bytes
        self.client_ip, self.client_port = peer.address.decode(), peer.port
        self.settings = settings = server.defaults
        self.plan = settings.plan
        self.files = DISK
        self.request_time = time.time()
        self.status = 200
        self.keep_alive = True
        # nothing is known or decided yet
        self.uri = self.path_info = ""
        self.redirects = self.bytes_out = self.sent_body = 0
        self.no_cache = self.no_local_copy = False
        self.memo = self.route = self.way = self.response = self.trace = None
        self.args = self.hostname = self.port = self.filename = self.finfo = self.used_path_info = None
        self.handler = self.content_type = self.charset = self.content_encoding = None
        self.user = self.auth_type = self.log_id = None
        self.prev = self.next = self.main = self._last = None
        self.headers_out = Headers()
        self.err_headers_out = Headers()
        self.env, self.notes = {}, {}
        self.content_languages, self.filters, self.cleanups = [], [], []
        self.allowed = set()

    @property
    def header_only(self) -> bool:
        """True for HEAD: the head is made as for GET and no body is sent."""
        return self.request.method == "HEAD"

    @property
    def first(self) -> Exchange:
        """The Exchange that the client's request began with."""
        x = self
        while x.prev is not None or x.main is not None:
            x = x.prev or x.main  # type: ignore[assignment]
        return x

    @property
    def last(self) -> Exchange:
        """After internal redirects: the Exchange that answered; set on the first one before LOG."""
        return self._last or self

    @last.setter
    def last(self, x: Exchange) -> None:
        self._last = None if x is self else x  # nothing refers to itself, or it would wait for the garbage collector

    def own_headers_in(self) -> Headers:
        """Return request headers that may be changed without touching the request as received."""
        shared = self.headers_in
        if shared is self.request.headers or (self.main is not None and shared is self.main.headers_in):
            own = self.headers_in = shared.copy() if isinstance(shared, ChangedHeaders) else ChangedHeaders.of(shared)
            before = self.prev
            while before is not None and before.headers_in is shared:
                before.headers_in = own
                before = before.prev
        return self.headers_in

    def on_end(self, function: Callable[[], object]) -> None:
        """Have `function` called when the client's request is over, last in first out."""
        self.first.cleanups.append(function)

    def release(self) -> None:
        """The request is over: let the chain refer back only, so that all of it is freed at once."""
        x: Exchange | None = self
        while x is not None:
            x._last = None
            x.next, x = None, x.next

    def finish(self) -> None:
        """Run the clean-ups (of a first Exchange); each runs even when another raises, and the last error is raised."""
        failure: BaseException | None = None
        while self.cleanups:
            try:
                self.cleanups.pop()()
            except BaseException as error:  # noqa: BLE001 (raised when all clean-ups have run)
                failure = error
        if failure is not None:
            raise failure
