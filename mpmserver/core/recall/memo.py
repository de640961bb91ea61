"""Whether one request's answer may be remembered: everything that it did may say no, and nothing may take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpmserver.core.recall.looks import Looks
from mpmserver.core.recall.routes import Route, route_of

if TYPE_CHECKING:
    from mpmserver.core.exchange import Exchange
    from mpmserver.core.recall.behind import FileBehind
    from mpmserver.http.headers import Headers


class Memo:
    """Kept by the first Exchange of a request that might be remembered."""

    __slots__ = (
        "asked", "at_once", "behind", "body", "expires_after", "file", "head", "looks", "refused", "route",
    )  # fmt: skip

    def __init__(self, headers: Headers, *, at_once: bool = False) -> None:
        self.at_once = at_once
        """Whether it comes for the first time: it is remembered in brief or not at all."""
        self.looks = Looks()
        self.asked = headers.asked = set()
        """The request fields that anybody looked at, in lower case; "*" for all of them."""
        self.head: bytes | None = None
        """The head that was sent, and its body where that is in memory and all of it; the sender puts them here."""
        self.body: bytes | None = None
        self.file: FileBehind | None = None
        """The file that `body` was read from, where it is one's contents or a part of them."""
        self.behind: FileBehind | None = None
        """The file that was sent behind the head, where that is no body to be kept in memory."""
        self.expires_after: int | None = None
        """The seconds between the answer's Date and its Expires, where that is made of the time of the answer."""
        self.refused: str | None = None
        """Why not, in a word or two for the status page; None so far."""
        self.route: Route | None = None
        """How it came to a handler that answers anew each time, where that alone speaks against it."""

    def refuse(self, reason: str) -> None:
        """The answer depends on more than head and files, or did more than answer; the first reason is kept."""
        if self.refused is None:
            self.refused = reason

    def end_at(self, x: Exchange, module: str) -> None:
        """A handler is asked that answers anew each time, or declines for more than head and files."""
        if self.refused is None:
            self.route = route_of(x, self, module)
            self.refuse(f"mod_{module}")
