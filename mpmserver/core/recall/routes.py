"""Routes: how a request came to a handler that answers anew each time, so that the next one like it goes there at once.

What a script says can't be remembered, but all that comes before it can: a `Memo` that was refused by nobody but the
handler has followed phases that depended on nothing but the request's head and the files they looked at. A `Route` is
the state in which they left the request. It holds as a remembered answer does, for the same heads and as long as the
files are as they were; whatever is out of the ordinary makes none.
"""

from __future__ import annotations

import contextlib
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from mpmserver.core.recall.asked import asked_of
from mpmserver.core.recall.looks import Seen, unchanged
from mpmserver.core.recall.record import key_of
from mpmserver.http.framing import NO_BODY
from mpmserver.http.headers import EVERYTHING

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.memo import Memo
    from mpmserver.core.recall.memory import Recall

MOST: Final = 512
"""How many routes a process keeps at most: scripts are fewer than files."""
ROUTE_BYTES: Final = 4096
"""What one costs: of RecallSize, as much again as for answers goes to routes at most."""
LONGEST: Final = 1024
"""Bytes of a request line; of a longer one there is no route, for it keeps that several times over."""
_PLAIN: Final = (str, int, bool, type(None))


class Route(Seen):
    """The way to one handler for requests with one key and the same values of the fields that decided."""

    __slots__ = (
        "_content_encoding", "_content_languages", "_content_type", "_env", "_filename", "_finfo",
        "_flags", "_notes", "_path_info", "_settings", "_uri", "asked", "handler", "module", "stale",
    )  # fmt: skip

    def __init__(self, x: Exchange, memo: Memo, module: str) -> None:
        """Of a request that the handler of `module` is about to answer."""
        super().__init__()
        self.asked = asked_of(memo.asked, x.request.headers.joined)
        self.module = module
        self.handler: str | None = None
        """What the phases have set: known when the handler is through."""
        self._settings = x.settings
        self._uri, self._filename, self._path_info, self._finfo = x.uri, x.filename, x.path_info, x.finfo
        self._content_type, self._content_encoding = x.content_type, x.content_encoding
        self._content_languages = x.content_languages
        self._flags = x.charset, x.used_path_info, x.no_cache, x.no_local_copy
        self._env, self._notes = x.env.copy(), x.notes.copy()
        self.stale = False
        """Whether something has changed; whoever hears of a change sets it."""

    def lead(self, x: Exchange) -> None:
        """Put a request where the phases would have left it."""
        x.settings = settings = self._settings
        x.plan = settings.plan
        x.uri, x.filename, x.path_info, x.finfo = self._uri, self._filename, self._path_info, self._finfo
        x.content_type, x.content_encoding, x.handler = self._content_type, self._content_encoding, self.handler
        x.content_languages = self._content_languages  # nobody changes the list itself
        x.charset, x.used_path_info, x.no_cache, x.no_local_copy = self._flags
        x.env, x.notes = self._env.copy(), self._notes.copy()


def route_of(x: Exchange, memo: Memo, module: str) -> Route | None:
    """The route of a request, where there is nothing about it that a `Route` doesn't hold."""
    if len(x.request.request_line) > LONGEST:
        return None
    if x.prev is not None or x.main is not None or x.trace is not None or x.peer.notes or EVERYTHING in memo.asked:
        return None
    if x.method != x.request.method or x.protocol != x.request.protocol or x.headers_in is not x.request.headers:
        return None
    if x.headers_out.joined or x.err_headers_out.joined or x.cleanups or x.allowed or x.status != 200:
        return None  # (its filters are inserted anew, as they were for this one)
    if x.user is not None or x.auth_type is not None or x.log_id is not None or not x.keep_alive:
        return None
    if x.unparsed_uri != x.request.target or x.args != x.request.uri.query or x.hostname != x.request.host:
        return None
    if x.port != x.request.port or not all(map(_may_be_shared, x.notes.values())):
        return None
    return Route(x, memo, module)


def _may_be_shared(note: Any) -> bool:
    """Whether a note says the same of another request, and can't be changed by it (lists of names never are)."""
    return all(type(each) in _PLAIN for each in note) if isinstance(note, list | tuple) else type(note) in _PLAIN


class Routes:
    """The routes of one process; who may remember answers (`Recall.owner`) may use them."""

    def __init__(self, recall: Recall) -> None:
        self._recall = recall
        self.known: dict[tuple[Any, ...], Route] = {}
        """By what every answer depends on: local address, request line, host meant, what becomes of the connection."""
        self._most = min(MOST, recall.room.limit // ROUTE_BYTES)

    def find(self, x: Exchange) -> Route | None:
        """The route of a request that has just begun, None where none is known; one that holds no more is forgotten."""
        request = x.request
        key = (x.peer.local, *key_of(request))
        route = self.known.get(key)
        if route is None or request.framing is not NO_BODY or request.expect_continue:
            return None
        if x.peer.notes or x.trace is not None:
            return None  # what is known of this connection alone may decide
        recall = self._recall
        if recall.owner is not None and get_ident() != recall.owner:
            return None
        if route.stale or not route.is_fresh(x.request_time, recall.revalidate):
            self._forget(key)
            return None
        if not route.asked.suits(request.headers.joined):
            return None
        recall.pass_by(f"mod_{route.module}")
        return route

    def keep(self, x: Exchange, route: Route, memo: Memo) -> None:
        """Remember the route of a request that has been answered, where none is known to its like."""
        recall = self._recall
        key = (x.peer.local, *key_of(x.request))
        if key in self.known or (recall.owner is not None and get_ident() != recall.owner):
            return
        looks = memo.looks
        if not looks.settled(int(x.request_time * 1e9)):
            return
        checks = recall.freshness.guard(route, looks)
        if checks is None or (recall.freshness.looks_each_time and not unchanged(checks)):
            return
        route.checks, route.look = checks, recall.freshness.looks_each_time
        route.hold(x.request_time, recall.revalidate)
        route.handler = x.handler
        self.known[key] = route
        while len(self.known) > self._most:
            with contextlib.suppress(StopIteration, RuntimeError):  # another thread may do the same
                self._forget(next(iter(self.known)))

    def _forget(self, key: tuple[Any, ...]) -> None:
        route = self.known.pop(key, None)
        if route is not None:
            self._recall.freshness.release(route)
